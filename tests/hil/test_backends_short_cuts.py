"""The emulator's short cuts by themselves, without an image to boot."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

from rp2040py.clock.simulation_clock import SimulationClock
from rp2040py.external.cyw43.bus import GSPIBus
from rp2040py.peripherals.pio_registers import CTRL, FDEBUG, FDEBUG_TXSTALL, RXF0, SM0_PINCTRL, TXF0
from rp2040py.peripherals.timer import TIMERAWL, RPTimer
from rp2040py.rp2040 import RP2040

from aircue_hil.backends.gspi import WholeWords
from aircue_hil.backends.watched_timer import WatchedTimer

LOOP, ELSEWHERE = 0x1000_1000, 0x1000_2000
A_TURN_NS = 2_000.0
# CYW43439 datasheet, 4.2: the test register of the bus says FEEDBEAD; half words come first after power-on.
READ_TEST_REGISTER, TEST_PATTERN = 0xA004_4000, 0xBEAD_FEED
CLOCK_PIN, SET_ALIAS, CLEAR_ALIAS = 29, 2, 3


@dataclass
class Watching:
    """A chip whose program reads the timer from one place or another, every 2 us."""

    clock: SimulationClock = field(default_factory=SimulationClock)

    def __post_init__(self) -> None:
        self.core = SimpleNamespace(pc=LOOP)
        self.looking = False
        self.timer = WatchedTimer(cast("RP2040", self), cast("RPTimer", SimpleNamespace(read_uint32=self._us)))

    def _us(self, _offset: int) -> int:
        return int(self.clock.micros)

    def reads(self, turns: int, *places: int, turn_ns: float = A_TURN_NS) -> None:
        for turn in range(turns):
            self.core.pc = places[turn % len(places)]
            self.looking = True
            self.timer.read_uint32(TIMERAWL)
            self.looking = False
            self.clock.tick(turn_ns)


def test_who_watches_the_timer_for_long_sees_it_go_on_in_steps() -> None:
    chip = Watching()
    chip.clock.create_alarm(lambda: None).schedule(1e9)
    chip.reads(100, LOOP)
    assert chip.clock.micros == 200
    chip.reads(10, LOOP)
    assert 900 < chip.clock.micros <= 1220


def test_who_does_something_else_between_two_looks_sees_every_turn() -> None:
    chip = Watching()
    chip.clock.create_alarm(lambda: None).schedule(1e9)
    chip.reads(1000, LOOP, ELSEWHERE)
    assert chip.clock.micros == 2000
    chip.reads(100, LOOP, turn_ns=25_000.0)
    assert chip.clock.micros == 4500


def test_nothing_that_is_due_comes_late_or_during_a_look() -> None:
    chip, at = Watching(), []
    chip.clock.create_alarm(lambda: at.append((chip.clock.micros, chip.looking))).schedule(450_000)
    chip.reads(115, LOOP)
    assert at == [(450, False)]


def test_words_go_to_the_wifi_chip_whole_and_its_answer_comes_back() -> None:
    mcu, bus = RP2040(), GSPIBus()
    whole, machine = WholeWords(mcu, mcu.pio[1], bus), mcu.pio[1].machines[0]
    bus._on_cs_change(True)
    whole.write_uint32(SM0_PINCTRL, CLOCK_PIN << 10)
    machine.x = 31
    whole.write_uint32(TXF0, READ_TEST_REGISTER)
    whole.write_uint32_atomic(CTRL, 1, SET_ALIAS)
    assert whole.read_uint32(CTRL) == 1
    assert not machine.enabled
    assert whole.read_uint32(FDEBUG) & FDEBUG_TXSTALL
    assert whole.read_uint32(RXF0) == TEST_PATTERN
    whole.write_uint32_atomic(CTRL, 1, CLEAR_ALIAS)
    assert whole.read_uint32(CTRL) == 0


def test_a_machine_that_is_not_the_wifi_chips_runs_as_ever() -> None:
    mcu = RP2040()
    whole, machine = WholeWords(mcu, mcu.pio[0], GSPIBus()), mcu.pio[0].machines[2]
    mcu.simulator = SimpleNamespace()
    whole.write_uint32(CTRL, 1 << 2)
    assert machine.enabled
    assert whole.read_uint32(CTRL) == 1 << 2
