"""Bodies, items and rows read strictly: what does not fit is refused with its field, what was found, and the remedy.

Errors: Unfit.
"""

import json
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from aircue_cloud.errors import CloudError
from aircue_cloud.fields import Reason

T = TypeVar("T")

_SHOWN = 80  # characters of what was found
_MOST_CHOICES = 12
_DOCUMENT = "GET /api/v1/openapi.json has the schema"


class Unfit(CloudError, ValueError):
    """malformed: it is not even JSON."""

    def __init__(self, reason: Reason, *, malformed: bool = False) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.malformed = malformed


def decode(kind: type[T], data: bytes) -> T:
    """The JSON in data, as kind."""
    try:
        found: T = _decoder(cast(Hashable, kind)).decode(data)
    except msgspec.ValidationError as error:
        raise Unfit(_explained(str(error), msgspec.json.decode(data), kind)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unfit(_malformed(data, error), malformed=True) from error
    return found


def convert(kind: type[T], row: Mapping[str, str]) -> T:
    """A row of texts, each read as the kind's field wants it."""
    try:
        return msgspec.convert(row, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Unfit(_explained(str(error), row, kind)) from error


def shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _malformed(data: bytes, error: Exception) -> Reason:
    found = shown(data[:_SHOWN].decode(errors="replace"))
    what = "JSON that is nested less deeply" if isinstance(error, RecursionError) else f"JSON ({error})"
    return Reason(field="", found=found, expected=what, remedy="send valid JSON in UTF-8")


def _explained(message: str, value: Any, kind: Any) -> Reason:
    """What msgspec says of the first thing that does not fit, in the words of a Reason."""
    what, _, at = message.partition(" - at ")
    field, found = _place(at, value)
    for pattern, told in _MESSAGES:
        match = re.fullmatch(pattern, what, re.DOTALL)
        if match is not None:
            return told(match, field, found, kind)
    return Reason(field=field, found=shown(found), expected=what, remedy=_DOCUMENT)


def _place(at: str, value: Any) -> tuple[str, Any]:
    """The dotted name of the field behind msgspec's path, and what stands in it; of a key, the object it is in."""
    path = re.search(r"\$([^`]*)", at)
    steps = re.findall(r"\.([^.\[]+)|\[(\d+)\]", path[1]) if path else []
    names = [name or index for name, index in steps]
    for name in names:
        value = _step(value, name)
    return ".".join(names), value


def _step(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, list) and name.isdigit() and int(name) < len(value):
        return value[int(name)]
    return value


_Told = Callable[["re.Match[str]", str, Any, Any], Reason]


def _missing(match: "re.Match[str]", field: str, _found: Any, kind: Any) -> Reason:
    name = ".".join(filter(None, (field, match[1])))
    return Reason(field=name, found="missing", expected=_expected(kind, match[1]) or "a value", remedy="add this field")


def _unknown(match: "re.Match[str]", field: str, _found: Any, kind: Any) -> Reason:
    known = ", ".join(sorted({name for names in _properties(kind) for name in names}))
    name = ".".join(filter(None, (field, match[1])))[:_SHOWN]
    return Reason(field=name, found="an unknown field", expected=f"one of {known}", remedy="leave this field out")


def _invalid(_match: "re.Match[str]", field: str, found: Any, kind: Any) -> Reason:
    expected = _expected(kind, field) or "another value"
    return Reason(field=field, found=shown(found), expected=expected, remedy=f"send one of them; {_DOCUMENT}")


def _unlike(match: "re.Match[str]", field: str, found: Any, kind: Any) -> Reason:
    told = match[1].replace("`", "")
    told = _expected(kind, field) or told if "matching regex" in told else told
    return Reason(field=field, found=shown(found), expected=told, remedy=f"send it so; {_DOCUMENT}")


_MESSAGES: tuple[tuple[str, _Told], ...] = (
    (r"Object missing required field `(.+)`", _missing),
    (r"Object contains unknown field `(.*)`", _unknown),
    (r"Invalid (?:enum )?value .*", _invalid),
    (r"Expected (.+), got .+", _unlike),
    (r"Expected (.+)", _unlike),
)


def _expected(kind: Any, field: str) -> str:
    """What the schema says of a field in words: its choices, or its description; "" where it says nothing."""
    name = field.rpartition(".")[2]
    schemas = [names[name] for names in _properties(kind) if name in names]
    choices = sorted({str(choice) for schema in schemas for choice in _choices(schema)})
    if choices:
        more = f" and {len(choices) - _MOST_CHOICES} more" if len(choices) > _MOST_CHOICES else ""
        return f"one of {', '.join(choices[:_MOST_CHOICES])}{more}"
    return next((schema["description"] for schema in schemas if "description" in schema), "")


def _choices(schema: Mapping[str, Any]) -> Iterator[object]:
    yield from schema.get("enum", ())
    for part in schema.get("anyOf", ()):
        yield from part.get("enum", ())


@cache
def _properties(kind: Any) -> tuple[Mapping[str, Any], ...]:
    """The properties of every object that kind may be."""
    _, components = msgspec.json.schema_components([kind])
    return tuple(schema.get("properties", {}) for schema in components.values())
