"""The behaviour suite of the drivers: what each promises, tried on its simulated sensor at bus level.

A driver is proven when every behaviour that applies to it holds. Tests and the bench's figure run this one suite.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aircue_hil.faults import ON_SENSORS
from aircue_hil.rig import INTERVAL_MS, Rig, Steady
from aircue_hil.sensors import MODELS
from aircue_hil.sensors.model import Glitches
from aircue_node.quantities import QUANTITIES
from aircue_node.sensors import fitting
from aircue_node.sensors.errors import (
    BrokenError,
    ChecksumError,
    MissingError,
    RangeError,
    SensorError,
    StaleError,
)

# Half a step of the wire's scale, and what a compensation in integers may differ.
_NEAR = 0.51
_UNDER_A_FAULT = 8
# A sensor that is asked each second has an index from before the fault until then.
_NOTICED_MS = 2_000
# Seconds from power-on, or the node's first read, in which a value must not be believed.
WARM_UP_S = {"mhz19": 180, "mq135": 180, "pms5003": 30, "pms7003": 30, "sgp40": 45}


class Misbehaviour(Exception):
    """A driver breaks a promise; the text says which and how."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """`check` raises Misbehaviour; `applies` says whether a driver can be asked for it at all."""

    name: str
    check: Callable[[str], None]
    applies: Callable[[str], bool] = lambda driver: True


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What reads under a fault must come to: these errors, a right value where `right`; `last_right`: at least in the
    end, while the fault still lasts."""

    errors: tuple[type[SensorError], ...] = ()
    right: bool = False
    last_right: bool = False


_RIGHT = Outcome(right=True)
_SILENT = Outcome(errors=(MissingError,))
OUTCOMES = {
    "nack": _SILENT,
    "stuck-bus": Outcome(errors=(MissingError, StaleError), right=True, last_right=True),
    "crc": Outcome(errors=(ChecksumError,)),
    "short": Outcome(errors=(ChecksumError, MissingError)),
    "garbage": _RIGHT,
    "spike": Outcome(errors=(RangeError,), right=True),
    "frozen": _RIGHT,
    "drift": _RIGHT,
    "slow": Outcome(errors=(MissingError, StaleError), right=True),
    "out-of-range": Outcome(errors=(RangeError,)),
    "brown-out": _SILENT,
    "sensor-unplugged": _SILENT,
    "broken": _RIGHT,
    "clone-16-bit": _RIGHT,
    "clone-12-bit": _RIGHT,
    "clone-short-sum": Outcome(errors=(ChecksumError,), right=True),
}


def _channels_are_those_of_the_contract_and_of_the_part(driver: str) -> None:
    channels = Rig(driver).driver.channels
    if tuple(quantity for quantity, _, _ in channels) != MODELS[driver].quantities:
        raise Misbehaviour(f"its channels {channels} are not what the part measures")
    for quantity, unit, scale in channels:
        if QUANTITIES.get(quantity) != (unit, scale):
            raise Misbehaviour(f"{quantity} is {unit} times {scale}, not as the contract has it")


def _gives_what_crossed_the_wire(driver: str) -> None:
    rig = Rig(driver)
    _works_again(rig)
    for _ in range(20):
        _right(rig)


def _warms_up_before_it_is_believed(driver: str) -> None:
    rig = Rig(driver)
    for _ in range(0, 1000 * WARM_UP_S[driver], INTERVAL_MS):
        _refused(rig, StaleError)
    _works_again(rig)
    if any(row.sequence and row.why == "warming up" and row.sequence == rig.board.sequence for row in rig.witness):
        raise Misbehaviour("it believes a cold sensor")


def _survives_chance(rates: Glitches, least: int) -> Callable[[str], None]:
    def check(driver: str) -> None:
        rig = Rig(driver, rates)
        right = sum(_right_or_refused(rig, (SensorError,)) for _ in range(100))
        if right < least:
            raise Misbehaviour(f"only {right} of 100 reads gave a value; {least} are expected")

    return check


def _comes_back_after_the_sensor_lost_its_power(driver: str) -> None:
    rig = Rig(driver)
    _works_again(rig)
    rig.switch_the_sensor_off_and_on()
    _works_again(rig)


def _reads_a_sensor_that_stayed_powered_through_a_restart(driver: str) -> None:
    rig = Rig(driver)
    _works_again(rig)
    rig.restart_the_node()
    _works_again(rig)


def _under(fault: str) -> Callable[[str], None]:
    """Reads under the fault, samples with another sensor beside it, and recovery afterwards."""

    def check(driver: str) -> None:
        rig = Rig(driver)
        _works_again(rig)
        rig.begin(fault)
        rig.rest(_NOTICED_MS)
        _suffers(rig, OUTCOMES[fault])
        _others_go_on(rig)
        rig.end(fault)
        _works_again(rig)

    return check


