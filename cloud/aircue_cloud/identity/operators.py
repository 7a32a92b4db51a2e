"""Operators: who may sign in, with which role, and a second factor if they set one up. All within the caller's
transaction."""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from aircue_cloud import db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import passwords, sealing, sessions, tokens, totp
from aircue_cloud.identity.keys import NAME
from aircue_cloud.identity.scopes import ROLES
from aircue_cloud.identity.sealing import Box, SealedOtherwise

log = logging.getLogger(__name__)
RECOVERY_CODES = 10
_T = tables.operators.c


@dataclass(frozen=True, kw_only=True)
class Operator:
    name: str
    role: str
    totp_on: bool
    added_at: datetime


def add(connection: Connection, name: str, password_hash: str, role: str, now: datetime) -> None:
    """CommandError where the name is taken or none, or the role not known."""
    if not NAME.fullmatch(name):
        raise CommandError(f"operator name {name!r}: expected up to 64 letters, digits, . _ and -, no sign first")
    _check_role(role)
    row = {"name": name, "password_hash": password_hash, "role": role, "added_at": now, "totp_on": False}
    if connection.execute(db.insert_absent(connection, tables.operators), [row]).rowcount == 0:
        raise CommandError(f"operator {name} is there already; change it with: operator password {name}, or role")


def set_password(connection: Connection, name: str, password_hash: str) -> None:
    """Every session of this operator ends."""
    _change(connection, name, password_hash=password_hash)
    sessions.close_all(connection, sessions.OPERATOR, name)


def set_role(connection: Connection, name: str, role: str) -> None:
    """CommandError for the last owner."""
    _check_role(role)
    if role != "owner":
        _keep_an_owner(connection, name)
    _change(connection, name, role=role)


def remove(connection: Connection, name: str) -> None:
    """CommandError for the last owner; what the operator did stays in the audit log."""
    _keep_an_owner(connection, name)
    sessions.close_all(connection, sessions.OPERATOR, name)
    connection.execute(delete(tables.recovery_codes).where(tables.recovery_codes.c.operator == name))
    if connection.execute(delete(tables.operators).where(_T.name == name)).rowcount == 0:
        raise _unknown(name)


def listed(connection: Connection) -> list[Operator]:
    return [_operator(row) for row in connection.execute(select(tables.operators).order_by(_T.name))]


def find(connection: Connection, name: str) -> Operator | None:
    row = connection.execute(select(tables.operators).where(_T.name == name)).one_or_none()
    return None if row is None else _operator(row)


def are_there(connection: Connection) -> bool:
    return connection.execute(select(_T.name).limit(1)).first() is not None


def password_fits(connection: Connection, name: str, password: str) -> bool:
    """Slow, by intent: not for a transaction that writes."""
    stored = connection.execute(select(_T.password_hash).where(_T.name == name)).scalar_one_or_none()
    return passwords.fits(stored, password)


def second_factor_fits(connection: Connection, name: str, code: str, now: datetime, box: Box) -> bool:
    """Also where there is none. A code counts once."""
    row = connection.execute(select(tables.operators).where(_T.name == name)).one_or_none()
    return row is not None and (not row.totp_on or _code_counts(connection, row, code, now, box))


def begin_totp(connection: Connection, name: str, box: Box) -> str:
    """A new secret, which counts once a code of it was shown; CommandError where one counts already."""
    row = _row(connection, name)
    if row.totp_on:
        raise CommandError(
            f"operator {name} has a second factor already; take it away with: operator totp-reset {name}"
        )
    secret = totp.draw()
    _change(connection, name, totp_secret=box.seal(secret), totp_step=None)
    return secret


def finish_totp(connection: Connection, name: str, code: str, now: datetime, box: Box) -> list[str] | None:
    """The recovery codes, shown once; None where the code is wrong. Every other session ends."""
    row = _row(connection, name)
    step = None if row.totp_secret is None or row.totp_on else _step(row, code, now, box)
    if step is None:
        return None
    _change(connection, name, totp_on=True, totp_step=step)
    return _new_recovery_codes(connection, name)


