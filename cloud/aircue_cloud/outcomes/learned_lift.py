"""What is known of each lift: the rule that it began with, the evidence, and what both say together. Pure.

Three grounds, the better one taken where there is one:

rule        a guess, written into the need.
observed    purchases of the category while the need held, over those that season and popularity promised
            (recommender.evidence): a Gamma-Poisson posterior. Homes with damp air may differ from others in more than
            their air, so this is what goes together, not what brings about.
randomised  purchases of the category by households whose pushes about the need were drawn, in the span after their
            first offer, against those of the households that were held out of just these pushes and would first have
            been offered the same. What differs is the push alone: the ratio of the two rates is what a push multiplies
            purchases by, while the need holds (rate_ratio), pooled over products, categories and needs (pooled_lift).
            Decisions take it as soon as there is one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aircue_cloud.outcomes.assignment import TREATMENT, Assigned
from aircue_cloud.outcomes.attribution import Order
from aircue_cloud.outcomes.observed import Entry
from aircue_cloud.outcomes.pooled_lift import Pooled
from aircue_cloud.outcomes.rate_ratio import MASS, Comparison, ratio_posterior
from aircue_cloud.outcomes.report import Terms, one_share
from aircue_cloud.recommender.evaluating.bootstrap import Interval
from aircue_cloud.recommender.lift import Evidence, Lift
from aircue_cloud.rights.small_groups import K

RULE, OBSERVED, RANDOMISED = "rule", "observed", "randomised"


@dataclass(frozen=True, kw_only=True)
class Learned:
    """observed, expected: purchases while the need held, and those promised; None where fewer than 20 homes had it.
    posterior: of 90 %; on: the ground it stands on."""

    need: str
    category: str
    prior: float
    observed: float | None
    expected: float | None
    comparison: Comparison | None
    posterior: Interval
    on: str


def learned(
    rules: Mapping[tuple[str, str], float], evidence: Sequence[Evidence], homes: Mapping[str, int], pooled: Pooled
) -> list[Learned]:
    """rules: the prior by (need, category). homes: how many had the need."""
    lift = Lift(rules, evidence)
    return [_learned(lift, need, category, prior, homes.get(need, 0) >= K, pooled)
            for (need, category), prior in sorted(rules.items())]  # fmt: skip


def _learned(lift: Lift, need: str, category: str, prior: float, seen: bool, pooled: Pooled) -> Learned:
    found = lift.category(need, category)
    posterior, on = _posterior(lift, need, category, prior, seen, pooled)
    return Learned(
        need=need,
        category=category,
        prior=prior,
        observed=found.observed if seen else None,
        expected=found.expected if seen else None,
        comparison=pooled.evidence(need, category),
        posterior=posterior,
        on=on,
    )


def _posterior(lift: Lift, need: str, category: str, prior: float, seen: bool, pooled: Pooled) -> tuple[Interval, str]:
    comparison = pooled.evidence(need, category)
    if comparison is not None:
        return ratio_posterior(comparison, pooled.prior(need, category)), RANDOMISED
    found = lift.category(need, category) if seen else Lift({(need, category): prior}, ()).category(need, category)
    low, high = found.interval(MASS)
    on = OBSERVED if seen and found.expected > 0 else RULE
    return Interval(value=found.mean, low=low, high=high), on


class Comparing:
    """One need's experiment, counted some households at a time: what is kept are sums, by the share of the holdout that
    each household came in under."""

    def __init__(self) -> None:
        self._households = Counter[float]()
        self._found: dict[float, dict[tuple[str, str], Comparison]] = {}

    def add(
        self, entered: Mapping[str, Entry], given: Mapping[str, Assigned], orders: Sequence[Order], terms: Terms
    ) -> None:
        """entered: households that were not added before."""
        ended = {name: one for name, one in entered.items() if one.at + terms.window <= terms.now}
        self._households.update(given[name].holdout for name in ended)
        bought = _bought(ended, orders, terms)
        for name, entry in ended.items():
            if entry.category is not None and entry.product is not None:
                one = _alone(given[name].arm == TREATMENT, bought.get(name, 0))
                found = self._found.setdefault(given[name].holdout, {})
                key = entry.category, entry.product
                found[key] = found[key] + one if key in found else one

    def compared(self) -> Mapping[tuple[str, str], Comparison]:
        """By category and product of the first offer, of those who came in under one share (report.one_share)."""
        return self._found.get(one_share(self._households), {})


def _bought(over: Mapping[str, Entry], orders: Sequence[Order], terms: Terms) -> dict[str, int]:
    """By household, purchases of the category it was to be offered, within its span; what came back is none."""
    found: dict[str, int] = {}
    for order in orders:
        entry = over.get(order.household)
        if entry is None or order.category != entry.category or order.amount <= 0:
            continue
        if entry.at <= order.at < entry.at + terms.window:
            found[order.household] = found.get(order.household, 0) + 1
    return found


def _alone(treated: bool, bought: int) -> Comparison:
    """What one household adds."""
    if treated:
        return Comparison(bought=bought, households=1, bought_held=0, households_held=0)
    return Comparison(bought=0, households=0, bought_held=bought, households_held=1)


# In words.


def told(found: Sequence[Learned]) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{'need':<14}{'category':<20}{'prior':>6}  {'posterior, 90 %':<24}{'on':<12}evidence"
    for one in found:
        shown = f"{one.posterior.value:.2f} [{one.posterior.low:.2f}, {one.posterior.high:.2f}]"
        yield f"{one.need:<14}{one.category:<20}{one.prior:>6.2f}  {shown:<24}{one.on:<12}{_evidence(one)}"


def _evidence(one: Learned) -> str:
    if one.comparison is not None:
        found = one.comparison
        held = f"{found.bought_held} by {found.households_held} held out"
        return f"{found.bought} purchases by {found.households} households with pushes, {held}"
    if one.observed is None or one.expected is None:
        return f"fewer than {K} homes had the need"
    return f"{one.observed:g} purchases where {one.expected:.1f} were to be expected"
