"""What a key of the configuration takes, and what is said where it holds something else."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aircue_gateway.quantities import LIMITS


class ConfigError(ValueError):
    """A configuration that cannot be used; the text says which key and what was expected."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a key takes. A secret's value is never repeated in an error."""

    expected: str
    accepts: Callable[[Any], bool]
    required: bool = False
    secret: bool = False


def whole(low: int, high: int) -> Kind:
    return Kind(
        expected=f"a whole number from {low} to {high}",
        accepts=lambda value: type(value) is int and low <= value <= high,
    )


def number(low: float, high: float) -> Kind:
    return Kind(
        expected=f"a number from {low:g} to {high:g}",
        accepts=lambda value: type(value) in (int, float) and low <= value <= high,
    )


def is_name(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", value) is not None


def is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 1000


def is_key(value: Any) -> bool:
    return isinstance(value, str) and 8 <= len(value) <= 200


def is_quantities(value: Any) -> bool:
    return isinstance(value, dict) and all(
        name in LIMITS and type(number) in (int, float) and number > 0 for name, number in value.items()
    )


def one_of(names: tuple[str, ...]) -> Kind:
    return Kind(expected=f"one of {', '.join(names)}", accepts=lambda value: value in names)


def is_host(value: Any) -> bool:
    try:
        return is_text(value) and bool(value.encode("idna"))
    except UnicodeError:
        return False


def is_among(names: Mapping[str, Any]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in names


def is_table(value: Any) -> bool:
    return isinstance(value, dict)


def is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


NAME = Kind(expected="1 to 63 letters, digits, - or _", accepts=is_name, required=True)


NAME_OR_NONE = Kind(expected="1 to 63 letters, digits, - or _", accepts=is_name)


KEY = Kind(expected="a text of 8 to 200 characters", accepts=is_key, required=True, secret=True)


TABLE = Kind(expected="a table", accepts=is_table)


QUANTITIES = Kind(expected=f"a table of numbers over 0, its keys among {', '.join(LIMITS)}", accepts=is_quantities)


def parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: is no TOML: {error}") from error


def checked(file: Path, path: str, table: dict[str, Any], kinds: dict[str, Kind]) -> dict[str, Any]:
    """The table itself once every key in it is known and fits, and none that is required is missing."""
    known = f"known keys here: {', '.join(kinds)}"
    for key, value in table.items():
        if key not in kinds:
            raise ConfigError(f"{file}: unknown key {_full(path, key)} (value {_shown(value)}); {known}")
        if not kinds[key].accepts(value):
            shown = "(not shown)" if kinds[key].secret else _shown(value)
            raise ConfigError(f"{file}: {_full(path, key)} = {shown}: expected {kinds[key].expected}; {known}")
    for key, kind in kinds.items():
        if kind.required and key not in table:
            raise ConfigError(f"{file}: {_full(path, key)} is missing: expected {kind.expected}; {known}")
    return dict(table)


def _full(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def path_from(file: Path, text: str) -> Path:
    """A relative one starts at the file's own folder."""
    return (file.parent / Path(text).expanduser()).resolve()
