"""A node that sleeps between samples: its memory block, what it does next, and many runs over a simulated sleep."""

import asyncio
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.node.fakes import FakeLastNumber, FakeSensor, Ticks

from aircue_node import battery, command_codec, contract, settings
from aircue_node.battery import State
from aircue_node.battery_node import BatteryNode, Board
from aircue_node.clock import Clock
from aircue_node.commands import Commands
from aircue_node.config import SettingsError
from aircue_node.courier import Courier
from aircue_node.journal import Journal
from aircue_node.ports import Range, Sample
from aircue_node.sampler import Sampler
from aircue_node.sensors.errors import MissingError
from aircue_node.slots import Slots
from aircue_node.tuning import Tuning

INSTALLATION = 7
_u32 = st.integers(0, 2**32 - 1)
_u64 = st.integers(0, 2**64 - 1)
_value = st.none() | st.integers(-(2**31) + 1, 2**31 - 1)


@st.composite
def states(draw: st.DrawFn) -> State:
    width, sensors = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    state = State(draw(_u32), draw(_u32), draw(st.sampled_from(["power-on", "watchdog", "hard"])), width, sensors)
    state.interval_ms, state.sequence, state.next_visit = draw(_u32), draw(_u32), draw(_u32)
    state.uptime_ms, state.wall_ms, state.due_ms = draw(_u64), draw(_u64), draw(_u64)
    state.epoch_ms = draw(st.none() | st.integers(1, 2**64 - 1))
    state.introduced, state.awake, state.failures = draw(st.booleans()), draw(st.booleans()), draw(st.integers(0, 255))
    state.faults = draw(st.lists(_u32, min_size=sensors, max_size=sensors))
    values = st.lists(_value, min_size=width, max_size=width)
    state.last = draw(values)
    state.losses = draw(st.lists(st.tuples(_u32, _u32, _u32, _u32), max_size=battery.MOST_LOSSES))
    rows = st.tuples(_u32, _u64, _u32, values)
    state.samples = draw(st.lists(rows, max_size=battery.capacity(width, sensors)))
    return state


def encoded(state: State) -> bytes:
    return bytes(battery.encode(state, bytearray(battery.RTC_BYTES)))


@given(states())
def test_a_state_there_and_back_fits_the_memory(state: State) -> None:
    block = encoded(state)
    assert len(block) <= battery.RTC_BYTES
    found = battery.decode(block)
    assert found is not None
    assert vars(found) == vars(state)


