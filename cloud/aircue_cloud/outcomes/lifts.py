"""What a store's database says of its needs' lifts: read, and put together by pooled_lift and learned_lift."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from aircue_cloud import consents, tables
from aircue_cloud.needs import needs as shipped
from aircue_cloud.needs.needs import Needs
from aircue_cloud.outcomes import enrolment, learned_lift, observed
from aircue_cloud.outcomes.assignment import GLOBAL, TREATMENT, need_experiment
from aircue_cloud.outcomes.learned_lift import RANDOMISED, Comparing, Learned
from aircue_cloud.outcomes.pooled_lift import Offered, Pooled
from aircue_cloud.outcomes.rate_ratio import MASS, NOBODY, Comparison, as_gamma, ratio_posterior
from aircue_cloud.outcomes.report import Terms, first
from aircue_cloud.recommender.lift import RULE_TRUST

PRIOR = "prior"
AT_ONCE = 2000  # households


@dataclass(frozen=True, kw_only=True)
class Lift:
    """How many times likelier a category is bought with a push about the need. prior: the need's rule. sent, held:
    households that were first offered it, and those held out that would have been; bought by each; None where they are
    too few to be told of. mean, low, high: the posterior, of 90 %. source: prior or randomised."""

    need: str
    category: str
    prior: float
    mean: float
    low: float
    high: float
    source: str = PRIOR
    sent: int | None = None
    sent_bought: int | None = None
    held: int | None = None
    held_bought: int | None = None


def lifts(connection: Connection, now: datetime, needs: Needs | None = None) -> list[Lift]:
    """Of every remedy of every need, as of now. needs: those that Aircue comes with unless given."""
    asked = shipped.load() if needs is None else needs
    rules, found = rules_of(asked), pooled(connection, asked, Terms(now=now))
    return [of_category(found, need, category, prior) for (need, category), prior in sorted(rules.items())]


def of_category(found: Pooled, need: str, category: str, prior: float) -> Lift:
    evidence = found.evidence(need, category)
    if evidence is None:
        low, high = as_gamma(NOBODY, prior, RULE_TRUST).interval(MASS)
        return Lift(need=need, category=category, prior=prior, mean=prior, low=low, high=high)
    told = ratio_posterior(evidence, found.prior(need, category))
    return Lift(
        need=need,
        category=category,
        prior=prior,
        mean=told.value,
        low=told.low,
        high=told.high,
        source=RANDOMISED,
        sent=evidence.households,
        sent_bought=evidence.bought,
        held=evidence.households_held,
        held_bought=evidence.bought_held,
    )


def learned(connection: Connection, needs: Needs, terms: Terms) -> list[Learned]:
    """Of every remedy of every need, on the best ground there is; the rule's own prior where nothing was bought yet."""
    from aircue_cloud.recommender import training  # what decides looks lifts up here as well, and trains nothing

    evidence = training.observed_evidence(connection, terms.now.timestamp())
    return learned_lift.learned(rules_of(needs), evidence, _homes(connection), pooled(connection, needs, terms))


def rules_of(needs: Needs) -> dict[tuple[str, str], float]:
    return {
        (name, category): prior for name, need in needs.by_name.items() for category, prior in need.remedies.items()
    }


def pooled(connection: Connection, needs: Needs, terms: Terms) -> Pooled:
    """From all whose arms were drawn and whose span is over."""
    return Pooled(rules_of(needs), compared(connection, needs, terms))


def compared(
    connection: Connection, needs: Needs, terms: Terms, at_once: int = AT_ONCE
) -> Mapping[Offered, Comparison]:
    """at_once: households that are looked at together; no more than theirs is in memory, however many there are."""
    comparing = {name: Comparing() for name in needs.by_name}
    for homes in observed.runs(connection, terms.now, at_once):
        entries = list(observed.entries(connection, terms.now, homes))
        orders = observed.orders(connection, None, terms.now, homes)
        given = enrolment.arms(connection, GLOBAL, {entry.household for entry in entries}, terms.holdout)
        for name, counted in comparing.items():
            inside = first([one for one in entries if one.need == name and given[one.household].arm == TREATMENT])
            arms = enrolment.arms(connection, need_experiment(name), inside, terms.need_holdout) if inside else {}
            counted.add(inside, arms, orders, terms)
    return {
        (name, category, product): one
        for name, counted in comparing.items()
        for (category, product), one in counted.compared().items()
    }


def _homes(connection: Connection) -> dict[str, int]:
    """How many of the households that agree to it had each need."""
    episodes, sites = tables.episodes.c, tables.sites.c
    agreeing = consents.granting(purpose="marketing", data_category="sensor")
    query = (
        select(episodes.need, func.count(sites.household.distinct()).label("homes"))
        .join(tables.sites, sites.id == episodes.site)
        .where(episodes.withdrawn.is_(False), sites.household.in_(agreeing))
        .group_by(episodes.need)
    )
    return {row.need: row.homes for row in connection.execute(query)}
