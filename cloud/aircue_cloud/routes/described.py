"""What each route takes and answers, said beside the route; the OpenAPI document is made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

BYTES = {"type": "string", "format": "binary"}


@dataclass(frozen=True, kw_only=True)
class Argument:
    """Of the query. schema: JSON Schema."""

    name: str
    about: str
    schema: Mapping[str, Any]
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one route.

    replies: what a success holds, by status: a type that msgspec knows, a JSON Schema, several of
    them in a tuple, or None for no content. media: what it is
    called. bodies: the same by media type. refusals: the statuses of problem documents it may answer
    with, beside those that every route may.
    """

    summary: str
    replies: Mapping[int, Any]
    media: str = "application/json"
    bodies: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    query: tuple[Argument, ...] = ()
    refusals: tuple[int, ...] = ()


_WHOLE = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
AFTER = Argument(name="after", about="the id of the last row seen", schema=_WHOLE)
AFTER_ID = Argument(name="after", about="the id of the last one seen", schema={"type": "string", "maxLength": 128})
PERSON = Argument(name="person", about="only of this one", schema={"type": "string", "maxLength": 128})
HOUSEHOLD = Argument(name="household", about="only of this one", schema={"type": "string", "maxLength": 128})
LIMIT = Argument(name="limit", about="rows at most", schema={"type": "integer", "minimum": 1, "maximum": 10_000})


def described(operation: Operation) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.aircue_operation = operation  # type: ignore[attr-defined]  # a function takes attributes
        return view

    return mark


def operation_of(view: Callable[..., Any]) -> Operation | None:
    found: Operation | None = getattr(view, "aircue_operation", None)
    return found
