"""What every table holds about people, and what becomes of it when somebody is erased.

A table that is not listed here fails a test: whoever adds one decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import RowMapping, Table

from aircue_cloud import tables
from aircue_cloud.rights.search import found


class Names(Enum):
    """What a column names somebody by."""

    HOUSEHOLD = "household"
    PERSON = "person"
    SITE = "site"
    NODE = "node"  # (node, installation): other homes have a bathroom as well
    EPISODE = "episode"
    PUSH = "push"
    ORDER = "order"


Ids = Mapping[Names, frozenset[Any]]


class Then(Enum):
    """What erasure does to a row."""

    DELETE = "delete"
    PSEUDONYM = "pseudonym"  # kept under a name that leads to nobody
    KEEP = "keep"


@dataclass(frozen=True, kw_only=True)
class Holding:
    """Rows of a table that are about somebody.

    column: names them; tells: finds them, where names stand in texts. only: of the rows with this value in that column,
    because others name operators or devices. keep: rows that the law wants kept, by a column and its values; they go
    under a pseudonym whatever `then` says. why: of what is not deleted."""

    table: Table
    column: str
    names: Names | None = None
    tells: Callable[[RowMapping, Ids], bool] | None = None
    only: tuple[str, str] | None = None
    then: Then = Then.DELETE
    keep: tuple[str, frozenset[str]] | None = None
    why: str = ""


_FIELDS: Mapping[str, Names] = {
    "household": Names.HOUSEHOLD,
    "site": Names.SITE,
    "episode": Names.EPISODE,
    "push": Names.PUSH,
}


def _fields_tell(fields: Mapping[str, Any], ids: Ids) -> bool:
    return any(fields.get(name) in ids[kind] for name, kind in _FIELDS.items())


def identifiers(ids: Ids) -> frozenset[str]:
    """What must be found nowhere once they are erased."""
    return frozenset(ids[Names.HOUSEHOLD] | ids[Names.PERSON] | ids[Names.SITE])


BOOKS = frozenset({"purchase", "return"})
_LEDGER = "the store's books of an order, which bears a pseudonym: they name nobody"

# In the order of erasure: what points to a row goes before it.
HOLDINGS = (
    Holding(table=tables.feed, column="fields", tells=lambda row, ids: _fields_tell(row["fields"], ids)),
    Holding(table=tables.attempts, column="push", names=Names.PUSH),
    Holding(table=tables.outbox, column="push", names=Names.PUSH),
    Holding(table=tables.answers, column="person", names=Names.PERSON),
    Holding(table=tables.addresses, column="person", names=Names.PERSON),
    Holding(table=tables.cart_lines, column="person", names=Names.PERSON),
    Holding(table=tables.favourites, column="person", names=Names.PERSON),
    Holding(table=tables.parcels, column="person", names=Names.PERSON),
    Holding(table=tables.inbox_reads, column="person", names=Names.PERSON),
    Holding(table=tables.callbacks, column="order", names=Names.ORDER, then=Then.KEEP, why=_LEDGER),
    Holding(table=tables.order_events, column="order", names=Names.ORDER, then=Then.KEEP, why=_LEDGER),
    Holding(table=tables.payments, column="order", names=Names.ORDER, then=Then.KEEP, why=_LEDGER),
    Holding(table=tables.order_lines, column="order", names=Names.ORDER, then=Then.KEEP, why=_LEDGER),
    Holding(
        table=tables.orders,
        column="person",
        names=Names.PERSON,
        then=Then.PSEUDONYM,
        why="orders and payments are the store's books",
    ),
    Holding(table=tables.messages, column="person", names=Names.PERSON),
    Holding(table=tables.conversations, column="person", names=Names.PERSON),
    Holding(table=tables.pushes, column="household", names=Names.HOUSEHOLD),
    Holding(table=tables.pushes, column="person", names=Names.PERSON),
    Holding(table=tables.decisions, column="episode", names=Names.EPISODE),
    Holding(table=tables.assignments, column="household", names=Names.HOUSEHOLD),
    Holding(table=tables.bundle_exposures, column="household", names=Names.HOUSEHOLD),
    Holding(table=tables.segment_snapshots, column="person", names=Names.PERSON),
    Holding(table=tables.decisions, column="person", names=Names.PERSON),
    Holding(table=tables.rule_states, column="site", names=Names.SITE),
    Holding(table=tables.episodes, column="site", names=Names.SITE),
    Holding(table=tables.revisions, column="node", names=Names.NODE),
    Holding(table=tables.losses, column="node", names=Names.NODE),
    Holding(table=tables.node_state, column="site", names=Names.SITE),
    Holding(table=tables.tallies, column="site", names=Names.SITE),
    Holding(table=tables.hourly, column="site", names=Names.SITE),
    Holding(table=tables.delivered, column="node", names=Names.NODE),
    Holding(
        table=tables.interactions,
        column="person",
        names=Names.PERSON,
        keep=("kind", BOOKS),
        why="purchases and returns are the store's books",
    ),
    Holding(
        table=tables.consents,
        column="household",
        names=Names.HOUSEHOLD,
        then=Then.PSEUDONYM,
        why="proof of what was agreed, for whoever holds the receipt",
    ),
    Holding(
        table=tables.audit,
        column="target",
        tells=lambda row, ids: found([row["actor"], row["target"], row["detail"]], identifiers(ids)),
        then=Then.PSEUDONYM,
        why="who did what, for whoever checks the operators",
    ),
    Holding(table=tables.observations, column="person", names=Names.PERSON),
    Holding(table=tables.preferences, column="subject", names=Names.PERSON, only=("kind", "person")),
    Holding(table=tables.preferences, column="subject", names=Names.HOUSEHOLD, only=("kind", "household")),
    Holding(table=tables.sessions, column="subject", names=Names.PERSON, only=("kind", "shopper")),
    Holding(table=tables.codes, column="subject", names=Names.PERSON, only=("kind", "shopper")),
    Holding(table=tables.sites, column="id", names=Names.SITE),
    Holding(table=tables.people, column="id", names=Names.PERSON),
    Holding(table=tables.households, column="id", names=Names.HOUSEHOLD),
)

# And why.
IMPERSONAL: Mapping[Table, str] = {
    tables.batches: "names a gateway and counts; what the batch held is in the base layer",
    tables.refused: "names a gateway; the base layer's place sees to it",
    tables.lake: "counts",
    tables.lake_files: "names of files; what they hold is the lake's place's",
    tables.retention: "periods",
    tables.gateways: "names of devices, given by the operator",
    tables.keys: "keys of devices and partners, named by the operator",
    tables.operators: "accounts of the store's own people",
    tables.article_versions: "what the store's own people wrote for everybody, and which of them",
    tables.need_versions: "what the store's own people wrote, and which of them",
    tables.recovery_codes: "of the store's own people",
    tables.windows: "counts of a few minutes",
    tables.weather: "of an area of ten kilometres",
    tables.weather_requests: "of an area of ten kilometres",
    tables.products: "the catalogue",
    tables.partners: "accounts of companies",
    tables.feeds: "what companies sent of their products",
    tables.offers: "the catalogue",
    tables.told_partners: "products, pieces and counts on 20 people and more",
    tables.heard_partners: "numbers of messages",
    tables.parcel_events: "states and times under a parcel's id, which leads to nobody once the parcel is erased",
    tables.switches: "what the store has switched off, and why",
    tables.counters: "sums over everybody",
    tables.reports: "figures on 20 people and more",
    tables.learnt: "lifts of 20 households in an arm and more, and sums by channel over everybody",
    tables.segment_runs: "when the segments were counted, and how many people they are of",
    tables.audience_versions: "rules that the store's own people wrote, and which of them",
    tables.association_runs: "counts over everybody",
    tables.associations: "figures on 20 people and more",
    tables.erasures: "a proof names nobody",
    tables.forgotten_sites: "salted hashes",
}