@given(states(), st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_makes_no_state(state: State, place: int, flip: int) -> None:
    block = bytearray(encoded(state))
    block[place % len(block)] ^= flip
    assert battery.decode(bytes(block)) is None


@given(states(), st.integers(0, 10**6))
def test_a_block_cut_off_anywhere_makes_no_state(state: State, length: int) -> None:
    block = encoded(state)
    assert battery.decode(block[: length % len(block)]) is None


@given(st.binary(max_size=battery.RTC_BYTES))
def test_memory_that_lost_its_power_makes_no_state(block: bytes) -> None:
    assert battery.decode(block) is None


@pytest.mark.parametrize(("width", "sensors", "samples"), [(2, 1, 76), (6, 3, 45), (12, 6, 27)])
def test_what_the_memory_holds(width: int, sensors: int, samples: int) -> None:
    """As docs say; full blocks were tried above."""
    assert battery.capacity(width, sensors) == samples


def state(**fields: object) -> State:
    one = State(INSTALLATION, 3, "power-on", 2, 1)
    one.interval_ms, one.awake = 60_000, False
    for name, value in fields.items():
        setattr(one, name, value)
    return one


@pytest.mark.parametrize(
    ("awake", "reset", "expected"),
    [(False, "deep-sleep", True), (True, "deep-sleep", False), (False, "power-on", False), (False, "watchdog", False)],
)
def test_only_a_whole_run_that_slept_goes_on_with_its_boot(awake: bool, reset: str, expected: bool) -> None:
    assert battery.goes_on(state(awake=awake), reset) is expected


@pytest.mark.parametrize(
    ("elapsed_ms", "expected"),
    [(60_000, 1_060_000), (63_000, 1_063_000), (57_000, 1_057_000), (-5, 1_060_000), (10**12, 1_060_000)],
)
def test_the_uptime_goes_on_by_what_the_rtc_measured_or_the_plan_where_it_was_set(
    elapsed_ms: int, expected: int
) -> None:
    one = state(uptime_ms=1_000_000, due_ms=1_060_000, wall_ms=5_000_000)
    assert battery.woken_ms(one, 5_000_000 + elapsed_ms) == expected


@given(st.integers(0, 10**9), st.integers(1000, 10**8), st.integers(0, 10**9))
def test_it_sleeps_until_the_next_moment_of_the_grid(due: int, interval_ms: int, late_ms: int) -> None:
    one = state(due_ms=due, interval_ms=interval_ms)
    sleep_ms = battery.lie_down(one, due + late_ms, 0)
    assert 0 < sleep_ms <= interval_ms
    assert (one.due_ms - due) % interval_ms == 0
    assert one.due_ms == due + late_ms + sleep_ms
    assert not one.awake


def test_one_that_woke_too_early_does_not_take_the_same_sample_twice() -> None:
    one = state(due_ms=100_000)
    assert battery.lie_down(one, 99_900, 0) == 60_100


@pytest.mark.parametrize(
    ("before", "value", "crossed"),
    [(7900, 8100, True), (8100, 7900, True), (8000, 8001, True), (7900, 8000, False), (8100, 8200, False)],
)
def test_a_value_that_passes_its_limit_either_way_crosses_it(before: int, value: int, crossed: bool) -> None:
    one = state(last=[2000, before])
    assert battery.record(one, (1, 0, 0, [2000, value]), 9, [(1, 8000)]) is crossed


def test_a_gap_neither_crosses_a_limit_nor_hides_that_one_was_crossed() -> None:
    one = state(last=[2000, 7900])
    assert not battery.record(one, (1, 0, 0, [None, None]), 9, [(1, 8000)])
    assert battery.record(one, (2, 0, 0, [None, 8100]), 9, [(1, 8000)])


@pytest.mark.parametrize(
    ("introduced", "waiting", "next_visit", "crossed", "expected"),
    [
        (False, 1, 0, False, True),
        (True, 4, 0, False, False),
        (True, 5, 0, False, True),
        (True, 1, 0, True, True),
        (False, 5, 99, False, False),
        (True, 1, 99, True, True),
    ],
)
def test_when_a_visit_is_worth_it(
    introduced: bool, waiting: int, next_visit: int, crossed: bool, expected: bool
) -> None:
    samples = [(number, 0, 0, [1, 2]) for number in range(waiting)]
    one = state(introduced=introduced, samples=samples, sequence=20, next_visit=next_visit)
    assert battery.wants_visit(one, 5, crossed) is expected


def test_visits_that_fail_are_tried_after_more_and_more_samples() -> None:
    one, waits = state(sequence=100), []
    for _ in range(6):
        battery.failed(one, 5)
        waits.append(one.next_visit - one.sequence)
    assert waits == [10, 20, 40, 80, 80, 80]
    battery.visited(one)
    assert (one.failures, one.next_visit, one.introduced) == (0, 0, True)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 60)), unique=True, max_size=60).map(sorted))
def test_the_ledger_counts_every_loss_and_spans_it(lost: list[tuple[int, int]]) -> None:
    one = state()
    for boot, sequence in lost:
        battery.lose(one, boot, sequence)
    assert len(one.losses) <= battery.MOST_LOSSES
    assert sum(row[3] for row in one.losses) == len(lost)
    for boot, sequence in lost:
        assert any(row[0] == boot and row[1] <= sequence <= row[2] for row in one.losses)


def test_a_ledger_full_of_other_boots_says_what_it_forgets(capsys: pytest.CaptureFixture[str]) -> None:
    one = state()
    for boot in range(1, battery.MOST_LOSSES + 2):
        battery.lose(one, boot, 1)
    assert [row[0] for row in one.losses] == list(range(2, battery.MOST_LOSSES + 2))
    assert "(1, 1, 1, 1)" in capsys.readouterr().out


def test_an_ack_frees_samples_of_its_own_boot_alone() -> None:
    one = state(samples=[(number, 0, 0, [1, 2]) for number in (1, 2, 3)])
    battery.acked(one, 2, [(1, 9)])
    assert len(one.samples) == 3
    battery.acked(one, 3, [(1, 1), (3, 3)])
    assert [sample[0] for sample in one.samples] == [2]


