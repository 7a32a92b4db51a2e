"""Sites that were erased: what they still send is not kept, until somebody links them anew."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from aircue_cloud import db, tables
from aircue_gateway.batch import decode, encode

_T = tables.forgotten_sites


def hashed(salt: str, name: str) -> str:
    return hashlib.sha256(f"{salt}\n{name}".encode()).hexdigest()


def forget(connection: Connection, sites: Iterable[str], salt: str, now: datetime) -> None:
    rows = [{"hash": hashed(salt, site), "salt": salt, "at": now} for site in sorted(sites)]
    if rows:
        connection.execute(db.insert_absent(connection, _T), rows)


class Trace(NamedTuple):
    """What is left of a site that was erased: enough to know it by, and nothing else."""

    hash: str
    salt: str


_TRACES = select(_T.c.hash, _T.c.salt)


def traces(connection: Connection) -> Sequence[Trace]:
    return [Trace(*row) for row in connection.execute(_TRACES)]


def among(connection: Connection, sites: Iterable[str]) -> frozenset[str]:
    """Which of these sites were erased."""
    return of(traces(connection), sites)


def of(known: Sequence[Trace], sites: Iterable[str]) -> frozenset[str]:
    return frozenset(site for site in sites if any(_is(site, one.hash, one.salt) for one in known))


def remember(connection: Connection, site: str) -> None:
    """A site that is linked anew is kept again."""
    for row in connection.execute(select(_T.c.hash, _T.c.salt)).all():
        if _is(site, row.hash, row.salt):
            connection.execute(delete(_T).where(_T.c.hash == row.hash))


def _is(site: str, hash_: str, salt: str) -> bool:
    return secrets.compare_digest(hash_, hashed(salt, site))


def without(data: bytes, sites: frozenset[str]) -> bytes:
    """A batch that is whole, without these sites."""
    batch = decode(data)
    return encode(replace(batch, groups=tuple(group for group in batch.groups if group.site not in sites)))