def reset_totp(connection: Connection, name: str) -> None:
    _change(connection, name, totp_secret=None, totp_on=False, totp_step=None)
    connection.execute(delete(tables.recovery_codes).where(tables.recovery_codes.c.operator == name))


def seal_secrets(connection: Connection, box: Box) -> int:
    """Secrets that lie there in the clear, or under an older key, are sealed with the newest one; how many."""
    found = connection.execute(select(_T.name, _T.totp_secret).where(_T.totp_secret.is_not(None))).all()
    stale = [(row.name, row.totp_secret) for row in found if not box.is_fresh(row.totp_secret)]
    for name, secret in stale:
        _change(connection, name, totp_secret=box.seal(box.open(secret) if sealing.is_sealed(secret) else secret))
    return len(stale)


def unopened(connection: Connection, box: Box) -> list[str]:
    """Operators whose second factor no key opens."""
    found = connection.execute(select(_T.name, _T.totp_secret).where(_T.totp_secret.is_not(None)).order_by(_T.name))
    return [row.name for row in found if sealing.is_sealed(row.totp_secret) and not box.opens(row.totp_secret)]


def secrets_wait(connection: Connection, box: Box) -> bool:
    """Whether seal_secrets has something to do."""
    found = connection.execute(select(_T.totp_secret).where(_T.totp_secret.is_not(None))).scalars()
    return any(not box.is_fresh(secret) for secret in found)


def _step(row: Row[tuple[object, ...]], code: str, now: datetime, box: Box) -> int | None:
    """None as well where no key opens the secret; recovery codes still count then."""
    try:
        secret = box.open(row.totp_secret)
    except SealedOtherwise as error:
        log.error("the second factor of operator %s: %s", row.name, error)
        return None
    return totp.step_of(secret, code, row.totp_step, now)


def _code_counts(connection: Connection, row: Row[tuple[object, ...]], code: str, now: datetime, box: Box) -> bool:
    step = _step(row, code.replace(" ", ""), now, box)
    if step is not None:
        _change(connection, row.name, totp_step=step)
        return True
    mine = tables.recovery_codes.c
    wanted = tokens.digest(_plain(code))
    used = delete(tables.recovery_codes).where(mine.operator == row.name, mine.code_hash == wanted)
    return connection.execute(used).rowcount == 1


def _new_recovery_codes(connection: Connection, name: str) -> list[str]:
    """80 random bits each."""
    connection.execute(delete(tables.recovery_codes).where(tables.recovery_codes.c.operator == name))
    codes = ["-".join(secrets.token_hex(2) for _ in range(5)) for _ in range(RECOVERY_CODES)]
    rows = [{"operator": name, "code_hash": tokens.digest(_plain(code))} for code in codes]
    connection.execute(insert(tables.recovery_codes), rows)
    return codes


def _plain(code: str) -> str:
    return code.replace("-", "").replace(" ", "").lower()


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise CommandError(f"no role {role!r:.50}; known are {', '.join(ROLES)}")


def _keep_an_owner(connection: Connection, name: str) -> None:
    others = select(func.count()).where(_T.role == "owner", _T.name != name)
    mine = _row(connection, name)
    if mine.role == "owner" and connection.execute(others).scalar_one() == 0:
        raise CommandError(f"operator {name} is the last owner: make another one first")


def _row(connection: Connection, name: str) -> Row[tuple[object, ...]]:
    row = connection.execute(select(tables.operators).where(_T.name == name)).one_or_none()
    if row is None:
        raise _unknown(name)
    return row


def _change(connection: Connection, name: str, **values: object) -> None:
    if connection.execute(update(tables.operators).where(_T.name == name).values(values)).rowcount == 0:
        raise _unknown(name)


def _unknown(name: str) -> CommandError:
    return CommandError(f"operator {name} is not known; add it with: aircue-cloud operator add {name}")


def _operator(row: Row[tuple[object, ...]]) -> Operator:
    return Operator(name=row.name, role=row.role, totp_on=row.totp_on, added_at=row.added_at)
