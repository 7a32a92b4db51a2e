"""How often people turned to what was pushed to them, by channel, as the tables have it.

A push was received through each channel beside the inbox that it was handed to. It was turned to where somebody clicked
on it, wherever they saw it: the inbox holds it too, and a click does not say where it came from.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from aircue_cloud import tables
from aircue_cloud.decision.channels import Engagement, Own
from aircue_cloud.delivery.addresses import Whom
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


def own(connection: Connection, whom: Sequence[Whom], now: datetime) -> dict[Whom, list[Own]]:
    """Of each person, or of a household that names nobody; by channel. None of whom nothing was handed to."""
    asked = {"homes": sorted({household for household, _ in whom}), "since": now - SPAN}
    handed = [row for row in connection.execute(_THEIRS, asked) if (row.household, row.person) in whom]
    turned_to = _turned_to(connection, sorted({row.push for row in handed}))
    found: dict[Whom, dict[str, Own]] = {}
    for row in handed:
        mine = found.setdefault((row.household, row.person), {})
        before = mine.get(row.channel, Own(channel=row.channel))
        mine[row.channel] = Own(
            channel=row.channel,
            received=before.received + 1,
            turned_to=before.turned_to + ((row.push, row.person) in turned_to),
            recent=before.recent + (row.at > now - RECENT),
        )
    return {one: list(mine.values()) for one, mine in found.items()}


def _turned_to(connection: Connection, pushes: Sequence[str]) -> set[tuple[str, str | None]]:
    """Pushes with each person who clicked, and with None where anybody did."""
    clicks = connection.execute(_TURNED_TO, {"pushes": pushes}) if pushes else ()
    return {(push, whose) for push, person in clicks for whose in (person, None)}


_THEIRS = (
    select(_P.household, _P.person, _O.push, _O.channel, func.max(_O.done_at).label("at"))
    .join(tables.pushes, _P.id == _O.push)
    .where(_P.household.in_(bindparam("homes", expanding=True)), _P.created_at > bindparam("since"))
    .where(_O.place > 0, _O.state == HANDED)
    .group_by(_P.household, _P.person, _O.push, _O.channel)
    .order_by(_O.channel, _O.push)
)
_TURNED_TO = select(_I.push, _I.person).where(_I.push.in_(bindparam("pushes", expanding=True)), *_CLICKED).distinct()
