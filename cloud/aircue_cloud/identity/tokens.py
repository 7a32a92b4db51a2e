"""Keys, session tokens and one-time codes: the store's name, a dot, and 256 random bits. Stored as their SHA-256 alone;
what is as random as this needs no slow hash."""

import hashlib
import secrets

from aircue_cloud.config import STORE_NAME


def draw(store: str) -> str:
    return f"{store}.{secrets.token_urlsafe(32)}"


def store_of(token: str) -> str | None:
    """The store that a token belongs to, by its own word; whether that is true, the store's database says."""
    store, dot, _ = token.partition(".")
    return store if dot and STORE_NAME.fullmatch(store) else None


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