class FakeRtc:
    def __init__(self) -> None:
        self.block = b""

    def memory(self, data: memoryview | None = None) -> bytes:
        if data is not None:
            self.block = bytes(data)
        return self.block


class FlashJournal(Journal):
    """A journal whose flash is a list."""

    def __init__(self, boot: int, capacity: int, width: int, flash: "Flash", birth: Callable[[], bytes]) -> None:
        super().__init__(boot, capacity, width)
        self._list = flash
        self._told = birth

    def flush(self, now_ms: int, everything: bool = False) -> None:
        assert everything
        if self._list.error is not None:
            raise self._list.error
        if self._list.works:
            taken = [self._ring.sample(index) for index in range(len(self))]
            self._list.rows += [(self._boot, sample) for sample in taken]
            self._list.births.append(self._told())
            self.ack(self._boot, [(1, 2**32)])


class Flash:
    def __init__(self) -> None:
        self.rows: list[tuple[int, Sample]] = []
        self.births: list[bytes] = []
        self.works = True
        self.error: Exception | None = None


class FakeVisit:
    """A session in which the world's gateway takes everything the courier has, and acks it, or is away."""

    def __init__(self, world: "World", courier: Courier, clock: Clock, received: Callable[[str, bytes], None]) -> None:
        self._world, self._courier, self._clock, self._received = world, courier, clock, received

    async def run(self, introduced: bool, newest: Callable[[], None]) -> None:
        world = self._world
        world.visits.append((world.sequence, introduced))
        if world.has_time:
            self._clock.set(world.epoch_s())
        if world.away:
            raise OSError("no route")
        birth = self._courier.start_session()[1]
        newest()
        world.births.append(json.loads(birth))
        whole = True
        while whole and (boots := self._round()):
            for boot, ranges in boots.items():
                self._hear(contract.encode_ack(INSTALLATION, boot, ranges[: world.acks]))
                whole = world.acks >= len(ranges)
        if world.stray:
            self._hear(world.stray)
        world.command(self._courier)
        if not whole:
            raise TimeoutError

    def _round(self) -> dict[int, list[Range]]:
        """What the courier hands over before it wants to hear of an ack, by boot."""
        boots: dict[int, list[Range]] = {}
        while found := self._next():
            for leaf, payload, _, _ in found:
                if leaf == contract.BIRTH:
                    continue
                fields = json.loads(payload)
                for row in fields.get("m", [fields]):
                    boots.setdefault(fields["b"], []).append((row["s"], row["s"]))
                    self._world.arrived.append((leaf, fields["b"], row["s"], row["u"], row["t"]))
        return boots

    def _next(self) -> "list[tuple[str, bytes, bool, bool]]":
        live = self._courier.next_live(0)
        return self._courier.next_backlog(0) if live is None else [live]

    def _hear(self, ack: bytes) -> None:
        self._courier.receive(contract.ACK, ack)
        self._received(contract.ACK, ack)


