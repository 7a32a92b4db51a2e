"""Bosch BME280 and BMP280: temperature, pressure and (BME280) humidity over I2C (datasheets BST-BME280-DS002 version
1.6, BST-BMP280-DS001 version 1.19).

The part gives raw conversions; its calibration, burnt in at the factory, turns them into values. All of it is done in
integers: a board's 32-bit floats hold 24 bits, a pressure needs more.
"""

import struct

from aircue_node.sensors.bus import Port
from aircue_node.sensors.errors import RangeError, SensorError, StaleError, WrongPartError

MYPY = False
if MYPY:
    from aircue_node.ports import Bus, SleepMs

ADDRESS = 0x76
PARTS = {0x56: "bmp280", 0x57: "bmp280", 0x58: "bmp280", 0x60: "bme280", 0x61: "bme680"}
_ID = 0xD0
_STATUS = 0xF3
_DATA = 0xF7
_CALIBRATION = 0x88
_CALIBRATION_H = 0xE1
_RESET = b"\xe0\xb6"
# Registers and values in turn: temperature and pressure once, one forced measurement (F4); before it humidity once
# (F2), which counts from the write to F4 on (section 5.4.3).
_MEASURE = b"\xf4\x25"
_MEASURE_WITH_HUMIDITY = b"\xf2\x01\xf4\x25"
_IM_UPDATE = 0x01
_MEASURING = 0x08
# Start-up takes 2 ms (table 1), a measurement of the three 9.3 ms at most (section 9.1); one more for the running one.
START_MS = 3
MEASURE_MS = 11
_SKIPPED = 0x80000
_SKIPPED_H = 0x8000
_NOTHING = "nothing measured: it lost its settings, check its power"


class Calibration:
    """The coefficients T1 to T3, P1 to P9 and, where the second block is given, H1 to H6 (section 4.2.2, table 16).

    low: the 26 bytes from 0x88; high: the 7 bytes from 0xE1 or none. H4 and H5 are signed and share the byte at 0xE5.
    """

    def __init__(self, low: bytes | bytearray, high: bytes | bytearray = b"") -> None:
        words = struct.unpack("<HhhHhhhhhhhh", low[:24])
        if words[0] == 0 or words[3] == 0:
            raise RangeError("empty calibration: check the wiring, else replace the sensor")
        self.t: tuple[int, ...] = words[:3]
        self.p: tuple[int, ...] = words[3:]
        self.h: tuple[int, ...] = ()
        if high:
            h2, h3, e4, e5, e6, h6 = struct.unpack("<hBbBbb", high)
            self.h = (low[25], h2, h3, e4 * 16 + (e5 & 0x0F), e6 * 16 + (e5 >> 4), h6)


def decode(calibration: Calibration, burst: bytes | bytearray) -> list[int]:
    """[hundredths of a degree Celsius, hundredths of a percent (BME280 alone), tenths of a hPa] from the registers from
    0xF7 on: 8 bytes of a BME280, 6 of a BMP280."""
    raw_p, raw_t = raw20(burst, 0), raw20(burst, 3)
    if _SKIPPED in (raw_p, raw_t):
        raise StaleError(_NOTHING)
    fine = fine_temperature(calibration.t, raw_t)
    values = [_centi(fine), _decihecto(pressure(calibration.p, fine >> 34, raw_p))]
    if calibration.h:
        values.insert(1, humidity(calibration.h, fine >> 34, _raw_humidity(burst)))
    return values


def raw20(burst: bytes | bytearray, at: int) -> int:
    """The upper 20 bits of three bytes."""
    return burst[at] << 12 | burst[at + 1] << 4 | burst[at + 2] >> 4


def _raw_humidity(burst: bytes | bytearray) -> int:
    raw = burst[6] << 8 | burst[7]
    if raw == _SKIPPED_H:
        raise StaleError(_NOTHING)
    return raw


def fine_temperature(t: tuple[int, ...], raw: int) -> int:
    """t_fine * 2**34, exact: the datasheet's floating-point formula (section 8.1) with its divisions left out."""
    difference = raw - 16 * t[0]
    return (difference * t[1] << 20) + difference * difference * t[2]


