"""Passes for the snippet on another shop's page: sealed with the store's own key, for one person (or nobody in
particular) and one origin, over after a quarter of an hour."""

import base64
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from aircue_cloud.delivery import own_keys

LIFE = timedelta(minutes=15)


class Pass(msgspec.Struct, frozen=True, array_like=True):
    """person: "" for what is popular. origin: of the pages that may show it. ends: epoch second."""

    person: str
    origin: str
    ends: int


def draw(store: str, folder: Path, person: str, origin: str, now: datetime) -> str:
    """The store's name, a dot, and what only this store can read and write."""
    said = Pass(person, origin, round((now + LIFE).timestamp()))
    return f"{store}.{_fernet(folder).encrypt(msgspec.json.encode(said)).decode()}"


def read(store: str, folder: Path, token: str, now: datetime) -> Pass | None:
    """None for a token that this store did not write, or that is over."""
    name, _, sealed = token.partition(".")
    if name != store:
        return None
    try:
        if base64.urlsafe_b64encode(base64.urlsafe_b64decode(sealed)) != sealed.encode():
            return None  # bits that base64 leaves unused were changed
        said = msgspec.json.decode(_fernet(folder).decrypt(sealed.encode()), type=Pass)
    except (InvalidToken, msgspec.MsgspecError, ValueError):
        return None
    return said if now.timestamp() < said.ends else None


def _fernet(folder: Path) -> Fernet:
    return Fernet(own_keys.kept(folder, "passes", Fernet.generate_key))
