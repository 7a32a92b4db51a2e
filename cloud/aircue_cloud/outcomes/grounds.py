"""What a store's database says of its needs' lifts, on the best ground there is: put together by learned_lift."""

from sqlalchemy import Connection, func, select

from aircue_cloud import consents, tables
from aircue_cloud.needs.needs import Needs
from aircue_cloud.outcomes import learned_lift
from aircue_cloud.outcomes.learned_lift import Learned
from aircue_cloud.outcomes.lifts import pooled, rules_of
from aircue_cloud.outcomes.report import Terms
from aircue_cloud.recommender import training


def learned(connection: Connection, needs: Needs, terms: Terms) -> list[Learned]:
    """Of every remedy of every need, on the best ground there is; the rule's own prior where nothing was bought yet."""
    evidence = training.observed_evidence(connection, terms.now.timestamp())
    return learned_lift.learned(rules_of(needs), evidence, _homes(connection), pooled(connection, needs, terms))


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