def _centi(fine: int) -> int:
    """T = t_fine / 5120, rounded to hundredths."""
    centi = (fine * 100 // 5120 + (1 << 33)) >> 34
    if centi < -4000 or centi > 8500:
        raise RangeError("temperature outside -40 to 85")
    return centi


def pressure(p: tuple[int, ...], t_fine: int, raw: int) -> int:
    """Pascals * 256, the datasheet's 64-bit formula (section 4.2.3)."""
    var1 = t_fine - 128000
    var2 = var1 * var1 * p[5] + (var1 * p[4] << 17) + (p[3] << 35)
    var1 = (var1 * var1 * p[2] >> 8) + (var1 * p[1] << 12)
    var1 = ((1 << 47) + var1) * p[0] >> 33  # over 0 for every t_fine of -40 to 85 degrees, since P1 is
    pascals = (((1048576 - raw) << 31) - var2) * 3125 // var1
    var1 = p[8] * (pascals >> 13) * (pascals >> 13) >> 25
    var2 = p[7] * pascals >> 19
    return (pascals + var1 + var2 >> 8) + (p[6] << 4)


def _decihecto(pascals_256: int) -> int:
    value = (pascals_256 + 1280) // 2560
    if value < 3000 or value > 11000:
        raise RangeError("pressure outside 300 to 1100 hPa")
    return value


def humidity(h: tuple[int, ...], t_fine: int, raw: int) -> int:
    """Hundredths of a percent: the floating-point formula (section 8.1) with binary points, since the datasheet's
    32-bit one loses more than a hundredth. Cut to 0 and 100 as there."""
    t = t_fine - 76800
    offset = (raw << 14) - (h[3] << 20) - h[4] * t
    slope = (1 << 52) + h[5] * t * ((1 << 26) + h[2] * t)
    linear = offset * h[1] * slope >> 58
    percent = linear - (h[0] * linear * linear >> 43)
    return min(max((percent * 100 + (1 << 23)) >> 24, 0), 10000)


class _Bosch:
    """Reset and asked for its calibration before the first read and after a failed one; then one forced measurement a
    read, so that the part sleeps between and does not warm itself."""

    name = ""
    _command = _MEASURE
    _calibration_h = 0
    _burst = 0

    def __init__(self, bus: "Bus", sleep_ms: "SleepMs", address: int = ADDRESS) -> None:
        self._port = Port(bus, address)
        self._sleep_ms = sleep_ms
        self._calibration: Calibration | None = None
        self._one = bytearray(1)
        self._data = bytearray(self._burst)

    async def read(self) -> list[int]:
        try:
            if self._calibration is None:
                self._calibration = await self._start()
            return await self._measure(self._calibration)
        except SensorError:
            self._calibration = None
            raise

    async def _start(self) -> Calibration:
        self._check_part(self._register(_ID))
        self._port.write(_RESET)
        await self._sleep_ms(START_MS)
        if self._register(_STATUS) & _IM_UPDATE:
            raise StaleError("still starting")
        high = bytearray(self._calibration_h)
        low = self._port.read_registers(_CALIBRATION, bytearray(26))
        return Calibration(low, self._port.read_registers(_CALIBRATION_H, high) if high else high)

    async def _measure(self, calibration: Calibration) -> list[int]:
        self._port.write(self._command)
        await self._sleep_ms(MEASURE_MS)
        if self._register(_STATUS) & _MEASURING:
            raise StaleError("still measuring")
        return decode(calibration, self._port.read_registers(_DATA, self._data))

    def _check_part(self, ident: int) -> None:
        part = PARTS.get(ident, "no part of this family")
        if part != self.name:
            raise WrongPartError(f"id 0x{ident:02x} is {part}, not {self.name}: change driver in settings.json")

    def _register(self, register: int) -> int:
        return self._port.read_registers(register, self._one)[0]


class Bme280(_Bosch):
    name = "bme280"
    channels = (("temperature", "Cel", 100), ("humidity", "%RH", 100), ("pressure", "hPa", 10))
    _command = _MEASURE_WITH_HUMIDITY
    _calibration_h = 7
    _burst = 8


class Bmp280(_Bosch):
    name = "bmp280"
    channels = (("temperature", "Cel", 100), ("pressure", "hPa", 10))
    _burst = 6
