"""One boot of one node: which samples arrived, when they were measured, and what cleaning made of them."""

from collections.abc import Callable
from enum import StrEnum

from aircue_gateway.batch import Status
from aircue_gateway.cleaning import pipeline
from aircue_gateway.clock import Clock, believed
from aircue_gateway.config import CleaningConfig
from aircue_gateway.intervals import Intervals
from aircue_gateway.payloads.aircue import Sample
from aircue_gateway.window import BirthRow, SampleRow, StreamRow

# Feeds a trusted value (node, quantity, epoch seconds, value) to the rules; whether it changed the phase of one.
Watch = Callable[[str, str, float, float], bool]


class Lane(StrEnum):
    """Live samples and a draining backlog are two stories in two orders of time, so each has its own filters."""

    LIVE = "live"
    BACKLOG = "backlog"


class Stream:
    def __init__(self, config: CleaningConfig, watch: Watch, row: StreamRow | None = None) -> None:
        self._config = config
        self._watch = watch
        self._lanes: dict[Lane, list[pipeline.Pipeline]] = {}
        self.birth: BirthRow | None = None
        self.seen = Intervals(row.ranges if row else ())
        self.clock = Clock(row.offset_ms, row.known) if row else Clock()

    def born(self, birth: BirthRow) -> None:
        """The samples from now on have these channels."""
        self.birth = birth
        self._lanes = {}

    def configure(self, config: CleaningConfig) -> None:
        """Its filters start anew."""
        self._config = config
        self._lanes = {}

    def row(self) -> StreamRow:
        return StreamRow(ranges=tuple(self.seen), offset_ms=self.clock.offset_ms, known=self.clock.known)

    def anchor(self, samples: list[Sample], received_at_ms: int) -> None:
        """Learns the time from whichever sample of a message knows it, for those before it that do not."""
        if self.clock.known or not samples:
            return
        timed = [sample for sample in samples if sample.epoch_s and believed(sample.epoch_s)]
        best = timed[0] if timed else max(samples, key=lambda sample: sample.uptime_ms)
        self.clock.note(best.uptime_ms, best.epoch_s if timed else 0, received_at_ms)

    def accept(self, lane: Lane, sample: Sample, received_at_ms: int) -> tuple[SampleRow, bool]:
        """The row to store, and whether the sample changed the phase of an episode."""
        assert self.birth is not None
        epoch_s = sample.epoch_s if believed(sample.epoch_s) else 0
        self.clock.note(sample.uptime_ms, epoch_s, received_at_ms)
        at_ms = self.clock.at(sample.uptime_ms)
        values, statuses, changed = self._clean(lane, at_ms / 1000, sample.values)
        row = SampleRow(
            self.birth.id, sample.sequence, sample.uptime_ms, at_ms, received_at_ms, epoch_s == 0, values, statuses
        )
        return row, changed

    def _clean(
        self, lane: Lane, at: float, values: tuple[int | None, ...]
    ) -> tuple[tuple[int | None, ...], tuple[Status, ...], bool]:
        assert self.birth is not None
        kept, statuses, changed = list(values), [Status.GAP] * len(values), False
        pipelines = self._pipelines(lane)
        for index, value in enumerate(values):
            if value is None:
                continue
            status, moved = pipelines[index].update(at, value / self.birth.channels[index].scale)
            statuses[index] = status
            changed = changed or moved
            if status is Status.SUPPRESSED:
                kept[index] = None
        return tuple(kept), tuple(statuses), changed

    def _pipelines(self, lane: Lane) -> list[pipeline.Pipeline]:
        if lane not in self._lanes:
            assert self.birth is not None
            channels = self.birth.channels
            self._lanes[lane] = [self._pipeline(channel.quantity) for channel in channels]
        return self._lanes[lane]

    def _pipeline(self, quantity: str) -> pipeline.Pipeline:
        assert self.birth is not None
        node = self.birth.node
        return pipeline.build(self._config, quantity, lambda at, value: self._watch(node, quantity, at, value))
