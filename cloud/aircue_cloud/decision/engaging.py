"""How often people turned to what was pushed to them, by channel, as the tables have it.

A push was received through each channel beside the inbox that it was handed to. It was turned to where somebody clicked
on it, wherever they saw it: the inbox holds it too, and a click does not say where it came from.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from aircue_cloud import tables
from aircue_cloud.decision.channels import Engagement, Own
from aircue_cloud.delivery.fates import HANDED
from aircue_cloud.rights.small_groups import K

SPAN = timedelta(days=180)
RECENT = timedelta(days=7)
_O, _P, _I = tables.outbox.c, tables.pushes.c, tables.interactions.c
_CLICKED = (_I.kind == "click", _I.push.is_not(None))


def everybody(connection: Connection, now: datetime) -> list[Engagement]:
    """Sums over everybody, by channel; none of a channel that reached fewer than 20 households."""
    since = now - SPAN
    handed = (
        select(_O.push, _O.channel, _P.household)
        .join(tables.pushes, _P.id == _O.push)
        .where(_O.place > 0, _O.state == HANDED, _O.done_at > since, _O.done_at <= now)
        .distinct()  # one push may go to several addresses of a channel
        .subquery()
    )
    clicked = select(_I.push).where(*_CLICKED, _I.at > since, _I.at <= now).distinct().subquery()
    received, turned_to = func.count().label("received"), func.count(clicked.c.push).label("turned_to")
    query = (
        select(handed.c.channel, received, turned_to)
        .outerjoin(clicked, clicked.c.push == handed.c.push)
        .group_by(handed.c.channel)
        .having(func.count(handed.c.household.distinct()) >= K)
        .order_by(handed.c.channel)
    )
    return [Engagement(**row) for row in connection.execute(query).mappings()]


def own(connection: Connection, household: str, person: str | None, now: datetime) -> list[Own]:
    """Of one person, or of a household that names nobody; by channel."""
    whose = _P.person.is_(None) if person is None else _P.person == person
    query = (
        select(_O.push, _O.channel, func.max(_O.done_at).label("at"))
        .join(tables.pushes, _P.id == _O.push)
        .where(_P.household == household, whose, _P.created_at > now - SPAN, _O.place > 0, _O.state == HANDED)
        .group_by(_O.push, _O.channel)
        .order_by(_O.channel)
    )
    handed = connection.execute(query).all()
    clicked = _clicked(connection, household, person) if handed else frozenset()
    found: dict[str, Own] = {}
    for row in handed:
        before = found.get(row.channel, Own(channel=row.channel))
        found[row.channel] = Own(
            channel=row.channel,
            received=before.received + 1,
            turned_to=before.turned_to + (row.push in clicked),
            recent=before.recent + (row.at > now - RECENT),
        )
    return list(found.values())


def _clicked(connection: Connection, household: str, person: str | None) -> frozenset[str]:
    people = tables.people.c
    theirs = [person] if person is not None else select(people.id).where(people.household == household)
    return frozenset(connection.execute(select(_I.push).where(_I.person.in_(theirs), *_CLICKED)).scalars())
