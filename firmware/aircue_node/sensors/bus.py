"""One address on an I2C bus."""

from aircue_node.sensors.errors import MissingError

MYPY = False
if MYPY:
    from aircue_node.ports import Bus


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
