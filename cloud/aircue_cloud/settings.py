"""Reading TOML into frozen dataclasses: an unknown, missing or mistyped key fails with file, key and what is known."""

import tomllib
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args

from aircue_cloud.errors import SettingsError

T = TypeVar("T")


def load_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"{path}: there is no such file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from error


def build(kind: type[T], table: dict[str, Any], where: str) -> T:
    """kind(**table) for a dataclass whose fields are int, float, str or dict (or | None), each checked first."""
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # kind is a dataclass
    _check_names(table, known, where)
    return kind(**{name: _checked(known[name], value, where) for name, value in table.items()})


def _check_names(table: dict[str, Any], known: dict[str, Field[Any]], where: str) -> None:
    names = ", ".join(known)
    for name in table:
        if name not in known:
            raise SettingsError(f"{where}: unknown key {name!r}; known keys: {names}")
    for name, field in known.items():
        if name not in table and field.default is MISSING and field.default_factory is MISSING:
            raise SettingsError(f"{where}: key {name!r} is missing; known keys: {names}")


def _checked(field: Field[Any], value: Any, where: str) -> Any:
    allowed = get_args(field.type) if isinstance(field.type, UnionType) else (field.type,)
    if float in allowed and type(value) is int:
        return float(value)
    if not any(type(value) is _plain(kind) for kind in allowed):
        expected = " or ".join(_plain(kind).__name__ for kind in allowed if kind is not type(None))
        raise SettingsError(f"{where}: key {field.name!r} is {value!r}, expected {expected}")
    return value


def _plain(kind: Any) -> type:
    """The class behind dict[str, str] and its like."""
    plain: type = getattr(kind, "__origin__", kind)
    return plain
