"""Audiences of a store: saved under a name, each version kept, so that what was told of one is known of the next."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from aircue_cloud import tables
from aircue_cloud.errors import SettingsError
from aircue_cloud.segments import audiences
from aircue_cloud.segments.audiences import Audience

log = logging.getLogger(__name__)
_T = tables.audience_versions.c


@dataclass(frozen=True, kw_only=True)
class Version:
    """active: false where it took the audience away. audience: None of an older release's that fits no longer."""

    name: str
    number: int
    document: Mapping[str, Any]
    author: str
    at: datetime
    active: bool
    audience: Audience | None


def versions(connection: Connection) -> list[Version]:
    """All that were ever saved, the oldest first."""
    query = select(tables.audience_versions).order_by(_T.id)
    return [_version(row) for row in connection.execute(query).mappings()]


def _version(row: Any) -> Version:
    try:
        audience = audiences.read(row["name"], row["document"])
    except SettingsError as error:
        log.error("%s; save it anew as it should be", error)
        audience = None
    return Version(**{key: value for key, value in row.items() if key != "id"}, audience=audience)


def current(connection: Connection) -> dict[str, Version]:
    """By name as they hold now."""
    last = {one.name: one for one in versions(connection)}
    return {name: last[name] for name in sorted(last) if last[name].active and last[name].audience is not None}


def save(connection: Connection, name: str, document: Mapping[str, Any], author: str, now: datetime) -> Audience:
    """Holds from then on; only within db.writing. SettingsError where it does not fit. Saved as it is already, it
    stays as it is."""
    audience = audiences.read(name, document)
    held = current(connection).get(name)
    if held is None or held.document != document:
        _add(connection, name, document, author, now, active=True)
    return audience


def retire(connection: Connection, name: str, author: str, now: datetime) -> bool:
    """Whether there was one. Only within db.writing."""
    found = current(connection).get(name)
    if found is not None:
        _add(connection, name, found.document, author, now, active=False)
    return found is not None


def _add(
    connection: Connection, name: str, document: Mapping[str, Any], author: str, now: datetime, *, active: bool
) -> None:
    before = connection.execute(select(func.max(_T.number)).where(_T.name == name)).scalar_one_or_none()
    row = {"name": name, "number": (before or 0) + 1, "document": dict(document), "author": author, "at": now}
    connection.execute(insert(tables.audience_versions), row | {"active": active})
