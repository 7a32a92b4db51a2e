"""Winsen MQ-135 on an analogue pin: how much reducing gas there is, as the unitless ratio Rs / R0 (manual MQ135 1.4).

The ratio falls when gas comes. It is a trend of one specimen, no concentration: the part answers to dozens of gases and
to damp, and its R0 must be found in clean air after it burnt in for more than a day.
"""

from aircue_node.sensors.errors import MissingError, RangeError, StaleError

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import AnalogPin

LOAD_OHM = 10000
CLEAN_OHM = 76630
FULL_SCALE_MV = 3300
# The heater needs minutes after each power-on, whatever the burn-in was.
WARM_UP_MS = 180000
_SUPPLY_MV = 5000
_FULL = 65535
# Less than this is a wire in the air or a board without its 5 V: in clean air the part gives about a tenth of them.
_LEAST_MV = 20


def decode(raw: int, load_ohm: int, clean_ohm: int, full_scale_mv: int) -> list[int]:
    """[thousandths of Rs / R0] from a 16-bit conversion that is 65535 at full_scale_mv; Rs = RL (Vc / V - 1)."""
    level = raw * full_scale_mv
    if level < _LEAST_MV * _FULL:
        raise MissingError("no answer: 0 V on the pin, check wiring and the 5 V supply")
    if raw >= _FULL or level >= _SUPPLY_MV * _FULL:
        raise RangeError("more volts than the pin can measure: fit a divider and set full_scale_mv")
    return [(2000 * load_ohm * (_SUPPLY_MV * _FULL - level) // (level * clean_ohm) + 1) // 2]


class Mq135:
    """load_ohm: RL of the module; clean_ohm: R0, its Rs in clean air; full_scale_mv: at the sensor when the converter
    is at its end (more than the board's own where a divider is fitted)."""

    name = "mq135"
    channels = (("gas_ratio", "1", 1000),)

    def __init__(
        self,
        pin: "AnalogPin",
        uptime_ms: "Callable[[], int]",
        load_ohm: int = LOAD_OHM,
        clean_ohm: int = CLEAN_OHM,
        full_scale_mv: int = FULL_SCALE_MV,
    ) -> None:
        self._pin = pin
        self._uptime_ms = uptime_ms
        self._scale = load_ohm, clean_ohm, full_scale_mv
        self._warm_at: int | None = None
        self._lost = False

    async def read(self) -> list[int]:
        """While it is cold it is not read, unless its voltage had gone: that it came back begins the warm-up anew."""
        if self._lost:
            self._convert()
        if self._lost or self._warm_at is None:
            self._lost, self._warm_at = False, self._uptime_ms() + WARM_UP_MS
        if self._uptime_ms() < self._warm_at:
            raise StaleError(f"warming up for {WARM_UP_MS // 1000} s")
        return self._convert()

    def _convert(self) -> list[int]:
        try:
            return decode(self._pin.read_u16(), *self._scale)
        except MissingError:
            self._lost = True
            raise
