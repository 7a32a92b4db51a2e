"""Whether anything may be fitted to somebody: offers and recommendations from what they did, or from the air at home.

It is on unless somebody said no. A household says it for all of its people, a person for themselves. The air of a home
is everybody's who lives there: where one of them said no, nothing follows from it. (The right to a way without it: PIPL
article 24; GDPR article 21.)
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, select, update

from aircue_cloud import tables

_H, _P = tables.households.c, tables.people.c


def of_person() -> ColumnElement[bool]:
    """A column of people joined with their households: whether anything may be fitted to the person."""
    return willing() & _H.impersonal_since.is_(None)


def willing() -> ColumnElement[bool]:
    """A condition on people: they themselves did not say no."""
    return _P.impersonal_since.is_(None)


def unwilling() -> Select[str]:
    """The ids of households that said no for all of their people."""
    return select(_H.id).where(_H.impersonal_since.is_not(None))


def shared_by_the_unwilling() -> Select[str]:
    """The ids of households that said no, or in which somebody lives who did."""
    theirs = select(_P.household).where(_P.impersonal_since.is_not(None))
    return select(_H.id).where(_H.impersonal_since.is_not(None) | _H.id.in_(theirs))


def is_known(connection: Connection, *, household: str | None = None, person: str | None = None) -> bool:
    query = select(_H.id).where(_H.id == household) if person is None else select(_P.id).where(_P.id == person)
    return connection.execute(query).first() is not None


def home(connection: Connection, person: str) -> str | None:
    found: str | None = connection.execute(select(_P.household).where(_P.id == person)).scalar_one_or_none()
    return found


def since(connection: Connection, *, household: str | None = None, person: str | None = None) -> datetime | None:
    """When one of them said no; None where they did not, or are not known."""
    query = select(_H.impersonal_since).where(_H.id == household)
    if person is not None:
        query = select(_P.impersonal_since).where(_P.id == person)
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found


def keep(
    connection: Connection, now: datetime, *, on: bool, household: str | None = None, person: str | None = None
) -> bool:
    """Writes down what one of them said; whether it is another answer than before."""
    table, id_ = (tables.households, household) if person is None else (tables.people, person)
    column = table.c.impersonal_since
    said = column.is_not(None) if on else column.is_(None)
    change = update(table).where(table.c.id == id_, said).values(impersonal_since=None if on else now)
    return connection.execute(change).rowcount > 0
