"""One run of a node that sleeps in between: wake, take one sample, perhaps visit the gateway, lie down.

Decisions are battery.py's; what a visit needs beyond a sample is imported for one alone.
"""

from aircue_node import battery
from aircue_node.clock import Clock
from aircue_node.config import SettingsError
from aircue_node.sampler import Sampler, channels

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.battery import State
    from aircue_node.clock import Monotonic
    from aircue_node.commands import Commands
    from aircue_node.config import Settings
    from aircue_node.courier import Courier
    from aircue_node.journal import Journal
    from aircue_node.ports import Channel, OutputPin, RtcMemory, Sample, Sensor
    from aircue_node.slots import Slots
    from aircue_node.visit import Visit

    Fitted = list[tuple[Sensor, list[int]]]


class Board:
    """What the wiring gives.

    reset: why this run began, "deep-sleep" among others. identify: (installation, boot) for a new boot. wall_ms: the
    RTC's time. fit: the sensors on a clock. open_journal(boot, samples, width, birth): room for so many samples of so
    many values; birth: what that boot says of itself. visit(courier, clock, received): a session with the gateway.
    commands(installation, sampler): what it may be told in one.
    """

    def __init__(
        self,
        hardware: str,
        rtc: "RtcMemory",
        reset: str,
        identify: "Callable[[], tuple[int, int]]",
        monotonic: "Monotonic",
        wall_ms: "Callable[[], int]",
        fit: "Callable[[Clock], Fitted]",
        strobe: "OutputPin | None",
        open_journal: "Callable[[int, int, int, Callable[[], bytes]], Journal]",
        visit: "Callable[[Courier, Clock, Callable[[str, bytes], None]], Visit]",
        commands: "Callable[[int, Sampler], Commands]",
        slots: "Slots",
    ) -> None:
        self.hardware = hardware
        self.rtc = rtc
        self.reset = reset
        self.identify = identify
        self.monotonic = monotonic
        self.wall_ms = wall_ms
        self.fit = fit
        self.strobe = strobe
        self.open_journal = open_journal
        self.visit = visit
        self.commands = commands
        self.slots = slots


class BatteryNode:
    """state: this boot's, from the RTC's memory or new. left_over: what a boot that broke off left there. most: samples
    that memory holds."""

    def __init__(self, config: "Settings", board: Board) -> None:
        self._block = bytearray(battery.RTC_BYTES)
        known = battery.decode(board.rtc.memory())
        goes_on = known is not None and battery.goes_on(known, board.reset)
        self.config = config
        self.board = board
        self.clock = _clock(config, board, known if goes_on else None)
        self.fitted = board.fit(self.clock)
        width, sensors = len(channels(self.fitted)), len(self.fitted)
        if known is None or not goes_on or (len(known.last), len(known.faults)) != (width, sensors):
            self.left_over, self.state = known, battery.State(*board.identify(), board.reset, width, sensors)
            self.state.interval_ms = config.interval_ms
        else:
            self.left_over, self.state = None, known
        self.most = battery.capacity(width, sensors)
        self.limits = _limits(config, channels(self.fitted))
        self.sampler = Sampler(
            self.fitted, self.clock, self.state.interval_ms, _nowhere, board.strobe, sequence=self.state.sequence
        )
        self.sampler.faults = dict(zip([sensor.name for sensor, _ in self.fitted], self.state.faults))

    async def run(self) -> int:
        """The ms to sleep."""
        self.state.awake = True
        self._rescue()
        sample = await self.sampler.take()
        assert sample is not None  # it has no deadband
        crossed = battery.record(self.state, sample, self.most, self.limits)
        self._store()
        batch = min(self.config.sleep_batch, self.most)
        if battery.wants_visit(self.state, batch, crossed):
            from aircue_node import battery_visit

            await battery_visit.visit(self, batch)
        if len(self.state.samples) == self.most:
            self._spill()
        ms = battery.lie_down(self.state, self.clock.uptime_ms(), self.board.wall_ms())
        self._store()
        return ms

    def _store(self) -> None:
        faults = self.sampler.faults
        self.state.faults = [faults.get(sensor.name, 0) for sensor, _ in self.fitted]
        self.board.rtc.memory(battery.encode(self.state, self._block))

    def _rescue(self) -> None:
        """The samples of a boot that broke off go to flash before this one's memory replaces them."""
        if self.left_over is not None and self.left_over.samples:
            from aircue_node import battery_visit

            battery_visit.rescue(self, self.left_over)
            self._store()

    def _spill(self) -> None:
        """The memory is full and the gateway away: all of it goes to flash in one write."""
        from aircue_node import battery_visit

        battery_visit.spill(self)


def _clock(config: "Settings", board: Board, known: "State | None") -> Clock:
    if known is None:
        return Clock(board.monotonic, config.time_scale)
    return Clock(board.monotonic, config.time_scale, battery.woken_ms(known, board.wall_ms()), known.epoch_ms)


def _limits(config: "Settings", rows: "list[Channel]") -> "list[tuple[int, int]]":
    """(index of the value, limit on the wire's scale) for each quantity that has one."""
    names = [row[0] for row in rows]
    for name in config.sleep_limits:
        if name not in names:
            raise SettingsError(f"settings.json: sleep_limits names {name}, measured are {', '.join(names)}")
    return [(names.index(name), int(limit * rows[names.index(name)][2])) for name, limit in config.sleep_limits.items()]


def _nowhere(sample: "Sample") -> None:
    """The run itself takes the sample on."""
