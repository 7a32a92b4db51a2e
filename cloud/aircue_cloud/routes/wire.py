"""How values are written and read at the API's border."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from math import nan
from typing import Any, NoReturn, TypeVar

import msgspec
from flask import Response, abort, request
from werkzeug.exceptions import RequestEntityTooLarge, default_exceptions

from aircue_cloud import problems, strict
from aircue_cloud.fields import ID_PATTERN, Reason
from aircue_cloud.strict import Unfit

T = TypeVar("T")

JSON = "application/json"
NDJSON = "application/x-ndjson"
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
    return whole_number("after", 0, 0, _ID_LIMIT), whole_number("limit", PAGE, 1, PAGE_LIMIT)


def whole_number(name: str, default: int, low: int, high: int) -> int:
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


def one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        abort(422, f"field {name!r} is {value!r:.50}, expected one of {', '.join(known)}")
    return value


def body(kind: type[T]) -> T:
    """The request's JSON as kind; 400 where it is no JSON, 415 where it is not called so, 422 where it does not fit."""
    if request.mimetype != JSON:
        unsupported(JSON)
    try:
        return strict.decode(kind, data())
    except Unfit as unfit:
        refuse(400 if unfit.malformed else 422, unfit.reason)


def data() -> bytes:
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        abort(413, f"the body is over {request.max_content_length} bytes: send fewer items at once")


def unsupported(*known: str) -> NoReturn:
    abort(415, f"content type is {request.mimetype!r:.100}, expected {' or '.join(known)}")


def refuse(status: int, reason: Reason) -> NoReturn:
    """A problem document that holds the parts of the reason too."""
    response = problems.problem(status, default_exceptions[status]().name, str(reason))
    document = response.get_json() | msgspec.to_builtins(reason)
    response.set_data(msgspec.json.encode(document))
    abort(response)


def reply(document: object, status: int = 200) -> Response:
    """document: anything msgspec can write."""
    return Response(msgspec.json.encode(document), status, content_type=JSON)


def new_id(value: str, field: str) -> str:
    """An id of the path under which something may be stored; 422 where it is none."""
    if len(value) > 128 or not re.search(ID_PATTERN, value):
        expected = (
            "up to 128 characters without slash or control characters, no space at either end, no full stop first"
        )
        refuse(422, Reason(field=field, found=strict.shown(value), expected=expected, remedy="choose another id"))
    return value


def number_argument(name: str, low: float, high: float) -> float | None:
    """None where the query does not have it."""
    text = request.args.get(name)
    if text is None:
        return None
    try:
        found = float(text)
    except ValueError:
        found = nan
    if not low <= found <= high:
        abort(400, f"query parameter {name} is {text!r:.50}, expected a number from {low:g} to {high:g}")
    return found


def text_argument(name: str, default: str = "") -> str:
    """A text of the query; none holds a NUL, which PostgreSQL refuses."""
    value = request.args.get(name, default)
    if "\0" in value or len(value) > 128:
        abort(400, f"query parameter {name} is {value!r:.50}, expected up to 128 characters without NUL")
    return value


def limit() -> int:
    return whole_number("limit", PAGE, 1, PAGE_LIMIT)


def moment_argument(name: str) -> datetime | None:
    """An instant of the query with its zone, in UTC."""
    value = request.args.get(name)
    if value is None:
        return None
    try:
        at = msgspec.convert(value, datetime)
        if at.tzinfo is None or not 1970 <= at.year <= 9998:
            raise ValueError
    except ValueError:
        expected = "a time from 1970 on with its zone, such as 2026-11-21T12:00:00Z (a + is written %2B)"
        abort(400, f"query parameter {name} is {value!r:.50}, expected {expected}")
    return at.astimezone(UTC)


def flag(name: str) -> bool:
    value = request.args.get(name, "false")
    if value not in ("true", "false"):
        abort(400, f"query parameter {name} is {value!r:.50}, expected true or false")
    return value == "true"
