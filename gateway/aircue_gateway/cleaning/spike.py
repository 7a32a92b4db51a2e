"""Spike: excursions of up to three samples that come back, measured by the size of the series' own changes.

A value is suspected when it lies further than k scales from its last three trusted neighbours (outside the interval
they span). It stays flagged when the series comes back within three samples. It is cleared, through `revised`, when the
fourth sample is still out there: then it was a step, as a shower or an opened window makes.

The scale is the mean size of the last changes (about `memory` of them), with each clipped to `CLIP` scales so that no
spike widens it (a Huber-type M-estimate, Huber 1964), and without the repeats, which say how coarse a sensor is and not
how much its air moves. A median of absolute differences, as in Hampel's filter, is 0 on a coarse sensor. A change of k
scales is judged against the values on both sides, as in the Hampel filter with a window after the value (Pearson 2002),
only that the value is flagged at once and the judgement follows.
"""

from typing import NamedTuple

from aircue_gateway.batch import Status

LONGEST = 3  # samples of a spike, and samples after a value at which its flag may still be revised
WARM_UP = 4
CLIP = 5.0


class Suspect(NamedTuple):
    """A flagged value. age: how many samples the stage had seen since the first of the excursion."""

    at: float
    value: float
    age: int


class Spike:
    """Flags excursions; revised: the suspects that the last sample cleared, in order; empty it once it is read.

    start, floor: the scale a series begins with, and the least it can have. Neither the first samples of a series nor
    those after a gap over max_gap_s or a clock set back are flagged, and no bad one among them is held against the
    next; what is known of the scale stays.

    >>> spike = Spike(k=5, memory=32, start=0.5, floor=0.02, max_gap_s=120)
    >>> [spike.update(30.0 * i, v).name for i, v in enumerate([21, 21, 21.1, 21, 85, 21.1])]
    ['OK', 'OK', 'OK', 'OK', 'SPIKE', 'OK']
    """

    def __init__(self, *, k: float, memory: int, start: float, floor: float, max_gap_s: float) -> None:
        self.k = k
        self.memory = memory
        self.floor = floor
        self.max_gap_s = max_gap_s
        self.scale = max(start, floor)
        self.reach = k * self.scale
        self.changes = 1
        self.last_at: float | None = None
        self.older = self.old = self.last = 0.0
        self.seen = 0
        self._age = 0
        self._suspects: list[Suspect] = []
        self.revised: list[Suspect] = []

    def update(self, at: float, value: float) -> Status:
        last_at = self.last_at
        self.last_at = at
        if last_at is None or not 0 < at - last_at <= self.max_gap_s:
            return self._restart(value)
        if self._suspects:
            return self._judge(at, value)
        change = value - self.last
        if change:
            if self.seen >= WARM_UP and not -self.reach <= change <= self.reach and self._is_out(value):
                self._age = 0
                self._suspects.append(Suspect(at, value, 0))
                return Status.SPIKE
            self._learn(change)
        self.seen += 1
        self.older = self.old
        self.old = self.last
        self.last = value
        return Status.OK

    def passed(self) -> None:
        """A sample that another stage flagged: it ages the suspects."""
        if self._suspects:
            self._age += 1

    def _restart(self, value: float) -> Status:
        self._suspects.clear()
        self.older = self.old = self.last = value
        self.seen = 1
        return Status.OK

    def _judge(self, at: float, value: float) -> Status:
        self._age += 1
        if not self._is_out(value):
            return self._came_back(value)
        if self._age < LONGEST:
            self._suspects.append(Suspect(at, value, self._age))
            return Status.SPIKE
        return self._stayed(at, value)

    def _came_back(self, value: float) -> Status:
        """What lies within reach of the value that came back was a part of the way, and no spike."""
        self._clear([one for one in self._suspects if abs(one.value - value) < self.reach])
        self._learn(value - self.last)
        self.older, self.old, self.last = self.old, self.last, value
        self.seen += 1
        return Status.OK

    def _stayed(self, at: float, value: float) -> Status:
        """A step. What lies away from its level, the middle one of the last three, was a spike beside it."""
        level = sorted([one.value for one in self._suspects[1:]] + [value] * (LONGEST + 1 - len(self._suspects)))[1]
        cleared = [one for one in self._suspects if abs(one.value - level) <= self.reach]
        for one in (*self._suspects, Suspect(at, value, 0)):
            self._learn(one.value - self.last)
            self.last = one.value
        self._clear(cleared)
        is_spike = abs(value - level) > self.reach
        self.older = self.old = level
        self.last = level if is_spike else value
        return Status.SPIKE if is_spike else Status.OK

    def _clear(self, suspects: list[Suspect]) -> None:
        self.revised += [one for one in suspects if self._age - one.age <= LONGEST]
        self._suspects.clear()

    def _is_out(self, value: float) -> bool:
        """Further than reach from the interval of the last three trusted values."""
        older, old, last = self.older, self.old, self.last
        return value - max(older, old, last) > self.reach or min(older, old, last) - value > self.reach

    def _learn(self, change: float) -> None:
        size = abs(change)
        if not size:
            return
        if size > CLIP * self.scale:
            size = CLIP * self.scale
        if self.changes < self.memory:
            self.changes += 1
        self.scale += (size - self.scale) / self.changes
        self.reach = self.k * max(self.scale, self.floor)
