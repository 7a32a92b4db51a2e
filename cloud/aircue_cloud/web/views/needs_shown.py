"""The needs as pages show them: which hold, since when and by whom, what they lately did, and how they came to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from aircue_cloud import tables
from aircue_cloud.errors import SettingsError
from aircue_cloud.needs import stored, toml
from aircue_cloud.needs.needs import Need, Needs
from aircue_cloud.needs.stored import Version
from aircue_cloud.web import wording
from aircue_cloud.web.views.changes import Line, changes
from aircue_node.quantities import QUANTITIES

LATELY = timedelta(days=30)
SHIPPED, CHANGED, OWN, RETIRED = "as shipped", "changed", "your own", "retired"


@dataclass(frozen=True, kw_only=True)
class Activity:
    """open: episodes now. begun, sent: episodes and pushes of the last 30 days."""

    open: int = 0
    begun: int = 0
    sent: int = 0


@dataclass(frozen=True, kw_only=True)
class Shown:
    """newest: the version that holds, or took it away; None where nobody ever saved one."""

    need: Need
    state: str
    newest: Version | None
    activity: Activity


@dataclass(frozen=True, kw_only=True)
class Past:
    """A version with what it changed, over the one before it or what ships. holds: it is the one in force."""

    version: Version
    holds: bool
    lines: tuple[Line, ...]


def shown(connection: Connection, shipped: Needs, now: datetime) -> list[Shown]:
    """By name, those that were retired among them."""
    newest, doing = _newest(connection), activity(connection, now)
    holding = stored.current(connection, shipped).by_name
    names = sorted({*holding, *newest})
    return [
        Shown(need=need, state=state(name, shipped, newest.get(name)), newest=newest.get(name),
              activity=doing.get(name, Activity()))
        for name in names
        if (need := holding.get(name) or _retired(name, newest.get(name))) is not None
    ]  # fmt: skip


def _newest(connection: Connection) -> dict[str, Version]:
    t = tables.need_versions
    last = select(func.max(t.c.id)).group_by(t.c.name)
    rows = connection.execute(select(t).where(t.c.id.in_(last)).order_by(t.c.name)).mappings()
    return {row["name"]: Version(**{key: value for key, value in row.items() if key != "id"}) for row in rows}


def _retired(name: str, version: Version | None) -> Need | None:
    """As it was; None where it can no longer be read."""
    try:
        return None if version is None else stored.check(name, version.document)
    except SettingsError:
        return None


def state(name: str, shipped: Needs, newest: Version | None) -> str:
    if newest is None:
        return SHIPPED
    if not newest.active:
        return RETIRED
    return CHANGED if name in shipped.by_name else OWN


def activity(connection: Connection, now: datetime) -> dict[str, Activity]:
    episodes, pushes, since = tables.episodes.c, tables.pushes.c, now - LATELY
    counted = (
        (select(episodes.need, func.count()).where(episodes.open.is_(True)), episodes.need),
        (select(episodes.need, func.count()).where(episodes.started_at >= since, episodes.withdrawn.is_(False)),
         episodes.need),
        (select(pushes.need, func.count()).where(pushes.created_at >= since), pushes.need),
    )  # fmt: skip
    found: list[dict[str, int]] = [
        {row[0]: row[1] for row in connection.execute(query.group_by(need))} for query, need in counted
    ]
    names = {name for one in found for name in one}
    return {
        name: Activity(open=found[0].get(name, 0), begun=found[1].get(name, 0), sent=found[2].get(name, 0))
        for name in names
    }


def past(shipped: Need | None, versions: Sequence[Version]) -> list[Past]:
    """versions: newest first, as stored.history has them."""
    texts = [toml.written(one.document) for one in versions]
    texts.append("" if shipped is None else toml.written(shipped.document))
    return [
        Past(version=one, holds=place == 0 and one.active, lines=tuple(changes(texts[place + 1], texts[place])))
        for place, one in enumerate(versions)
    ]


def unit(need: Need) -> str:
    """Of what the condition watches."""
    return wording.unit(QUANTITIES[need.quantity][0]) if need.quantity in QUANTITIES else ""


def condition(need: Need) -> str:
    """In words: humidity above 80 % for 15 min."""
    rule = need.rule
    source = "" if need.source == "room" else f" ({need.source})"
    label = wording.quantity(need.quantity).label
    said = f"{label}{source} {rule.direction} {rule.enter:g} {unit(need)}".rstrip()
    return f"{said} for {wording.span(rule.dwell_s)}" if rule.dwell_s else said


def sites(connection: Connection, quantity: str, most: int) -> list[str]:
    """Those that measure it, by name."""
    t = tables.node_state.c
    query = select(t.site).where(t.quantity == quantity).distinct().order_by(t.site).limit(most)
    return list(connection.execute(query).scalars())


def titles(needs: Mapping[str, Need]) -> dict[str, str]:
    return {name: need.title for name, need in needs.items()}
