"""One boot of one node: which samples arrived, when they were measured, and what cleaning made of them."""

from collections.abc import Callable
from enum import StrEnum

from aircue_gateway.batch import Status
from aircue_gateway.cleaning import pipeline
from aircue_gateway.cleaning.air import Air
from aircue_gateway.clock import Clock, believed
from aircue_gateway.config import CleaningConfig
from aircue_gateway.intervals import Intervals
from aircue_gateway.payloads.aircue import Sample
from aircue_gateway.window import BirthRow, RevisionRow, SampleRow, StreamRow

_MOST_SUSPECTS = 8
_TRUSTED = (Status.OK, Status.SUPPRESSED)

# Feeds a trusted value (node, quantity, epoch seconds, value) to the rules; whether it changed the phase of one.
Watch = Callable[[str, str, float, float], bool]


class Lane(StrEnum):
    """Live samples and a draining backlog are two stories in two orders of time, so each has its own filters."""

    LIVE = "live"
    BACKLOG = "backlog"


class Stream:
    """revisions: the flags that the samples since it was last emptied corrected. air: what is derived at this node; the
    streams of its boots share it."""

    def __init__(
        self, config: CleaningConfig, watch: Watch, row: StreamRow | None = None, air: Air | None = None
    ) -> None:
        self._config = config
        self._watch = watch
        self._air = Air(config.mould_surface) if air is None else air
        self._lanes: dict[Lane, list[pipeline.Pipeline]] = {}
        self._climate: tuple[int, int] | None = None
        self._suspects: dict[tuple[Lane, int], dict[float, int]] = {}
        self.revisions: list[RevisionRow] = []
        self.birth: BirthRow | None = None
        self.seen = Intervals(row.ranges if row else ())
        self.clock = Clock(row.offset_ms, row.known) if row else Clock()

    def born(self, birth: BirthRow) -> None:
        """The samples from now on have these channels."""
        self.birth = birth
        self._lanes = {}
        self._suspects = {}
        quantities = [channel.quantity for channel in birth.channels]
        both = "temperature" in quantities and "humidity" in quantities
        self._climate = (quantities.index("temperature"), quantities.index("humidity")) if both else None

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
        values, statuses, changed = self._clean(lane, at_ms / 1000, sample)
        row = SampleRow(
            self.birth.id, sample.sequence, sample.uptime_ms, at_ms, received_at_ms, epoch_s == 0, values, statuses
        )
        return row, changed

    def _clean(self, lane: Lane, at: float, sample: Sample) -> tuple[tuple[int | None, ...], tuple[Status, ...], bool]:
        assert self.birth is not None
        channels, values = self.birth.channels, sample.values
        kept, statuses, changed = list(values), [Status.GAP] * len(values), False
        pipelines = self._pipelines(lane)
        for index, value in enumerate(values):
            if value is None:
                continue
            one = pipelines[index]
            status, moved = one.update(at, value / channels[index].scale)
            statuses[index] = status
            changed = changed or moved
            if status is Status.SUPPRESSED:
                kept[index] = None
            elif status is Status.SPIKE:
                self._suspect(lane, index, at, sample.sequence)
            if one.revised:
                self._revise(lane, index, one)
        if self._climate is not None:
            changed = self._derive(self._climate, at, pipelines, statuses) or changed
        return tuple(kept), tuple(statuses), changed

    def _suspect(self, lane: Lane, index: int, at: float, sequence: int) -> None:
        """Only the last few can still be cleared."""
        waiting = self._suspects.setdefault((lane, index), {})
        waiting.pop(at, None)  # of the time before a clock was set back
        waiting[at] = sequence
        if len(waiting) > _MOST_SUSPECTS:
            del waiting[next(iter(waiting))]

    def _revise(self, lane: Lane, index: int, one: pipeline.Pipeline) -> None:
        assert self.birth is not None
        for suspect in one.revised:
            sequence = self._suspects[lane, index].pop(suspect.at)
            self.revisions.append(RevisionRow(self.birth.id, sequence, index, Status.OK))
        one.revised.clear()

    def _derive(
        self, climate: tuple[int, int], at: float, pipelines: list[pipeline.Pipeline], statuses: list[Status]
    ) -> bool:
        """Whether a derived quantity changed a phase: where both of its sources are there and trusted."""
        if statuses[climate[0]] not in _TRUSTED or statuses[climate[1]] not in _TRUSTED:
            return False
        temperature, humidity = (pipelines[index].smoothed for index in climate)
        assert self.birth is not None
        assert temperature is not None
        assert humidity is not None
        node = self.birth.node
        changes = [self._watch(node, name, at, value) for name, value in self._air.update(at, temperature, humidity)]
        return any(changes)

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
