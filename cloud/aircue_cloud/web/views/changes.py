"""What differs between two versions of a text, line by line. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff

_KINDS = {"+": "added", "-": "removed", " ": "same"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """kind: added, removed, same, or skip for lines in between that are the same."""

    kind: str
    text: str


def changes(before: str, after: str) -> list[Line]:
    """Each change with two lines around it; empty where nothing differs.

    >>> [(line.kind, line.text) for line in changes("a\\nb", "a\\nc")]
    [('same', 'a'), ('removed', 'b'), ('added', 'c')]
    """
    return list(_lines(before.splitlines(), after.splitlines()))


def _lines(before: list[str], after: list[str]) -> Iterator[Line]:
    is_first = True
    for line in list(unified_diff(before, after, lineterm="", n=2))[2:]:
        if line.startswith("@@"):
            if not is_first:
                yield Line(kind="skip", text="")
            is_first = False
        else:
            yield Line(kind=_KINDS[line[0]], text=line[1:])