class World:
    """A node's board and gateway, and the hours that pass. acks: how many samples of a visit are acked at most.
    has_time: the network tells it. folder: where the journal is a real one."""

    def __init__(self, **changed: object) -> None:
        self.config = settings.parse(json.dumps({**SETTINGS, **changed}))
        self.rtc = FakeRtc()
        self.flash = Flash()
        self.boots = 0
        self.reset = "power-on"
        self.wall_ms = 10_000_000
        self.away = False
        self.has_time = True
        self.folder: Path | None = None
        self.acks = 10**6
        self.sequence = 0
        self.humidity = 5000
        self.unplugged = False
        self.visits: list[tuple[int, bool]] = []
        self.arrived: list[tuple[str, int, int, int, int]] = []
        self.births: list[dict[str, object]] = []
        self.measured: list[tuple[int, int, int]] = []
        self.command: Callable[[Courier], object] = lambda courier: None
        self.flash_there = True
        self.stray = b""

    def epoch_s(self) -> int:
        return 1_700_000_000 + self.wall_ms // 1000

    def run(self, times: int = 1) -> None:
        """So many samples, with the sleeps between them."""
        for _ in range(times):
            self._run()

    def _run(self) -> None:
        self.sequence += 1
        ticks = Ticks()
        board = Board(
            "fake",
            self.rtc,
            self.reset,
            self._identify,
            ticks.monotonic(),
            lambda: self.wall_ms,
            lambda clock: [(self._sensor(), [0, 1])],
            None,
            self._journal,
            lambda courier, clock, received: FakeVisit(self, courier, clock, received),  # type: ignore[arg-type,return-value]  # what BatteryNode needs of a visit
            self._commands,
            Slots(None),
        )
        node = BatteryNode(self.config, board)
        self.measured.append((node.state.boot, node.state.sequence + 1, self.wall_ms))
        try:
            self.wall_ms += asyncio.run(node.run())
        except (RuntimeError, TypeError, struct.error):
            self.wall_ms += self.config.interval_ms
        self.reset = "deep-sleep"

    def _sensor(self) -> FakeSensor:
        return FakeSensor(MissingError("unplugged") if self.unplugged else [2150, self.humidity])

    def _commands(self, installation: int, sampler: Sampler) -> Commands:
        interval = Tuning(sampler, lambda changes: None).interval
        return Commands(self.config.key.encode(), installation, {"interval": interval}, FakeLastNumber())

    def _identify(self) -> tuple[int, int]:
        self.boots += 1
        self.sequence = 1
        return INSTALLATION, self.boots

    def _journal(self, boot: int, samples: int, width: int, birth: Callable[[], bytes]) -> Journal:
        assert width == 2
        if self.folder is not None:
            journal = Journal(boot, samples, width)
            journal.mount(str(self.folder), 64 * 4096, birth)
            return journal
        if not self.flash_there:
            return Journal(boot, samples, width)
        return FlashJournal(boot, samples, width, self.flash, birth)

    def lose_power(self) -> None:
        self.rtc.block = b""
        self.reset = "power-on"

    def keys(self) -> list[tuple[int, int]]:
        return [(boot, sequence) for _, boot, sequence, _, _ in self.arrived]

    def state(self) -> State:
        found = battery.decode(self.rtc.block)
        assert found is not None
        return found


SETTINGS = {
    "site": "home-1",
    "node": "bathroom",
    "key": "secret",
    "gateway": "192.0.2.1",
    "interval_ms": 60_000,
    "sleep": True,
    "sleep_batch": 5,
    "sensors": [],
}


def test_the_radio_is_used_at_the_start_and_then_for_each_fifth_sample() -> None:
    world = World()
    world.run(21)
    assert world.visits == [(1, False), (6, True), (11, True), (16, True), (21, True)]
    assert sorted(world.keys()) == [(1, sequence) for sequence in range(1, 22)]
    assert [one[2] for one in world.arrived if one[0] == "samples"] == [1, 6, 11, 16, 21]


def test_boot_sequence_and_time_go_on_through_every_sleep() -> None:
    world = World()
    world.run(30)
    assert world.boots == 1
    times = {(boot, sequence): wall_ms for boot, sequence, wall_ms in world.measured}
    began_ms = world.measured[0][2]
    for _, boot, sequence, uptime_ms, epoch_s in world.arrived:
        assert uptime_ms == times[boot, sequence] - began_ms
        assert epoch_s == 1_700_000_000 + times[boot, sequence] // 1000
    assert [sample[2] > 0 for sample in world.state().samples] == [True] * 4


def test_a_power_cut_begins_a_new_boot_and_takes_what_the_memory_held_alone() -> None:
    world = World()
    world.run(8)
    world.lose_power()
    world.run(6)
    assert world.boots == 2
    assert sorted(world.keys()) == [(1, n) for n in range(1, 7)] + [(2, n) for n in range(1, 7)]


def test_a_sample_that_crosses_a_limit_is_sent_at_once() -> None:
    world = World(sleep_limits={"humidity": 80})
    world.run(3)
    world.humidity = 8100
    world.run(2)
    assert world.visits == [(1, False), (4, True)]
    assert [one[2] for one in world.arrived] == [1, 4, 2, 3]


def test_a_limit_for_what_is_not_measured_is_refused() -> None:
    with pytest.raises(SettingsError, match="sleep_limits names co2, measured are temperature, humidity"):
        World(sleep_limits={"co2": 1000}).run()


def test_while_the_gateway_is_away_samples_wait_and_visits_become_rare() -> None:
    world = World()
    world.run(6)
    world.away = True
    world.run(60)
    assert [sequence for sequence, _ in world.visits] == [1, 6, 11, 21, 41]
    assert len(world.state().samples) == 60
    world.away = False
    world.run(20)
    assert sorted(world.keys()) == [(1, sequence) for sequence in range(1, 87)]
    assert world.visits[-2:] == [(81, False), (86, True)]


