"""What the page offers: the pins of each kind of board, and every sensor with its wiring and what it measures."""

I2C, UART, LINE, ANALOG = "i2c", "uart", "line", "analog"

# driver, wiring, quantities. Of two sensors that measure the same, the upper one's value is kept.
SENSORS = (
    ("sht4x", I2C, ("temperature", "humidity")),
    ("sht3x", I2C, ("temperature", "humidity")),
    ("bme280", I2C, ("temperature", "humidity", "pressure")),
    ("dht22", LINE, ("temperature", "humidity")),
    ("dht11", LINE, ("temperature", "humidity")),
    ("bmp280", I2C, ("temperature", "pressure")),
    ("scd4x", I2C, ("co2", "temperature", "humidity")),
    ("mhz19", UART, ("co2",)),
    ("sgp40", I2C, ("voc_index",)),
    ("pms5003", UART, ("pm1", "pm25", "pm10")),
    ("pms7003", UART, ("pm1", "pm25", "pm10")),
    ("mq135", ANALOG, ("gas_ratio",)),
)

# What may answer at an I2C address; where there are several, they are asked in this order.
ADDRESSES = {
    0x44: ("sht4x", "sht3x"),
    0x45: ("sht4x", "sht3x"),
    0x59: ("sgp40",),
    0x62: ("scd4x",),
    0x76: ("bme280", "bmp280"),
    0x77: ("bme280", "bmp280"),
}


class Preset:
    """Pins that are free on most boards of a kind. uarts: (id, tx, rx); line: for a sensor on one wire; analog: of the
    converter that Wi-Fi leaves alone; button: the one beside the chip, -1 where no program can read it."""

    def __init__(
        self, sda: int, scl: int, uarts: tuple[tuple[int, int, int], ...], line: int, analog: int, button: int, led: str
    ) -> None:
        self.sda = sda
        self.scl = scl
        self.uarts = uarts
        self.line = line
        self.analog = analog
        self.button = button
        self.led = led


_PICO = Preset(4, 5, ((1, 8, 9), (0, 16, 17)), 15, 26, -1, "LED")
_ESP32 = Preset(21, 22, ((2, 17, 16), (1, 25, 26)), 4, 34, 0, "2")
_ESP32_C3 = Preset(5, 6, ((1, 7, 10),), 3, 0, 9, "8")
_ESP32_S3 = Preset(8, 9, ((1, 17, 18), (2, 15, 16)), 4, 1, 0, "")


def of_board(platform: str, machine: str) -> Preset:
    """By sys.platform and the name of the board, as MicroPython tells it."""
    if platform != "esp32":
        return _PICO
    if "C3" in machine:
        return _ESP32_C3
    return _ESP32_S3 if "S3" in machine else _ESP32
