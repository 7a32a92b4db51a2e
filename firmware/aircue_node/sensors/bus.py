"""An I2C bus that frees itself, and one address on it."""

from aircue_node.sensors.errors import MissingError

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import Bus, OpenDrainPin

# A transfer that fails once is a disturbance; this many in a row, whoever was called, and the bus itself may be held.
RECOVER_AFTER = 3
# A sensor that was cut off within a byte lets SDA go after nine clocks at the latest (I2C specification, 3.1.16).
_CLOCKS = 9
_HALF_CLOCK_US = 5


def free(scl: "OpenDrainPin", sda: "OpenDrainPin", sleep_us: "Callable[[int], object]") -> bool:
    """Clocks SCL until nobody holds SDA low, nine times at most, then sends a STOP; whether SDA is free."""
    sda.value(1)
    for _ in range(_CLOCKS):
        if sda.value():
            break
        _pull(scl, 0, sleep_us)
        _pull(scl, 1, sleep_us)
    for pin, level in ((scl, 0), (sda, 0), (scl, 1), (sda, 1)):
        _pull(pin, level, sleep_us)
    return bool(sda.value())


def _pull(pin: "OpenDrainPin", level: int, sleep_us: "Callable[[int], object]") -> None:
    pin.value(level)
    sleep_us(_HALF_CLOCK_US)


class RecoveringBus:
    """The part of machine.I2C that drivers use. After RECOVER_AFTER failed transfers in a row the bus is freed and the
    peripheral, whose pins the freeing took, is opened anew; drivers reset their sensor after a failed read anyway.

    open_bus: gives the peripheral, each time set up anew; free_bus: clocks the bus free over the same pins.
    """

    def __init__(self, open_bus: "Callable[[], Bus]", free_bus: "Callable[[], object]") -> None:
        self._open = open_bus
        self._free = free_bus
        self._bus = open_bus()
        self._failed = 0
        self.recoveries = 0

    def writeto(self, addr: int, buf: bytes) -> None:
        try:
            self._bus.writeto(addr, buf)
        except OSError:
            self._count()
            raise
        self._failed = 0

    def readfrom_into(self, addr: int, buf: bytearray) -> None:
        try:
            self._bus.readfrom_into(addr, buf)
        except OSError:
            self._count()
            raise
        self._failed = 0

    def _count(self) -> None:
        self._failed += 1
        if self._failed >= RECOVER_AFTER:
            self._failed = 0
            self.recoveries += 1
            self._free()
            self._bus = self._open()


class Port:
    """An answer that does not come is a MissingError."""

    def __init__(self, bus: "Bus", address: int) -> None:
        self._bus = bus
        self._address = address

    def write(self, command: bytes) -> None:
        try:
            self._bus.writeto(self._address, command)
        except OSError:
            raise self._missing()

    def read(self, buffer: bytearray) -> None:
        try:
            self._bus.readfrom_into(self._address, buffer)
        except OSError:
            raise self._missing()

    def read_registers(self, first: int, buffer: bytearray) -> bytearray:
        self.write(bytes((first,)))
        self.read(buffer)
        return buffer

    def _missing(self) -> MissingError:
        return MissingError(f"no answer from I2C address 0x{self._address:02x}: check its power, wiring and address")
