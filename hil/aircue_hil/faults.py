"""Scripted faults: what happens to which node or sensor, and when.

A fault of ON_SENSORS is played by the board it strikes, at its moment of the world; the others by the bench and the
programs around it, by the real clock.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

EVERY_NODE = "*"
EVERY_SENSOR = "*"
REAL, WORLD = "real", "world"
CLOCKS = (REAL, WORLD)
ON_NODES = ("wifi-outage", "power-cut", "gateway-kill")
# What the sensor does while the fault lasts.
ON_SENSORS = {
    "nack": "does not acknowledge, or does not answer",
    "stuck-bus": "holds SDA low from the beginning on, until it gets clocks and a STOP",
    "crc": "spoils one bit of every answer",
    "short": "stops every frame early",
    "garbage": "sends bytes that mean nothing before every frame",
    "spike": "gives a value far off, under a right checksum",
    "frozen": "gives the value from before, again and again",
    "drift": "moves away from the truth by twice its accuracy an hour",
    "slow": "takes 20 times as long as its datasheet allows",
    "out-of-range": "gives what its datasheet rules out, under a right checksum",
    "brown-out": "has no power, and begins anew when it comes back",
    "sensor-unplugged": "is not there, and keeps its state",
    "broken": "fails its own test",
    "clone-16-bit": "writes temperatures below zero as 16-bit two's complement, as some clones do",
    "clone-12-bit": "writes temperatures below zero as 12-bit two's complement, as some clones do",
    "clone-short-sum": "leaves the tenths out of its checksum, as some clones do",
}
KINDS = (*ON_NODES, *ON_SENSORS)
# The sensor does not answer at all.
SILENT = ("brown-out", "sensor-unplugged")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`what` (one of KINDS) begins at `at_s` and ends `for_s` later, in seconds of `clock` after the bench started.

    sensor: the driver's name, for a fault of a sensor; without it every sensor of the node that can have the fault.
    """

    at_s: float
    what: str
    for_s: float = 5.0
    node: str = EVERY_NODE
    sensor: str = EVERY_SENSOR
    clock: str = REAL


@dataclass(frozen=True, kw_only=True)
class Step:
    """One moment of the script: a fault begins or ends, `at_s` real seconds after the start."""

    at_s: float
    what: str
    node: str
    begins: bool
    sensor: str = EVERY_SENSOR


Act = Callable[[str, bool], Awaitable[None]]
"""Called with the node (or EVERY_NODE) and whether the fault begins."""


def steps(faults: Sequence[Fault], scale: float = 1.0) -> tuple[Step, ...]:
    """All beginnings and ends in order; `scale` is how much faster the world's clock runs."""
    found = [
        Step(at_s=at / _pace(one, scale), what=one.what, node=one.node, begins=begins, sensor=one.sensor)
        for one in faults
        for at, begins in ((one.at_s, True), (one.at_s + one.for_s, False))
    ]
    return tuple(sorted(found, key=lambda step: step.at_s))


def _pace(fault: Fault, scale: float) -> float:
    """Seconds of the fault's clock in a real second."""
    return scale if fault.clock == WORLD else 1.0


def on_nodes(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Those that the bench's own script plays."""
    return tuple(one for one in faults if one.what not in ON_SENSORS)


def on_sensors(faults: Sequence[Fault], node: str) -> tuple[Fault, ...]:
    """Those that this node's board plays."""
    return tuple(one for one in faults if one.what in ON_SENSORS and one.node in (EVERY_NODE, node))


def refuse_unplayable(faults: Sequence[Fault], acts: Mapping[str, Act]) -> None:
    """Raises ValueError where the script names a fault that nobody here can play."""
    for one in on_nodes(faults):
        if one.what not in acts:
            raise ValueError(f"fault {one.what!r} cannot be played here; these can: {', '.join(sorted(acts))}")