def test_a_full_memory_goes_to_flash_in_one_write_with_the_boots_birth() -> None:
    world = World()
    world.away = True
    most = battery.capacity(2, 1)
    world.run(2 * most)
    assert [boot for boot, _ in world.flash.rows] == [1] * 2 * most
    assert [sample[0] for _, sample in world.flash.rows] == list(range(1, 2 * most + 1))
    assert len(world.flash.births) == 2
    assert json.loads(world.flash.births[0])["b"] == 1
    assert world.state().samples == []


def undated(folder: Path) -> World:
    """A node that never knew the time and has put its memory on flash once, its gateway away."""
    world = World()
    world.folder, world.away, world.has_time = folder, True, False
    world.run(battery.capacity(2, 1))
    assert world.state().samples == []
    return world


def arrived_with_their_times(world: World, boot: int) -> None:
    times = {(of, sequence): wall_ms for of, sequence, wall_ms in world.measured}
    arrived = {row[2]: row[4] for row in world.arrived if row[1] == boot}
    assert arrived == {n: 1_700_000_000 + times[boot, n] // 1000 for n in arrived}
    assert len(arrived) >= battery.capacity(2, 1)


def test_what_went_to_flash_without_a_time_gets_it_from_a_later_visit_though_the_power_goes_then(
    tmp_path: Path,
) -> None:
    world = undated(tmp_path)
    world.has_time = True
    while world.state().epoch_ms is None:
        world.run()
    world.lose_power()
    world.away = False
    world.run()
    assert (world.boots, world.visits[-1]) == (2, (1, False))
    arrived_with_their_times(world, 1)


def test_a_visit_that_hands_everything_over_leaves_no_clock_on_flash(tmp_path: Path) -> None:
    world = undated(tmp_path)
    world.has_time, world.away = True, False
    while not world.arrived:
        world.run()
    arrived_with_their_times(world, 1)
    assert list(tmp_path.glob("*.clock")) == []


def test_what_waited_in_the_memory_until_the_time_was_known_goes_to_flash_with_it(tmp_path: Path) -> None:
    world = World()
    world.folder, world.away, world.has_time = tmp_path, True, False
    world.run(5)
    world.has_time = True
    world.run(battery.capacity(2, 1) - 5)
    assert world.state().samples == []
    world.lose_power()
    world.away = False
    world.run()
    arrived_with_their_times(world, 1)


def test_what_a_run_that_broke_off_left_goes_to_flash_with_the_time_of_its_own_boot(tmp_path: Path) -> None:
    world = World()
    world.folder, world.away, world.has_time = tmp_path, True, False
    world.run(4)
    left = world.state()
    left.awake, left.epoch_ms = True, 1_700_000_000_000 + world.measured[0][2]
    world.rtc.block = encoded(left)
    world.away = False
    world.run()
    times = {(boot, sequence): wall_ms for boot, sequence, wall_ms in world.measured}
    found = {row[2]: row[4] for row in world.arrived if row[1] == 1}
    assert found == {n: 1_700_000_000 + times[1, n] // 1000 for n in range(1, 5)}


@pytest.mark.parametrize("there", [True, False], ids=["flash fails", "no flash"])
def test_without_a_flash_that_works_the_oldest_go_and_are_named(there: bool) -> None:
    world = World()
    world.away, world.flash.works, world.flash_there = True, False, there
    most = battery.capacity(2, 1)
    world.run(most + 30)
    assert world.state().losses == [(1, 1, 30, 30)]
    world.away = False
    while not world.arrived:
        world.run()
    lost = world.births[0]["loss"]
    assert isinstance(lost, list)
    [[boot, first, last, samples]] = lost
    assert (boot, first, samples) == (1, 1, last)
    assert min(world.keys()) == (1, last + 1)
    assert world.state().losses == []


def test_samples_that_were_not_acked_stay_and_come_again() -> None:
    world = World()
    world.run(1)
    world.acks = 2
    world.run(5)
    assert len(world.state().samples) == 3
    world.acks = 10**6
    world.run(10)
    assert {(1, sequence) for sequence in range(1, 17)} == set(world.keys())
    assert world.state().samples == []


def test_a_run_that_broke_off_begins_a_new_boot_and_its_samples_are_saved() -> None:
    """What it already sent is not known, so none of its numbers may come again."""
    world = World()
    world.run(5)
    world.command = failing
    world.run()
    world.command = lambda courier: None
    world.run()
    assert (world.boots, world.visits[-1]) == (2, (1, False))
    assert [(boot, sample[0]) for boot, sample in world.flash.rows] == [(1, number) for number in range(2, 7)]
    assert json.loads(world.flash.births[0])["b"] == 1
    assert world.keys()[-1] == (2, 1)


def test_without_flash_the_samples_of_a_run_that_broke_off_are_named_beside_what_was_lost_before() -> None:
    world = World()
    world.flash_there = False
    world.run(5)
    left = world.state()
    battery.lose(left, 0, 9)
    world.rtc.block = encoded(left)
    world.command = failing
    world.run()
    world.command = lambda courier: None
    world.run()
    assert world.births[-1]["loss"] == [[0, 9, 9, 1], [1, 2, 6, 5]]


def test_a_rescue_that_breaks_costs_its_samples_which_are_named_and_no_other_run() -> None:
    world = World()
    world.run(5)
    world.command = failing
    world.run()
    world.command = lambda courier: None
    world.flash.error = MemoryError("no room")
    world.run(3)
    assert (world.boots, len(world.births)) == (2, 3)
    assert world.births[-1]["loss"] == [[1, 2, 6, 5]]


def test_what_another_installation_left_in_the_memory_is_not_taken_for_this_ones() -> None:
    world = World()
    world.run(5)
    left = world.state()
    left.awake, left.installation = True, INSTALLATION + 1
    world.rtc.block = encoded(left)
    world.run()
    assert world.flash.rows == []


def test_an_ack_for_another_installation_frees_nothing() -> None:
    world = World()
    world.run(5)
    world.acks = 0
    world.stray = contract.encode_ack(INSTALLATION + 1, 1, [(1, 99)])
    world.run()
    assert len(world.state().samples) == 5


def failing(courier: Courier) -> None:
    raise RuntimeError("a bug that nobody foresaw")


def test_a_run_that_broke_off_before_it_had_a_sample_is_simply_done_again() -> None:
    world = World()
    world.run(2)
    world.humidity = "wet"  # type: ignore[assignment]  # a driver's bug
    world.run()
    world.humidity = 5000
    world.run(4)
    assert world.boots == 1
    assert sorted(world.keys()) == [(1, sequence) for sequence in range(1, 7)]


def test_failed_reads_are_counted_through_the_sleep() -> None:
    world = World()
    world.run()
    world.unplugged = True
    world.run(3)
    assert world.state().faults == [3]
    world.unplugged = False
    world.run()
    assert world.state().faults == [3]
    assert [sample[3] for sample in world.state().samples] == [[None, None]] * 3 + [[2150, 5000]]


def test_a_commanded_interval_outlasts_the_sleep() -> None:
    world = World()
    command = command_codec.encode_command(b"secret", "c1", "interval", {"ms": 120_000}, INSTALLATION, 1)
    world.command = lambda courier: courier.receive(contract.COMMAND, command)
    world.run()
    assert world.state().interval_ms == 120_000
    world.command = lambda courier: None
    world.run(2)
    assert world.visits == [(1, False), (2, False)]
    assert world.births[-1]["interval_ms"] == 120_000
    assert world.measured[2][2] - world.measured[1][2] == 120_000


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"uplink": "serial"}, "uplink must be mqtt"),
        ({"sensors": [{"driver": "pms5003", "uart": 1}]}, "sensor pms5003 has to stay awake"),
        ({"sleep_limits": {"humidity": "80"}}, "sleep_limits: humidity is '80', a number is expected"),
        ({"sleep_limits": {"humidity": True}}, "humidity is True"),
        ({"sleep": 1}, "sleep is 1, a bool is expected"),
        ({"sleep_batch": 0}, "sleep_batch is 0, 1 to 100 is expected"),
        ({"uplink": "lora"}, "uplink is 'lora', mqtt or serial is expected"),
        ({"gateway": ""}, "key gateway is missing"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        settings.parse(json.dumps({**SETTINGS, **change}))


def test_over_a_serial_line_no_gateway_needs_to_be_named() -> None:
    fields = {key: value for key, value in SETTINGS.items() if key not in ("gateway", "sleep")}
    assert settings.parse(json.dumps({**fields, "uplink": "serial"})).uplink == "serial"
