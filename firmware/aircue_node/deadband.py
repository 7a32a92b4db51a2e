"""The deadband: which samples say something new, so that the others need not be sent.

A sample is worth sending when a value moved by its quantity's deadband or more since the last sample sent, when a gap
begins or ends, when a quantity without a deadband has a value, or when the heartbeat is due: 10 intervals or 300 s,
whichever is longer. Without any deadband every sample is.
"""

_HEARTBEAT_INTERVALS = 10
_HEARTBEAT_MS = 300_000


class Deadband:
    """channels: (quantity, scale) in the order of a sample's values; limits: by quantity, in its unit.

    suppressed: how many samples were held back since this was made.
    """

    def __init__(self, channels: list[tuple[str, int]], limits: dict[str, float]) -> None:
        self._channels = channels
        self.suppressed = 0
        self.set(limits)

    def set(self, limits: dict[str, float]) -> None:
        """From now on; the next sample is sent whatever it says."""
        self._widths = [_width(limits.get(quantity), scale) for quantity, scale in self._channels]
        self._last: list[int | None] | None = None
        self._sent_ms = 0

    def passes(self, uptime_ms: int, values: "list[int | None]", interval_ms: int) -> bool:
        """Whether this sample is to be sent. It is counted where not."""
        if not self._worth(uptime_ms, values, interval_ms):
            self.suppressed += 1
            return False
        self._last, self._sent_ms = values, uptime_ms
        return True

    def _worth(self, uptime_ms: int, values: "list[int | None]", interval_ms: int) -> bool:
        if self._last is None or all([width is None for width in self._widths]):
            return True
        if uptime_ms - self._sent_ms >= max(_HEARTBEAT_INTERVALS * interval_ms, _HEARTBEAT_MS):
            return True
        return any([_moved(*row) for row in zip(values, self._last, self._widths)])


def _moved(value: "int | None", last: "int | None", width: "int | None") -> bool:
    if value is None or last is None:
        return (value is None) != (last is None)
    return width is None or abs(value - last) >= width


def _width(limit: "float | None", scale: int) -> "int | None":
    """In steps of the wire, 1 at least; rounded, because 0.2 x 100 is not 20 in every float."""
    return None if limit is None else max(1, int(limit * scale + 0.5))
