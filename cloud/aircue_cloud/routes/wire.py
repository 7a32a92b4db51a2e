"""How values are written and read at the API's border."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from flask import abort, request

T = TypeVar("T")

PAGE = 1000
PAGE_LIMIT = 10_000
_ID_LIMIT = 2**63 - 1


def iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds")


def decimal(value: int, scale: int) -> float | int:
    """value / scale, written by JSON as the exact decimal: ingest lets values of at most 15 digits in."""
    return value if scale == 1 else value / scale


def page() -> tuple[int, int]:
    """The query's after (the last row seen) and limit."""
    return _whole_number("after", 0, 0, _ID_LIMIT), _whole_number("limit", PAGE, 1, PAGE_LIMIT)


def _whole_number(name: str, default: int, low: int, high: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high):
        abort(400, f"query parameter {name} is {text!r:.50}, expected a whole number from {low} to {high}")
    return int(text)


def fields(known: Mapping[str, type]) -> dict[str, Any]:
    """The JSON object of the request: exactly these fields of these types."""
    found = request.get_json()
    names = ", ".join(known)
    if not isinstance(found, dict):
        abort(422, f"the body is no JSON object with the fields {names}")
    for name in found:
        if name not in known:
            abort(422, f"unknown field {name!r:.50}; known fields: {names}")
    for name, kind in known.items():
        if type(found.get(name)) is not kind:
            abort(422, f"field {name!r} is {found.get(name)!r:.50}, expected {kind.__name__}")
    return found


def body(kind: type[T]) -> T:
    """The request's JSON as kind; 400 where it is no JSON, 415 where it is not called so, 422 where it does not fit."""
    if request.mimetype != "application/json":
        abort(415, f"content type is {request.mimetype!r:.100}, expected application/json")
    try:
        return msgspec.json.decode(request.get_data(cache=False), type=kind)
    except msgspec.ValidationError as error:
        abort(422, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        abort(400, f"the body is no JSON: {error}")


def one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        abort(422, f"field {name!r} is {value!r:.50}, expected one of {', '.join(known)}")
    return value
