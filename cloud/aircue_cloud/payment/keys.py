"""What a provider is configured with. Secrets come from files or the environment, never from the TOML itself, and no
message holds one."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aircue_cloud.config import is_loopback
from aircue_cloud.errors import SettingsError
from aircue_cloud.payment.provider import Opening
from aircue_cloud.settings import build

T = TypeVar("T")
Sources = Mapping[str, str]  # of a key: where its owner gets it


def settings(opening: Opening, kind: type[T], sources: Sources) -> T:
    """SettingsError names the key that is missing and where to get it."""
    _check(opening, kind, sources)
    return build(kind, opening.table, opening.where)


def _check(opening: Opening, kind: type[Any], sources: Sources) -> None:
    known = kind.__dataclass_fields__
    for name, source in sources.items():
        said = [key for key in (name, f"{name}_file", f"{name}_env") if key in known]
        if not any(opening.table.get(key) for key in said):
            raise SettingsError(f"{opening.where}: key {' or '.join(map(repr, said))} is missing: {source}")


def secret(opening: Opening, name: str) -> str:
    """What the file of key NAME_file or the environment variable of key NAME_env holds, without white space around."""
    file, variable = opening.table.get(f"{name}_file", ""), opening.table.get(f"{name}_env", "")
    if file and variable:
        raise SettingsError(f"{opening.where}: keys '{name}_file' and '{name}_env' are both there: leave one out")
    return read_file(opening, f"{name}_file", file) if file else _environment(opening, f"{name}_env", variable)


def _environment(opening: Opening, key: str, variable: str) -> str:
    found = os.environ.get(variable, "").strip()
    if not found:
        raise SettingsError(f"{opening.where}: key {key!r}: the environment variable {variable} is empty: set it")
    return found


def read_file(opening: Opening, key: str, file: str) -> str:
    """A relative path counts from the store's folder."""
    try:
        found = (opening.folder / Path(file)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SettingsError(f"{opening.where}: key {key!r}: {file} cannot be read: {reason}") from error
    if not found:
        raise SettingsError(f"{opening.where}: key {key!r}: {file} is empty")
    return found


def loaded(opening: Opening, key: str, load: Callable[[str], T], said: str, expected: str) -> T:
    """load(said); SettingsError without what was said."""
    try:
        return load(said)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{opening.where}: key {key!r} holds something else, expected {expected}") from error


def url(opening: Opening, key: str, said: str) -> str:
    """https, or plain on this machine, for tests."""
    try:
        scheme, host = urlsplit(said).scheme, urlsplit(said).hostname or ""
    except ValueError:
        scheme, host = "", ""
    if host and (scheme == "https" or (scheme == "http" and is_loopback(host))):
        return said.rstrip("/")
    raise SettingsError(f"{opening.where}: key {key!r} is {said!r}, expected https://...")
