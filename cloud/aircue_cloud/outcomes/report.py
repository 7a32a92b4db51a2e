"""The store's own experiments: the global holdout, and the randomisation of each need's triggers. Pure.

A unit is a household. In the global experiment one arm is held out of everything; the other is the programme as it
runs, with the needs' own experiments inside it. In a need's experiment stand the households that are not held out
globally; one arm gets this need's pushes, the other gets everything but these. What a household spends in the span
after it entered is held against what it spent in a span before. Nothing is told of fewer than 20 households, nor what
could be reckoned from two figures that differ by fewer.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from aircue_cloud.outcomes import analysis, attribution
from aircue_cloud.outcomes.analysis import Analysis, Plan
from aircue_cloud.outcomes.assignment import (
    GLOBAL,
    GLOBAL_HOLDOUT,
    NEED_HOLDOUT,
    TREATMENT,
    Arms,
    Assigned,
    need_experiment,
)
from aircue_cloud.outcomes.attribution import Order
from aircue_cloud.outcomes.iroi import Ledger
from aircue_cloud.outcomes.observed import Entry, Record
from aircue_cloud.outcomes.units import Numbers, Units
from aircue_cloud.recommender.evaluating import before_after
from aircue_cloud.rights.small_groups import K, overlapping


@dataclass(frozen=True, kw_only=True)
class Terms:
    """window: the span after entering whose spending counts; before: the span whose spending explains it. holdout,
    need_holdout: shares, of who was never written down. margin: of what is spent, None where nobody says; per_send,
    fixed: minor units; fixed is the global experiment's."""

    now: datetime
    window: timedelta = timedelta(days=28)
    before: timedelta = timedelta(days=90)
    holdout: float = GLOBAL_HOLDOUT
    need_holdout: float = NEED_HOLDOUT
    margin: float | None = None
    per_send: float = 0.0
    fixed: float = 0.0
    planned: int = Plan().planned


@dataclass(frozen=True, kw_only=True)
class Associated:
    """Orders counted under pushes, by last touch. revenue: None where fewer than 20 households ordered."""

    orders: int | None
    revenue: int | None
    label: str = attribution.LABEL


@dataclass(frozen=True, kw_only=True)
class Reported:
    """hidden: why nothing is told; the figures are None then. waiting: households whose span is not over yet. left_out:
    those who came in under another share of the holdout than most. crossed: those that got something else than their
    arm says; they count in their arm all the same. These three are None where they count fewer than 20. level: what
    treated households spent a day after entering over before, which no holdout stands beside."""

    experiment: str
    analysis: Analysis | None = None
    ledger: Ledger | None = None
    associated: Associated | None = None
    waiting: int | None = None
    left_out: int | None = None
    crossed: int | None = None
    level: float | None = None
    level_label: str = before_after.LABEL
    hidden: str | None = None
    groups: tuple[frozenset[str], ...] = field(default=(), repr=False)


def report(record: Record, arms: Arms, terms: Terms) -> list[Reported]:
    """The global experiment first, then the needs by name."""
    found: list[Reported] = []
    for one in _experiments(record, arms, terms):
        told = [group for earlier in found for group in earlier.groups]
        found.append(_guarded(one, told))
    return found


def _guarded(one: Reported, told: Sequence[frozenset[str]]) -> Reported:
    """With what was told before it, it must not give few people away."""
    if one.hidden is None and any(overlapping(told, group) for group in one.groups):
        return Reported(experiment=one.experiment, hidden=f"beside the others it would tell of fewer than {K}")
    return one


def _experiments(record: Record, arms: Arms, terms: Terms) -> Iterator[Reported]:
    everybody = first(record.entries)
    given = arms(GLOBAL, everybody)
    yield _reported(GLOBAL, everybody, given, record, terms)
    for need in sorted({entry.need for entry in record.entries}):
        inside = first([one for one in record.entries if one.need == need and given[one.household].arm == TREATMENT])
        yield _reported(need_experiment(need), inside, arms(need_experiment(need), inside), record, terms, need)


def first(entries: Sequence[Entry]) -> dict[str, Entry]:
    """By household: its earliest entry."""
    found: dict[str, Entry] = {}
    for one in sorted(entries, key=lambda entry: (entry.at, entry.need)):
        found.setdefault(one.household, one)
    return found


def _reported(
    experiment: str,
    entered: Mapping[str, Entry],
    given: Mapping[str, Assigned],
    record: Record,
    terms: Terms,
    need: str | None = None,
) -> Reported:
    ended = {name: one for name, one in entered.items() if one.at + terms.window <= terms.now}
    over = under_one_share(ended, given)
    groups = tuple(frozenset(name for name in over if (given[name].arm == TREATMENT) == side) for side in (True, False))
    if min(map(len, groups)) < K:
        return Reported(experiment=experiment, hidden=f"fewer than {K} households in an arm whose span is over")
    names = sorted(over)
    spent = _spent(record.orders, over, terms)
    sends = _sends(record, over, terms, need)
    units = _units(names, given, spent, sends, terms)
    waiting, left_out = len(entered) - len(ended), len(ended) - len(over)
    crossed = sum(over[name].sent != (given[name].arm == TREATMENT) for name in names)
    return Reported(
        experiment=experiment,
        analysis=analysis.analyse(units, _plan(terms, need, given[names[0]].holdout)),
        ledger=Ledger(sends=sum(sends.values()), per_send=terms.per_send, fixed=_fixed(terms, need)),
        associated=_associated(record, over, need),
        waiting=_many(waiting),
        left_out=_many(left_out),
        crossed=_many(crossed),
        level=_level(units, terms),
        groups=groups,
    )