def _suffers(rig: Rig, outcome: Outcome) -> None:
    got = [_outcome(rig, outcome) for _ in range(_UNDER_A_FAULT)]
    if not outcome.right and any(got):
        raise Misbehaviour("it gave a value where none can be had")
    if outcome.last_right and not got[-1]:
        raise Misbehaviour("it did not free itself")


def _outcome(rig: Rig, outcome: Outcome) -> bool:
    if not outcome.errors:
        _right(rig)
        return True
    return _right_or_refused(rig, outcome.errors)


def _others_go_on(rig: Rig) -> None:
    for _ in range(3):
        *own, steady = rig.sample()
        if steady != Steady.value:
            raise Misbehaviour("another sensor's value is missing from the sample")
        if len(own) != len(rig.driver.channels):
            raise Misbehaviour(f"a sample has {len(own)} of its {len(rig.driver.channels)} channels")


def _says_that_it_is_broken(driver: str) -> None:
    rig = Rig(driver)
    rig.begin("broken")
    rig.restart_the_node()
    rig.rest(INTERVAL_MS)
    _refused(rig, BrokenError)
    rig.end("broken")
    _works_again(rig)


def _right(rig: Rig) -> None:
    values, on_the_wire = rig.read(), rig.on_the_wire()
    near = [abs(value - wire) <= _NEAR for value, wire in zip(values, on_the_wire, strict=False)]
    if len(values) != len(on_the_wire) or not all(near):
        raise Misbehaviour(f"it gave {values}, the wire had {on_the_wire}")


def _refused(rig: Rig, kind: type[SensorError]) -> None:
    if _right_or_refused(rig, (kind,)):
        raise Misbehaviour(f"it gave a value instead of a {kind.__name__}")


def _right_or_refused(rig: Rig, kinds: tuple[type[SensorError], ...]) -> bool:
    """Whether the next read gave a value, which must be right; an error must be of one of these kinds."""
    try:
        _right(rig)
    except kinds:
        return False
    return True


def _works_again(rig: Rig) -> None:
    rig.read_until_it_works()
    _right(rig)


def _has_fault(fault: str) -> Callable[[str], bool]:
    return lambda driver: fault in MODELS[driver].faults


def _has_glitch(kind: str) -> Callable[[str], bool]:
    return lambda driver: kind in MODELS[driver].glitches


BEHAVIOURS = (
    Behaviour(name="channels as agreed", check=_channels_are_those_of_the_contract_and_of_the_part),
    Behaviour(name="gives what crossed the wire", check=_gives_what_crossed_the_wire),
    Behaviour(
        name="warms up before it is believed",
        check=_warms_up_before_it_is_believed,
        applies=lambda driver: driver in WARM_UP_S,
    ),
    Behaviour(
        name="right or refused where answers often fail",
        check=_survives_chance(Glitches(nack=0.1), 25),
        applies=_has_glitch("nack"),
    ),
    Behaviour(
        name="right or refused where bits often flip",
        check=_survives_chance(Glitches(crc=0.3), 20),
        applies=_has_glitch("crc"),
    ),
    Behaviour(name="comes back after lost power", check=_comes_back_after_the_sensor_lost_its_power),
    Behaviour(name="reads on after a restart", check=_reads_a_sensor_that_stayed_powered_through_a_restart),
    Behaviour(name="says that it is broken", check=_says_that_it_is_broken, applies=_has_fault("broken")),
    *(Behaviour(name=f"fault {fault}", check=_under(fault), applies=_has_fault(fault)) for fault in ON_SENSORS),
)


def asked_of(driver: str) -> tuple[Behaviour, ...]:
    """The behaviours that apply to a driver; none where no sensor of its name is simulated."""
    return tuple(one for one in BEHAVIOURS if driver in MODELS and one.applies(driver))


def shortcomings(driver: str) -> list[str]:
    """What a driver breaks, a line each; empty where it is proven."""
    if not asked_of(driver):
        return [f"{driver}: no sensor of this name is simulated"]
    return [line for line in (_broken(one, driver) for one in asked_of(driver)) if line is not None]


def proven(drivers: Iterable[str] = tuple(fitting.DRIVERS)) -> dict[str, bool]:
    """By driver, whether the whole suite passes; it is run for this answer."""
    return {driver: not shortcomings(driver) for driver in drivers}


def _broken(behaviour: Behaviour, driver: str) -> str | None:
    try:
        behaviour.check(driver)
    except Exception as error:  # noqa: BLE001 -- a driver that fails in any way is not proven; the line says how
        return f"{driver}: {behaviour.name}: {type(error).__name__}: {error}"
    return None
