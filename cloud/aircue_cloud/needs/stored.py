"""Needs that a store wrote itself, with their history: each save is a version that is added, none is ever changed.

Of the versions of one name the newest holds, over what ships under that name; one that was retired takes the need away.
Errors: SettingsError, naming the key of the document that does not fit, or the name.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from aircue_cloud import tables
from aircue_cloud.errors import SettingsError
from aircue_cloud.needs import document as documents
from aircue_cloud.needs.needs import Need, Needs

log = logging.getLogger(__name__)

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_NAME = 64
LONGEST_NOTE = 500
LARGEST = 32_768
_T = tables.need_versions.c


@dataclass(frozen=True, kw_only=True)
class Version:
    """number: 1 of the first that was saved under the name. author: as in the audit log. active: False where it took
    the need away."""

    name: str
    number: int
    document: Mapping[str, Any]
    author: str
    at: datetime
    note: str = ""
    active: bool = True


def newest(connection: Connection) -> int:
    """Grows with every version of every need; 0 while there is none."""
    return int(connection.execute(select(func.coalesce(func.max(_T.id), 0))).scalar_one())


def current(connection: Connection, shipped: Needs) -> Needs:
    """All needs as they hold now. A version of an older release that no longer fits is left out, and what ships under
    its name holds."""
    last = select(func.max(_T.id)).group_by(_T.name)
    by_name = dict(shipped.by_name)
    for row in connection.execute(select(tables.need_versions).where(_T.id.in_(last))):
        if not row.active:
            by_name.pop(row.name, None)
        elif (need := _fitting(row)) is not None:
            by_name[row.name] = need
    return Needs({name: by_name[name] for name in sorted(by_name)})


def _fitting(row: Any) -> Need | None:
    try:
        need = documents.read(row.name, row.document, f"need {row.name}, version {row.number}")
    except SettingsError as error:
        log.error("%s; save it anew as it should be", error)
        return None
    return replace(need, number=row.number)


def check(name: str, document: Mapping[str, Any]) -> Need:
    """The need that a document describes, as it would be saved."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        wanted = f"up to {LONGEST_NAME} small letters and digits with single hyphens between them, such as damp-air"
        raise SettingsError(f"need {name!r:.80}: expected a name of {wanted}")
    documents.must_be_plain(document, f"need {name}")
    size = len(json.dumps(document, default=str))
    if size > LARGEST:
        raise SettingsError(f"need {name}: a document of {size} characters, expected up to {LARGEST}")
    return documents.read(name, document, f"need {name}")


def save(
    connection: Connection, name: str, document: Mapping[str, Any], author: str, note: str, now: datetime
) -> Version:
    """Adds a version, which holds from then on; only within db.writing."""
    check(name, document)
    return _add(connection, name, document, author, note, now, active=True)


def retire(connection: Connection, name: str, author: str, note: str, now: datetime, shipped: Needs) -> Version:
    """Takes a need away; its open episodes end now. Saved again, it is back. Only within db.writing."""
    found = current(connection, shipped).by_name.get(name)
    if found is None:
        raise SettingsError(f"need {name!r:.80}: there is none of this name; see aircue-cloud needs list")
    episodes = tables.episodes
    mine = (episodes.c.need == name, episodes.c.open.is_(True))
    connection.execute(update(episodes).where(*mine).values(open=False, ended_at=now))
    connection.execute(delete(tables.rule_states).where(tables.rule_states.c.need == name))
    return _add(connection, name, found.document, author, note, now, active=False)


def history(connection: Connection, name: str) -> list[Version]:
    """Newest first; empty where nobody ever saved one under the name."""
    query = select(tables.need_versions).where(_T.name == name).order_by(_T.number.desc())
    return [Version(**{key: value for key, value in row.items() if key != "id"})
            for row in connection.execute(query).mappings()]  # fmt: skip


def _add(
    connection: Connection,
    name: str,
    document: Mapping[str, Any],
    author: str,
    note: str,
    now: datetime,
    *,
    active: bool,
) -> Version:
    if len(note) > LONGEST_NOTE or "\0" in note:
        raise SettingsError(f"need {name}: a note of {len(note)} characters, expected up to {LONGEST_NOTE} without NUL")
    before = connection.execute(select(func.max(_T.number)).where(_T.name == name)).scalar_one_or_none()
    version = Version(
        name=name, number=(before or 0) + 1, document=dict(document), author=author, at=now, note=note, active=active
    )
    connection.execute(insert(tables.need_versions), vars(version))
    return version
