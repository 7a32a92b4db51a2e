"""Scripted faults: what happens to which node, and when, in real seconds after the bench started."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

EVERY_NODE = "*"
KINDS = ("wifi-outage", "sensor-unplugged", "power-cut", "gateway-kill")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`what` (one of KINDS) begins at `at_s` and ends `for_s` later."""

    at_s: float
    what: str
    for_s: float = 5.0
    node: str = EVERY_NODE


@dataclass(frozen=True, kw_only=True)
class Step:
    """One moment of the script: a fault begins or ends."""

    at_s: float
    what: str
    node: str
    begins: bool


Act = Callable[[str, bool], Awaitable[None]]
"""Called with the node (or EVERY_NODE) and whether the fault begins."""


def steps(faults: Sequence[Fault]) -> tuple[Step, ...]:
    """All beginnings and ends in order."""
    found = [
        Step(at_s=at, what=one.what, node=one.node, begins=begins)
        for one in faults
        for at, begins in ((one.at_s, True), (one.at_s + one.for_s, False))
    ]
    return tuple(sorted(found, key=lambda step: step.at_s))


def refuse_unplayable(faults: Sequence[Fault], acts: Mapping[str, Act]) -> None:
    """Raises ValueError where the script names a fault that nobody here can play."""
    for one in faults:
        if one.what not in acts:
            raise ValueError(f"fault {one.what!r} cannot be played here; these can: {', '.join(sorted(acts))}")
