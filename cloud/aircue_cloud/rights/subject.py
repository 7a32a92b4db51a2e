"""Whom a request is about, by all the names that the tables know them by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, or_, select, true

from aircue_cloud import tables
from aircue_cloud.errors import CommandError
from aircue_cloud.layers.lake import Lake
from aircue_cloud.rights.register import Holding, Ids, Names, identifiers

_AT_ONCE = 500  # names in one query


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A household with its people and homes, or one person of it. ids: by kind; nodes as (node, installation).
    gateways: that brought their readings."""

    household: str | None
    ids: Ids = field(repr=False)
    gateways: frozenset[str] = frozenset()

    @property
    def identifiers(self) -> frozenset[str]:
        """What must be found nowhere once they are erased."""
        return identifiers(self.ids)

    @property
    def sites(self) -> frozenset[str]:
        return self.ids[Names.SITE]

    @property
    def streams(self) -> frozenset[tuple[str, int]]:
        return self.ids[Names.NODE]

    @property
    def people(self) -> frozenset[str]:
        return self.ids[Names.PERSON]


def household(connection: Connection, lake: Lake, name: str) -> Subject:
    """CommandError where there is none of this name."""
    h, s, p = tables.households.c, tables.sites.c, tables.people.c
    if connection.execute(select(h.id).where(h.id == name)).first() is None:
        raise CommandError(f"household {name} is not known")
    sites = _all(connection, select(s.id).where(s.household == name))
    people = _all(connection, select(p.id).where(p.household == name))
    senders = _senders(connection, lake, sites)
    streams = frozenset((node, installation) for node, installation, _ in senders)
    ids = _ids(connection, frozenset({name}), people, sites, streams)
    return Subject(household=name, ids=ids, gateways=frozenset(gateway for *_, gateway in senders))


def person(connection: Connection, _: Lake, name: str) -> Subject:
    """One person alone: the air of the home and the household's answers are everybody's who lives there."""
    table = tables.people.c
    if connection.execute(select(table.id).where(table.id == name)).first() is None:
        raise CommandError(f"person {name} is not known")
    nobody: frozenset[str] = frozenset()
    return Subject(household=None, ids=_ids(connection, nobody, frozenset({name}), nobody, frozenset()))


_SENDERS = "SELECT DISTINCT node, installation, split_part(batch, '/', 1) FROM lake WHERE list_contains($sites, site)"


def _senders(connection: Connection, lake: Lake, sites: frozenset[str]) -> set[tuple[str, int, str]]:
    """(node, installation, gateway) of everything that these sites sent."""
    with lake.open(connection) as opened:
        return set(opened.execute(_SENDERS, {"sites": sorted(sites)}).fetchall())


def _ids(
    connection: Connection,
    households: frozenset[str],
    people: frozenset[str],
    sites: frozenset[str],
    streams: frozenset[tuple[str, int]],
) -> Ids:
    episodes, pushes, orders = tables.episodes.c, tables.pushes.c, tables.orders.c
    return {
        Names.HOUSEHOLD: households,
        Names.PERSON: people,
        Names.SITE: sites,
        Names.NODE: streams,
        Names.EPISODE: _all(connection, select(episodes.id).where(episodes.site.in_(sites))),
        Names.PUSH: _all(connection, select(pushes.id).where(_to(households, people))),
        Names.ORDER: _all(connection, select(orders.id).where(orders.person.in_(people))),
    }


def _to(households: frozenset[str], people: frozenset[str]) -> ColumnElement[bool]:
    """Pushes to a household, or to a person alone."""
    return or_(tables.pushes.c.household.in_(households), tables.pushes.c.person.in_(people))


def _all(connection: Connection, query: Select[Any]) -> frozenset[str]:
    return frozenset(connection.execute(query).scalars())


def rows(connection: Connection, subject: Subject, holding: Holding) -> Iterator[RowMapping]:
    """What a table holds about them, in the order of its key."""
    for condition in conditions(subject, holding):
        query = select(holding.table).where(condition).order_by(*holding.table.primary_key)
        found = connection.execute(query).mappings()
        yield from (row for row in found if holding.tells is None or holding.tells(row, subject.ids))


def conditions(subject: Subject, holding: Holding) -> Iterator[ColumnElement[bool]]:
    """Together they select the rows that are about them; every row where names stand in texts."""
    if holding.names is None:
        yield true()
        return
    narrowed = true() if holding.only is None else holding.table.c[holding.only[0]] == holding.only[1]
    names = sorted(subject.ids[holding.names])
    for start in range(0, len(names), _AT_ONCE):
        yield and_(_named(holding, names[start : start + _AT_ONCE]), narrowed)


def _named(holding: Holding, names: Sequence[Any]) -> ColumnElement[bool]:
    if holding.names is Names.NODE:
        return or_(*(_node(holding, *one) for one in names))
    return holding.table.c[holding.column].in_(names)


def _node(holding: Holding, node: str, installation: int) -> ColumnElement[bool]:
    return and_(holding.table.c.node == node, holding.table.c.installation == installation)
