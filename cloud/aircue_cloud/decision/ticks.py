"""What is decided in one tick, and what each decision leaves behind for those after it. Pure.

Decisions of one tick compete for a person, and know those before them. Live decisions take this from here one tick at a
time; `play` runs a household's whole past, for replays and backtests.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import NamedTuple, Protocol, TypeVar

from msgspec.structs import replace as changed

from aircue_cloud.decision import policy
from aircue_cloud.decision.policy import Facts, LastOffer, Rival, Verdict

REMEMBERED = policy.WEEK + timedelta(days=1)  # how far back the caps look


class Past(Protocol):
    """An offer that was made, or would have been but for the holdout. unit: whom the caps are of."""

    @property
    def unit(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def at(self) -> datetime: ...


class Made(NamedTuple):
    """A past offer that was made here."""

    push: str
    unit: str
    kind: str
    category: str
    at: datetime


def remembering(facts: Facts, before: Sequence[Past], remedies: Collection[str], *, decided: bool) -> Facts:
    """With what the household was offered until now, latest first. remedies: categories that the need's cooldown is of.
    decided: whether this push was sent or held out before."""
    last = next((one for one in before if one.category in remedies), None)
    sent = (one.at for one in before if one.unit == facts.unit and one.kind == policy.MARKETING)
    return changed(
        facts,
        pushed_before=decided,
        last_offer=None if last is None else LastOffer(category=last.category, at=last.at),
        sent=tuple(at for at in sent if at > facts.now - REMEMBERED),
    )


def competing(tick: Sequence[Facts], rivals: Callable[[int], Rival | None]) -> list[Facts]:
    """Each with the pushes that its person could get in this tick, where there are several. rivals: the one at a place
    of the tick, as policy.rival has it; asked where there may be several."""
    units = Counter(facts.unit for facts in tick if facts.household is not None)
    found: dict[str, list[Rival]] = {}
    for place, facts in enumerate(tick):
        one = rivals(place) if units[facts.unit] > 1 else None
        if one is not None:
            found.setdefault(facts.unit, []).append(one)
    several = {unit: tuple(some) for unit, some in found.items() if len(some) > 1}
    return [changed(facts, rivals=several[facts.unit]) if facts.unit in several else facts for facts in tick]


# A whole past.


class Case(Protocol):
    """Something that is decided about, perhaps several times."""

    @property
    def remedies(self) -> Collection[str]: ...

    def facts(self, now: datetime) -> Facts:
        """What is known by then, but for earlier outcomes."""

    def rival(self, facts: Facts) -> Rival | None: ...

    def again(self, until: datetime) -> tuple[datetime, int] | None:
        """When what was deferred is decided again, and its place among those of that instant; None for never."""


C = TypeVar("C", bound=Case)


class Played(NamedTuple):
    """A verdict that stands: no other one about the same follows."""

    facts: Facts
    verdict: Verdict


def play(begin: Iterable[tuple[datetime, int, C]], given: Iterable[Made] = ()) -> Iterator[tuple[C, Played]]:
    """One household. begin: each case with the instant of its first decision and its place among those of it; those of
    one instant are one tick. given: offers that are not up for decision."""
    number = count()  # cases do not compare
    queue = [(at, place, next(number), case) for at, place, case in begin]
    heapq.heapify(queue)
    past = _Past(given)
    while queue:
        now = queue[0][0]
        tick: list[C] = []
        while queue and queue[0][0] == now:
            tick.append(heapq.heappop(queue)[3])
        for case, played in _decided(tick, past, now):
            until = played.verdict.until
            later = None if until is None else case.again(until)
            if later is None:
                yield case, played
            else:
                heapq.heappush(queue, (*later, next(number), case))


class _Past:
    """The offers until now, latest first, and their pushes."""

    def __init__(self, given: Iterable[Made]) -> None:
        self._coming = sorted(given, key=lambda one: one.at, reverse=True)
        self.offers: list[Made] = []
        self.decided: set[str] = set()

    def reach(self, now: datetime) -> None:
        while self._coming and self._coming[-1].at <= now:
            self.note(self._coming.pop())

    def note(self, made: Made) -> None:
        self.offers.insert(0, made)
        self.decided.add(made.push)

    def remembered(self, case: Case, facts: Facts) -> Facts:
        return remembering(facts, self.offers, case.remedies, decided=facts.push in self.decided)


def _decided(tick: Sequence[C], past: _Past, now: datetime) -> Iterator[tuple[C, Played]]:
    past.reach(now)
    found = [past.remembered(case, case.facts(now)) for case in tick]
    with_rivals = competing(found, lambda place: tick[place].rival(found[place]))
    for case, one in zip(tick, with_rivals, strict=True):
        facts = past.remembered(case, one)  # what was decided in this tick too
        verdict = policy.decide(facts)
        if verdict.winner is not None:
            past.note(Made(facts.push, facts.unit, facts.kind, verdict.winner.product.category, now))
        yield case, Played(facts, verdict)
