"""Passwords: argon2id with the library's parameters (RFC 9106, low memory)."""

from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from aircue_cloud.errors import CommandError

LEAST, MOST = 12, 1024  # characters
_HASHER = PasswordHasher()
_few = BoundedSemaphore(2)  # each takes 64 MiB while it works


def hashed(password: str) -> str:
    """CommandError where it is too short or too long."""
    if not LEAST <= len(password) <= MOST:
        raise CommandError(f"the password has {len(password)} characters, expected {LEAST} to {MOST}")
    return _HASHER.hash(password)


def fits(stored: str | None, password: str) -> bool:
    """Takes as long where there is nothing stored, so that time does not tell who is known."""
    try:
        with _few:
            _HASHER.verify(_nobodys() if stored is None else stored, password[:MOST])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


@cache
def _nobodys() -> str:
    return _HASHER.hash("")