def _many(count: int) -> int | None:
    """None where it counts few."""
    return count if count == 0 or count >= K else None


def under_one_share(entered: Mapping[str, Entry], given: Mapping[str, Assigned]) -> dict[str, Entry]:
    """Those who came in under the share of the holdout that most came in under. After a change of the share those who
    came early are in one arm more often than those who came late, and the arms would differ by when they came."""
    most = one_share(Counter(given[name].holdout for name in entered))
    return {name: one for name, one in entered.items() if given[name].holdout == most}


def one_share(counts: Mapping[float, int]) -> float:
    """The share that most came in under; of two, the larger. counts: households by share."""
    return max(counts, key=lambda holdout: (counts[holdout], holdout), default=0.0)


def _plan(terms: Terms, need: str | None, holdout: float) -> Plan:
    return Plan(share=1 - holdout, planned=terms.planned, fixed_cost=_fixed(terms, need))


def _fixed(terms: Terms, need: str | None) -> float:
    return terms.fixed if need is None else 0.0


Spent = Mapping[str, tuple[int, int]]  # before and after entering, minor units


def _spent(orders: Sequence[Order], entered: Mapping[str, Entry], terms: Terms) -> Spent:
    found = {name: [0, 0] for name in entered}
    for order in orders:
        entry = entered.get(order.household)
        if entry is None:
            continue
        if entry.at - terms.before <= order.at < entry.at:
            found[order.household][0] += order.amount
        elif entry.at <= order.at < entry.at + terms.window:
            found[order.household][1] += order.amount
    return {name: (before, after) for name, (before, after) in found.items()}


def _sends(record: Record, entered: Mapping[str, Entry], terms: Terms, need: str | None) -> dict[str, int]:
    """Pushes to each household in its span: about the need, or about any."""
    found = dict.fromkeys(entered, 0)
    for (household, about), times in record.sent.items():
        entry = entered.get(household)
        if entry is not None and need in (None, about):
            found[household] += sum(entry.at <= at < entry.at + terms.window for at in times)
    return found


def _units(
    names: Sequence[str], given: Mapping[str, Assigned], spent: Spent, sends: Mapping[str, int], terms: Terms
) -> Units:
    outcome = _column(spent[name][1] for name in names)
    return Units(
        treated=np.array([given[name].arm == TREATMENT for name in names]),
        outcome=outcome,
        pre=_column(spent[name][0] for name in names),
        cost=None if terms.margin is None else _column(sends[name] * terms.per_send for name in names),
        margin=None if terms.margin is None else terms.margin * outcome,
    )


def _column(values: Iterable[float]) -> Numbers:
    return np.array(list(values), dtype=np.float64)


def _associated(record: Record, entered: Mapping[str, Entry], need: str | None) -> Associated:
    """Of the experiment's households, however long ago they entered."""
    pushes = [one for one in record.pushes if one.household in entered]
    found = attribution.attribute(record.orders, pushes)
    rows = [row for row in found if row.push is not None and need in (None, row.push.need)]
    buyers = {row.order.household for row in rows if row.order.amount}
    if 0 < len(buyers) < K:
        return Associated(orders=None, revenue=None)
    return Associated(orders=len(rows), revenue=sum(row.order.amount for row in rows))


def _level(units: Units, terms: Terms) -> float | None:
    """Spending a day, after over before; None where nothing was spent before."""
    assert units.pre is not None
    before = float(units.pre[units.treated].sum()) / (terms.before / timedelta(days=1))
    after = float(units.outcome[units.treated].sum()) / (terms.window / timedelta(days=1))
    return after / before if before > 0 else None


def document(one: Reported) -> dict[str, Any]:
    """Ready for JSON; names nobody."""
    found = {name: value for name, value in asdict(one).items() if name != "groups"}
    return found | {"analysis": None if one.analysis is None else analysis.document(one.analysis)}


# In words.


def told(found: Sequence[Reported], currency: str) -> Iterator[str]:
    """Lines for a terminal."""
    if not found or all(one.hidden is not None for one in found):
        yield f"nothing to tell: no experiment has {K} households in each arm whose span is over"
    for one in found:
        yield ""
        yield from _told(one, currency)


def _told(one: Reported, currency: str) -> Iterator[str]:
    yield f"{one.experiment}, a household, minor units of {currency}"
    if one.analysis is None or one.ledger is None or one.associated is None:
        yield f"  not told: {one.hidden}"
        return
    yield from (f"  {line}" for line in analysis.told(one.analysis))
    ledger = one.ledger
    yield f"  cost       {ledger.sends:,} sends at {ledger.per_send:g}, fixed {ledger.fixed:g}: {ledger.total:g} in all"
    yield f"  {one.associated.label:<10} {_associated_told(one.associated)}"
    if one.level is not None:
        yield f"  level      treated households spent {one.level:.2f} times as much a day as before ({one.level_label})"
    waiting = f"fewer than {K}" if one.waiting is None else f"{one.waiting:,}"
    crossed = f"fewer than {K}" if one.crossed is None else f"{one.crossed:,}"
    left_out = f"fewer than {K}" if one.left_out is None else f"{one.left_out:,}"
    yield f"  left       {waiting} households wait for their span's end; {crossed} got what the other arm gets;"
    yield f"             {left_out} are left out, because they came in under another share of the holdout than most"


def _associated_told(found: Associated) -> str:
    if found.orders is None or found.revenue is None:
        return f"fewer than {K} households ordered after a push"
    return f"{found.orders:,} orders worth {found.revenue:,} followed pushes; many would have come anyway"
