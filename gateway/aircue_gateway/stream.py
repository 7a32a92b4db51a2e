"""One boot of one node: which samples arrived, when they were measured, and what cleaning made of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from aircue_gateway.batch import Status
from aircue_gateway.cleaning import memory, pipeline
from aircue_gateway.cleaning.air import DERIVED_UNITS, Air
from aircue_gateway.clock import Clock, believed
from aircue_gateway.config import CleaningConfig
from aircue_gateway.intervals import Intervals
from aircue_gateway.payloads.aircue import Sample
from aircue_gateway.rooms import Told
from aircue_gateway.window import BirthRow, RevisionRow, SampleRow, StreamRow

_MOST_SUSPECTS = 8
_TRUSTED = (Status.OK, Status.SUPPRESSED)
_OK = Status.OK

_tuple = tuple.__new__

# What listens for the rules to a quantity of a node (see pipeline.Watch).
Ear = Callable[[str, str], pipeline.Watch]


class Lane(StrEnum):
    """Live samples and a draining backlog are two stories in two orders of time, so each has its own filters."""

    LIVE = "live"
    BACKLOG = "backlog"


class Stream:
    """revisions: the flags that the samples since it was last emptied corrected. air: what is derived at this node; the
    streams of its boots share it. derived: what of it is watched, as it stands at each sample."""

    def __init__(
        self,
        config: CleaningConfig,
        ear: Ear,
        row: StreamRow | None = None,
        air: Air | None = None,
        derived: Sequence[str] = tuple(DERIVED_UNITS),
    ) -> None:
        self._config = config
        self._ear = ear
        self._ears: dict[str, pipeline.Watch] = {}
        self._derived = derived
        self._scales: list[int] = []
        self._all_ok: tuple[Status, ...] = ()
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
        self._scales = [channel.scale for channel in birth.channels]
        self._all_ok = (_OK,) * len(birth.channels)
        self._lanes = {}
        self._suspects = {}
        quantities = [channel.quantity for channel in birth.channels]
        both = "temperature" in quantities and "humidity" in quantities
        self._climate = (quantities.index("temperature"), quantities.index("humidity")) if both else None

    def configure(self, config: CleaningConfig) -> None:
        """Its filters start anew."""
        self._config = config
        self._lanes = {}

    def learnt(self) -> dict[str, Any]:
        """What its filters know and a fresh stream does not, as JSON has it."""
        lanes = {
            lane.value: [memory.of_pipeline(one, self._fresh(index)) for index, one in enumerate(pipelines)]
            for lane, pipelines in self._lanes.items()
        }
        suspects = [[lane.value, index, list(found.items())] for (lane, index), found in self._suspects.items()]
        return {"lanes": lanes, "suspects": suspects}

    def teach(self, learnt: Mapping[str, Any]) -> None:
        """Goes on where another one was."""
        for name, channels in learnt["lanes"].items():
            for one, kept in zip(self._pipelines(Lane(name)), channels, strict=True):
                memory.teach_pipeline(one, kept)
        self._suspects = {(Lane(name), index): dict(found) for name, index, found in learnt["suspects"]}

    def recall(self, lane: Lane, row: SampleRow) -> None:
        """Learns from a sample that was taken in before."""
        self._clean(lane, row.measured_at_ms / 1000, Sample(row.sequence, row.uptime_ms, 0, row.values))
        self.revisions.clear()

    def _fresh(self, index: int) -> pipeline.Pipeline:
        assert self.birth is not None
        return self._pipeline(self.birth.channels[index].quantity)

    def told(self, row: SampleRow) -> Iterator[Told]:
        """What the last live sample, whose row this is, says of the air."""
        assert self.birth is not None
        pipelines = self._pipelines(Lane.LIVE)
        for channel, value, status, one in zip(self.birth.channels, row.values, row.statuses, pipelines, strict=True):
            if status in _TRUSTED and one.smoothed is not None:
                yield Told(channel.quantity, one.smoothed, True)
            elif value is not None:
                yield Told(channel.quantity, value / channel.scale, False)

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
        sequence, uptime_ms, epoch_s, _ = sample
        if not believed(epoch_s):
            epoch_s = 0
        self.clock.note(uptime_ms, epoch_s, received_at_ms)
        at_ms = self.clock.at(uptime_ms)
        values, statuses, changed = self._clean(lane, at_ms / 1000, sample)
        # As SampleRow(...) makes it, without the function in Python that this is: each sample comes through here.
        row = _tuple(
            SampleRow,
            (self.birth.id, sequence, uptime_ms, at_ms, received_at_ms, epoch_s == 0, values, statuses),
        )
        return row, changed

    def _clean(self, lane: Lane, at: float, sample: Sample) -> tuple[tuple[int | None, ...], tuple[Status, ...], bool]:
        values, pipelines = sample.values, self._pipelines(lane)
        statuses, changed, revised = [], False, False
        for value, scale, one in zip(values, self._scales, pipelines, strict=True):
            if value is None:
                statuses.append(Status.GAP)
                continue
            status, moved = one.update(at, value / scale)
            statuses.append(status)
            if moved:
                changed = True
            if one.revised:
                revised = True
        found = tuple(statuses) if any(statuses) else self._all_ok
        if revised or found is not self._all_ok:
            values = self._doubted(lane, at, sample, found)
        if self._climate is not None:
            changed = self._derive(self._climate, at, pipelines, found) or changed
        return values, found, changed

    def _doubted(self, lane: Lane, at: float, sample: Sample, statuses: Sequence[Status]) -> tuple[int | None, ...]:
        """Remembers what may be cleared later, and what was cleared now; the values without those held back."""
        for index, (status, one) in enumerate(zip(statuses, self._pipelines(lane), strict=True)):
            if status is Status.SPIKE:
                self._suspect(lane, index, at, sample.sequence)
            if one.revised:
                self._revise(lane, index, one)
        if Status.SUPPRESSED not in statuses:
            return sample.values
        held = [status is Status.SUPPRESSED for status in statuses]
        return tuple(None if is_held else value for is_held, value in zip(held, sample.values, strict=True))

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
        self, climate: tuple[int, int], at: float, pipelines: list[pipeline.Pipeline], statuses: Sequence[Status]
    ) -> bool:
        """Whether a derived quantity changed a phase: where both of its sources are there and trusted."""
        if statuses[climate[0]] not in _TRUSTED or statuses[climate[1]] not in _TRUSTED:
            return False
        temperature, humidity = pipelines[climate[0]].smoothed, pipelines[climate[1]].smoothed
        assert temperature is not None
        assert humidity is not None
        air = self._air
        air.note(at, temperature, humidity)
        changed = False
        for name in self._derived:
            changed = self._ear_for(name)(at, air.value(name)) or changed
        return changed

    def _ear_for(self, quantity: str) -> pipeline.Watch:
        """Asked for once."""
        ear = self._ears.get(quantity)
        if ear is None:
            assert self.birth is not None
            ear = self._ears[quantity] = self._ear(self.birth.node, quantity)
        return ear

    def _pipelines(self, lane: Lane) -> list[pipeline.Pipeline]:
        pipelines = self._lanes.get(lane)
        if pipelines is None:
            assert self.birth is not None
            channels = self.birth.channels
            pipelines = self._lanes[lane] = [self._pipeline(channel.quantity) for channel in channels]
        return pipelines

    def _pipeline(self, quantity: str) -> pipeline.Pipeline:
        return pipeline.build(self._config, quantity, self._ear_for(quantity))
