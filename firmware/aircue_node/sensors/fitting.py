"""Makes the drivers that the settings name; in memory only until they are made. A new sensor is a row in DRIVERS."""

from aircue_node.config import SettingsError

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from aircue_node.ports import AnalogPin, Bus, Sensor, SleepMs, Uart
    from aircue_node.sensors.climate import Climate


class Board:
    """What drivers may ask of a board. buses: I2C buses by id; uarts: by id, what opens a UART of 9600 baud, also a
    second time; pin: makes an input pin; analog_pin: one of the converter; dht_readinto: the port's; sleep_ms and
    uptime_ms: the measuring clock."""

    def __init__(
        self,
        buses: "dict[int, Bus]",
        pin: "Callable[[int], object]",
        dht_readinto: "Callable[[object, bytearray], None]",
        sleep_ms: "SleepMs",
        uptime_ms: "Callable[[], int]",
        uarts: "dict[int, Callable[[], Uart]]",
        analog_pin: "Callable[[int], AnalogPin]",
    ) -> None:
        self.buses = buses
        self.uarts = uarts
        self.pin = pin
        self.analog_pin = analog_pin
        self.dht_readinto = dht_readinto
        self.sleep_ms = sleep_ms
        self.uptime_ms = uptime_ms
        self.told: Climate | None = None

    def bus(self, row: "dict[str, Any]") -> "Bus":
        ident = row.get("bus", 0)
        if ident not in self.buses:
            raise SettingsError(f"settings.json: sensor {row['driver']} is on I2C bus {ident}, which i2c does not list")
        return self.buses[ident]

    def climate(self) -> "Climate":
        """What the node's other sensors tell of temperature and humidity; made when the first sensor asks for it."""
        if self.told is None:
            from aircue_node.sensors.climate import Climate

            self.told = Climate(self.uptime_ms)
        return self.told

    def uart(self, row: "dict[str, Any]") -> "Callable[[], Uart]":
        ident = _needed(row, "uart")
        if ident not in self.uarts:
            raise SettingsError(f"settings.json: sensor {row['driver']} is on UART {ident}, which uart does not list")
        return self.uarts[ident]


def _sht4x(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.sht4x import ADDRESS, Sht4x

    return Sht4x(board.bus(row), board.sleep_ms, row.get("address", ADDRESS))


def _sht3x(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.sht3x import ADDRESS, Sht3x

    return Sht3x(board.bus(row), board.sleep_ms, row.get("address", ADDRESS))


def _scd4x(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.scd4x import ADDRESS, Scd4x

    return Scd4x(board.bus(row), board.sleep_ms, row.get("address", ADDRESS))


def _sgp40(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.sgp40 import ADDRESS, Sgp40

    address = row.get("address", ADDRESS)
    return Sgp40(board.bus(row), board.sleep_ms, board.uptime_ms, board.climate(), address)


def _bme280(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.bme280 import ADDRESS, Bme280

    return Bme280(board.bus(row), board.sleep_ms, row.get("address", ADDRESS))


def _bmp280(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.bme280 import ADDRESS, Bmp280

    return Bmp280(board.bus(row), board.sleep_ms, row.get("address", ADDRESS))


def _dht11(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.dht import Dht11

    return Dht11(board.pin(_needed(row, "pin")), board.dht_readinto)


def _dht22(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.dht import Dht22

    return Dht22(board.pin(_needed(row, "pin")), board.dht_readinto)


def _mhz19(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.mhz19 import Mhz19

    return Mhz19(board.uart(row), board.sleep_ms, board.uptime_ms)


def _mq135(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.mq135 import CLEAN_OHM, FULL_SCALE_MV, LOAD_OHM, Mq135

    return Mq135(
        board.analog_pin(_needed(row, "pin")),
        board.uptime_ms,
        _positive(row, "load_ohm", LOAD_OHM),
        _positive(row, "clean_ohm", CLEAN_OHM),
        _positive(row, "full_scale_mv", FULL_SCALE_MV),
    )


def _pms5003(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.pms5003 import Pms5003

    return Pms5003(board.uart(row), board.sleep_ms, board.uptime_ms)


def _pms7003(board: Board, row: "dict[str, Any]") -> "Sensor":
    from aircue_node.sensors.pms5003 import Pms7003

    return Pms7003(board.uart(row), board.sleep_ms, board.uptime_ms)


def _positive(row: "dict[str, Any]", key: str, default: int) -> int:
    number: int = row.get(key, default)
    if number < 1:
        raise SettingsError(f"settings.json: {key} of sensor {row['driver']} is {number}, 1 or more is expected")
    return number


def _needed(row: "dict[str, Any]", key: str) -> int:
    if key not in row:
        raise SettingsError(f"settings.json: sensor {row['driver']} needs the key {key}")
    number: int = row[key]
    return number


# Each builder imports its driver itself, so that a board holds in RAM only the drivers it uses.
DRIVERS = {
    "bme280": _bme280,
    "bmp280": _bmp280,
    "dht11": _dht11,
    "dht22": _dht22,
    "mhz19": _mhz19,
    "mq135": _mq135,
    "pms5003": _pms5003,
    "pms7003": _pms7003,
    "scd4x": _scd4x,
    "sgp40": _sgp40,
    "sht3x": _sht3x,
    "sht4x": _sht4x,
}


def build(rows: "list[dict[str, Any]]", board: Board) -> "list[tuple[Sensor, list[int]]]":
    """The sensors of the settings, each with the indices of its channels that are published."""
    _refuse_shared([row["uart"] for row in rows if "uart" in row])
    sensors = _heard([_sensor(row, board) for row in rows], board.told)
    kept = [(sensor, _kept(sensor, row.get("only"))) for sensor, row in zip(sensors, rows)]
    _refuse_twice([sensor.channels[index][0] for sensor, indices in kept for index in indices])
    return kept


def _heard(sensors: "list[Sensor]", climate: "Climate | None") -> "list[Sensor]":
    """Where a sensor asked for the climate, the first one that measures it tells it."""
    if climate is None:
        return sensors
    from aircue_node.sensors.climate import Telling, tells

    for index, sensor in enumerate(sensors):
        if tells(sensor):
            sensors[index] = Telling(sensor, climate)
            break
    return sensors


def _sensor(row: "dict[str, Any]", board: Board) -> "Sensor":
    driver = row["driver"]
    if driver not in DRIVERS:
        raise SettingsError(f"settings.json: unknown driver {driver}; known are {', '.join(sorted(DRIVERS))}")
    return DRIVERS[driver](board, row)


def _kept(sensor: "Sensor", only: "list[str] | None") -> list[int]:
    names = [channel[0] for channel in sensor.channels]
    for name in only or []:
        if name not in names:
            raise SettingsError(f"settings.json: {sensor.name} measures {', '.join(names)}, not {name}")
    return [index for index in range(len(names)) if only is None or names[index] in only]


def _refuse_shared(uarts: list[int]) -> None:
    for ident in uarts:
        if uarts.count(ident) > 1:
            raise SettingsError(f"settings.json: two sensors are on UART {ident}; it has room for one")


def _refuse_twice(quantities: list[str]) -> None:
    for quantity in quantities:
        if quantities.count(quantity) > 1:
            raise SettingsError(f"settings.json: two sensors give {quantity}: name the ones to keep with the key only")
