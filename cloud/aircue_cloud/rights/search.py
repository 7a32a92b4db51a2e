"""Looks for identifiers in everything a database holds, text by text: the half of an erasure's proof that counts."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, Column, Connection, Text, select

from aircue_cloud import tables


def database(connection: Connection, identifiers: frozenset[str]) -> Iterator[str]:
    """Where one of the identifiers stands: the column, and how many rows of it. The identifier itself is not told."""
    for table in tables.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, Text | JSON):
                count = _count(connection, column, identifiers)
                if count:
                    yield f"{table.name}.{column.name}: {count}"


def _count(connection: Connection, column: Column[Any], identifiers: frozenset[str]) -> int:
    """Column by column and in Python: each database spells a search in JSON in its own way."""
    rows = connection.execute(select(column).where(column.is_not(None))).scalars()
    return sum(1 for value in rows if found(value, identifiers))


def found(value: Any, identifiers: frozenset[str]) -> bool:
    """Whether a text is, or a structure holds, one of them; in running text it counts as a whole word.

    >>> found({"household": "ada"}, frozenset({"ada"})), found("Push to ada. Why: ...", frozenset({"ada"}))
    (True, True)
    >>> found("canada, ada-1 and ada.lovelace", frozenset({"ada"}))
    False
    """
    if not identifiers:
        return False
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _words(identifiers).search(text) is not None


def replaced(value: Any, identifiers: frozenset[str], by: str) -> Any:
    """The same text or structure with another name in place of each of them.

    >>> replaced({"to": "ada"}, frozenset({"ada"}), "nobody")
    {'to': 'nobody'}
    """
    if isinstance(value, str):
        return _words(identifiers).sub(by, value)
    return json.loads(_words(identifiers).sub(by, json.dumps(value, ensure_ascii=False)))


@lru_cache(maxsize=8)
def _words(identifiers: frozenset[str]) -> re.Pattern[str]:
    """A name may hold hyphens and full stops, but a sentence may end behind it."""
    either = "|".join(re.escape(one) for one in sorted(identifiers))
    return re.compile(rf"(?<![\w.-])(?:{either})(?![\w-]|\.\w)")
