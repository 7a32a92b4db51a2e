"""What the fields of the API's bodies may hold, each kind of value once; the same holds for files that are imported.

No text holds a NUL, which PostgreSQL cannot keep. Instants carry their zone and lie between 1970 and the year 9999.
"""

from datetime import datetime
from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

# A pattern ends in $(?!\n): $ alone would let one newline through.
ID_PATTERN = r"^[^\x00-\x20\x7f/.]([^\x00-\x1f\x7f/]*[^\x00-\x20\x7f/])?$(?!\n)"
_LINE_PATTERN = r"^[^\x00-\x1f\x7f]*$(?!\n)"
_TEXT_PATTERN = r"^[^\x00]*$"

Id: TypeAlias = Annotated[
    str,
    Meta(
        pattern=ID_PATTERN,
        min_length=1,
        max_length=128,
        description="no slash, no control characters, no space at either end, no full stop first",
    ),
]
Name: TypeAlias = Annotated[str, Meta(pattern=_LINE_PATTERN, min_length=1, max_length=200)]
Line: TypeAlias = Annotated[str, Meta(pattern=_LINE_PATTERN, max_length=2048)]
Text: TypeAlias = Annotated[str, Meta(pattern=_TEXT_PATTERN, max_length=10_000)]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True, description="with its zone; kept in milliseconds, UTC")]
Minor: TypeAlias = Annotated[int, Meta(ge=0, le=10**15, description="in minor units of the currency: cents of EUR")]
Area: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^(?!-0\.0,)(?!.*,-0\.0$)-?([0-8]?[0-9]\.[0-9]|90\.0),-?((1[0-7]|[1-9])?[0-9]\.[0-9]|180\.0)$(?!\n)",
        max_length=16,
        description="latitude,longitude in whole tenths of a degree, such as 52.5,13.4: coarse on purpose",
    ),
]


class Body(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a request or a row of a file holds: exactly these fields."""


class Reason(Struct, kw_only=True, frozen=True):
    """Why something is not taken: the field, what stands in it, what was expected, and what to do."""

    field: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field or 'body'} is {self.found}, expected {self.expected}: {self.remedy}"


class Receipt(Struct, kw_only=True, frozen=True):
    """duplicate: it was stored before, with the same content."""

    id: str
    duplicate: bool


class Rejected(Struct, kw_only=True, frozen=True):
    """index: its place among the items of the request, from 0. id: null where it has none that can be read."""

    index: int
    id: str | None
    reason: Reason


class Outcome(Struct, kw_only=True, frozen=True):
    """What became of many items: each is stored, a duplicate of one that is, or rejected."""

    received: int
    stored: int
    duplicates: int
    rejected: list[Rejected]


def changed(body: Body) -> dict[str, Any]:
    """The fields of a patch that were given."""
    return {name: value for name, value in asdict(body).items() if value is not UNSET}


def is_unset(value: object) -> bool:
    return isinstance(value, UnsetType)
