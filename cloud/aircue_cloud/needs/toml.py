"""Writes a need's document as TOML, for people to edit. Pure. Comments of a file are not in its document, so they are
lost."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def written(document: Mapping[str, Any]) -> str:
    """
    >>> print(written({"title": "Heat", "also": [{"source": "outdoor"}], "message": {"en": {"title": "Hot"}}}))
    title = "Heat"
    <BLANKLINE>
    [[also]]
    source = "outdoor"
    <BLANKLINE>
    [message.en]
    title = "Hot"
    <BLANKLINE>
    """
    return "\n".join(_lines(document, ())).lstrip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Plain values first: what stands behind a header belongs to it."""
    for key, value in table.items():
        if not _is_nested(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _table(value, (*path, key))
        elif _is_nested(value):
            for each in value:
                yield from ("", f"[[{_path((*path, key))}]]", *_lines(each, (*path, key)))


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    if not table or any(not isinstance(value, Mapping) for value in table.values()):
        yield from ("", f"[{_path(path)}]")
    yield from _lines(table, path)


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)
    )


def _path(path: tuple[str, ...]) -> str:
    return ".".join(map(_key, path))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    """JSON writes strings, numbers, booleans and lists of them as TOML does, but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
