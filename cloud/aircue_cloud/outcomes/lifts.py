"""What a store's database says of its needs' lifts: read, and put together by learned_lift."""

from sqlalchemy import Connection, func, select

from aircue_cloud import consents, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.needs.needs import Needs
from aircue_cloud.outcomes import enrolment, learned_lift
from aircue_cloud.outcomes.assignment import GLOBAL, TREATMENT, need_experiment
from aircue_cloud.outcomes.learned_lift import Comparison, Learned
from aircue_cloud.outcomes.observed import Record, record
from aircue_cloud.outcomes.report import Terms, first
from aircue_cloud.recommender import training


def learned(connection: Connection, needs: Needs, terms: Terms, currency: str | None = None) -> list[Learned]:
    """Of every remedy of every need; the rule's own prior where nothing was bought yet."""
    rules = {(name, category): prior for name, need in needs.by_name.items() for category, prior in
             need.remedies.items()}  # fmt: skip
    evidence = training.observed_evidence(connection, terms.now.timestamp())
    try:
        found = _comparisons(connection, needs, record(connection, currency, terms.now), terms)
    except CommandError:
        if currency is not None:
            raise
        found = {}
    return learned_lift.learned(rules, evidence, _homes(connection), found)


def _comparisons(
    connection: Connection, needs: Needs, found: Record, terms: Terms
) -> dict[tuple[str, str], Comparison]:
    everybody = {entry.household for entry in found.entries}
    given = enrolment.arms(connection, GLOBAL, everybody, terms.holdout)
    compared: dict[tuple[str, str], Comparison] = {}
    for name, need in needs.by_name.items():
        inside = first([one for one in found.entries if one.need == name and given[one.household].arm == TREATMENT])
        arms = enrolment.arms(connection, need_experiment(name), inside, terms.need_holdout)
        by_category = learned_lift.comparisons(inside, arms, found.orders, need.remedies, terms)
        compared |= {(name, category): one for category, one in by_category.items()}
    return compared


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
