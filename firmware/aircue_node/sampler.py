"""The sampler: reads every sensor once an interval, from second 0, network or not."""

from aircue_node.sensors.errors import SensorError

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.clock import Clock
    from aircue_node.deadband import Deadband
    from aircue_node.ports import Channel, OutputPin, Sample, Sensor


def _nothing() -> None:
    pass


class Sampler:
    """take() makes one sample; run() keeps making them and hands each to deliver.

    strobe: driven high while a sample is taken (for an oscilloscope, and for a bench that counts samples), or None.
    interval_ms may be changed at any time, and limits by with_deadband().set(). deadband: None where there is none. A
    sample that it holds back has no sequence number, so that none is missing on the wire; where there is a deadband,
    strobes and sequences do not agree.
    sequence: of the last sample this boot has taken.
    """

    def __init__(
        self,
        sensors: "list[tuple[Sensor, list[int]]]",
        clock: "Clock",
        interval_ms: int,
        deliver: "Callable[[Sample], None]",
        strobe: "OutputPin | None" = None,
        limits: "dict[str, float] | None" = None,
        sequence: int = 0,
    ) -> None:
        self._sensors = sensors
        self.deadband: Deadband | None = None
        if limits:
            self.with_deadband().set(limits)
        self._clock = clock
        self.interval_ms = interval_ms
        self._deliver = deliver
        self._strobe = strobe
        self._sequence = sequence
        self.faults: dict[str, int] = {}
        self.states: dict[str, str] = {}

    @property
    def suppressed(self) -> int:
        return 0 if self.deadband is None else self.deadband.suppressed

    def with_deadband(self) -> "Deadband":
        """The deadband, made now where there was none. Few nodes have one, so that its code is loaded with it."""
        if self.deadband is None:
            from aircue_node.deadband import Deadband

            self.deadband = Deadband([(row[0], row[2]) for row in channels(self._sensors)], {})
        return self.deadband

    async def run(self, tick: "Callable[[], None]" = _nothing) -> None:
        """tick: called with every sample, also with one that the deadband holds back."""
        due = self._clock.uptime_ms()
        while True:
            tick()
            sample = await self.take()
            if sample is not None:
                self._deliver(sample)
            due = next_due(due, self._clock.uptime_ms(), self.interval_ms)
            await self._clock.sleep_until(due)

    async def take(self) -> "Sample | None":
        """One sample, or None where it says nothing new."""
        uptime_ms = self._clock.uptime_ms()
        values = await self._measure()
        deadband = self.deadband
        if deadband is not None and not deadband.passes(uptime_ms, values, self.interval_ms):
            return None
        self._sequence += 1
        return self._sequence, uptime_ms, self._clock.epoch_s(uptime_ms), values

    async def _measure(self) -> "list[int | None]":
        """A sensor that fails leaves gaps and is counted, the others are read all the same."""
        self._mark(1)
        values: list[int | None] = []
        for sensor, kept in self._sensors:
            values.extend(await self._read(sensor, kept))
        self._mark(0)
        return values

    async def _read(self, sensor: "Sensor", kept: list[int]) -> "list[int | None]":
        try:
            values = await sensor.read()
        except SensorError as error:
            self.faults[sensor.name] = self.faults.get(sensor.name, 0) + 1
            self._note(sensor.name, str(error))
            return [None] * len(kept)
        self._note(sensor.name, "ok")
        return [values[index] for index in kept]

    def _note(self, name: str, state: str) -> None:
        """Said on the console whenever it changes, and in every birth."""
        if self.states.get(name) != state:
            self.states[name] = state
            print("sensor", name + ":", state)

    def _mark(self, level: int) -> None:
        if self._strobe is not None:
            self._strobe.value(level)


def next_due(due: int, now: int, interval_ms: int) -> int:
    """The next moment of the grid after now: what was missed is not made up for, because sensors need their rest."""
    return due + interval_ms * ((now - due) // interval_ms + 1)


def channels(sensors: "list[tuple[Sensor, list[int]]]") -> "list[Channel]":
    """(quantity, unit, scale, sensor) in the order of the values of a sample."""
    rows = []
    for sensor, kept in sensors:
        for index in kept:
            quantity, unit, scale = sensor.channels[index]
            rows.append((quantity, unit, scale, sensor.name))
    return rows
