"""Rate of change: what no air can do between two samples, whatever the sensor says."""

from aircue_gateway.batch import Status

_ACCEPTED_AFTER = 3


class Rate:
    """Flags a value further from the last accepted one than jump + per_s x the seconds between them.

    A longer pause allows more, and past max_gap_s, or when the clock is set back, nothing is compared. The first value
    may be the bad one: once three flagged values in a row could follow each other, the last of them is believed.

    >>> rate = Rate(jump=10, per_s=1, max_gap_s=600)
    >>> [rate.update(at, value).name for at, value in [(0, 21.0), (5, 85.0), (10, 21.2), (300, 60.0)]]
    ['OK', 'RATE', 'OK', 'OK']
    """

    def __init__(self, *, jump: float, per_s: float, max_gap_s: float) -> None:
        self.jump = jump
        self.per_s = per_s
        self.max_gap_s = max_gap_s
        self.at: float | None = None
        self.value = 0.0
        self._flagged: list[tuple[float, float]] = []

    def update(self, at: float, value: float) -> Status:
        if self.at is not None:
            passed = at - self.at
            change = value - self.value
            possible = self.jump + self.per_s * passed
            if 0 < passed <= self.max_gap_s and not -possible <= change <= possible:
                return self._flag(at, value)
        if self._flagged:
            self._flagged.clear()
        self.at = at
        self.value = value
        return Status.OK

    def _flag(self, at: float, value: float) -> Status:
        if self._flagged and not self._follows(at, value):
            self._flagged.clear()
        self._flagged.append((at, value))
        if len(self._flagged) >= _ACCEPTED_AFTER:
            self.at, self.value = at, value
            self._flagged.clear()
        return Status.RATE

    def _follows(self, at: float, value: float) -> bool:
        last_at, last = self._flagged[-1]
        return at > last_at and abs(value - last) <= self.jump + self.per_s * (at - last_at)
