"""A need as a form: the fields that are changed most, over a document whose other keys stay as they are. Pure.

What the form cannot read is told beside its field; what the document may not say, the document's own reader tells, and
`field_of` finds the field that its message belongs to.
"""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from aircue_cloud.needs.needs import ENGLISH, KINDS

DIRECTIONS = ("above", "below")
SPARE = 2  # empty rows for further remedies
_MINUTE_S = 60
_MOST_TEXT = 500


@dataclass(frozen=True, kw_only=True)
class Number:
    """size: what the document counts in, of the unit that the form shows."""

    name: str
    key: str
    label: str
    hint: str
    size: int = 1


# Of [condition].
NUMBERS = (
    Number(name="enter", key="enter", label="Threshold", hint="the need holds past it, not at it"),
    Number(name="exit", key="exit", label="Back to normal at", hint="on the other side of the threshold"),
    Number(name="dwell", key="dwell_s", label="Held for, min", hint="before it counts", size=_MINUTE_S),
    Number(name="keep", key="keep_s", label="Back for, min", hint="before it is over", size=_MINUTE_S),
    Number(name="gap", key="max_gap_s", label="Longest silence, min", hint="a longer one counts as missing",
           size=_MINUTE_S),
)  # fmt: skip
TEXTS = ("title", "text", "reason")
_LABELS = {"title": "Title", "text": "What is offered", "reason": "Why, in plain words"}
_BY_KEY = {number.key: number.name for number in NUMBERS}


@dataclass(frozen=True, kw_only=True)
class Field:
    """value: as it is shown, or as it was typed. error: what was wrong with that. more: behind the label: a unit, a
    number."""

    name: str
    label: str
    value: str
    hint: str = ""
    error: str = ""
    choices: tuple[str, ...] = ()
    more: str = ""


@dataclass(frozen=True, kw_only=True)
class Form:
    """numbers: empty for a need without a condition of the air. remedies: pairs of category and lift. messages: by
    language. said: errors that belong to no field."""

    title: Field
    kind: Field
    direction: Field | None
    numbers: tuple[Field, ...]
    remedies: tuple[tuple[Field, Field], ...]
    messages: tuple[tuple[str, tuple[Field, ...]], ...]
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """typed: by field. errors: by field, "" for those of none."""

    document: Mapping[str, Any]
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def with_error(self, message: str) -> "Draft":
        return Draft(document=self.document, typed=self.typed, errors={**self.errors, field_of(message): said(message)})


def draft(base: Mapping[str, Any], typed: Mapping[str, str]) -> Draft:
    """The base with what was typed; of a field that cannot be read the base's value stays."""
    document: dict[str, Any] = deepcopy(dict(base))
    errors: dict[str, str] = {}
    _put_texts(document, typed, errors)
    _put_condition(document, typed, errors)
    _put_remedies(document, typed, errors)
    return Draft(document=document, typed=typed, errors=errors)


def _put_texts(document: dict[str, Any], typed: Mapping[str, str], errors: dict[str, str]) -> None:
    _put_text(document, "title", "title", typed, errors)
    if typed.get("kind", "") not in ("", document.get("kind", KINDS[0])):
        document["kind"] = typed["kind"]
    for language, message in document.get("message", {}).items():
        for key in TEXTS if isinstance(message, dict) else ():
            _put_text(message, key, message_field(language, key), typed, errors)


def _put_text(table: dict[str, Any], key: str, name: str, typed: Mapping[str, str], errors: dict[str, str]) -> None:
    if name not in typed:
        return
    text = " ".join(typed[name].split())
    if not text:
        errors[name] = "say something here"
    elif len(text) > _MOST_TEXT:
        errors[name] = f"{len(text)} letters; at most {_MOST_TEXT}"
    else:
        table[key] = text


def message_field(language: str, key: str) -> str:
    return f"message-{language}-{key}"


def _put_condition(document: dict[str, Any], typed: Mapping[str, str], errors: dict[str, str]) -> None:
    condition = document.get("condition")
    if not isinstance(condition, dict):
        return
    if "direction" in typed:
        condition["direction"] = typed["direction"]
    for number in NUMBERS:
        if number.name in typed:
            try:
                condition[number.key] = _as_it_was(condition.get(number.key), _read(typed[number.name]) * number.size)
            except ValueError as error:
                errors[number.name] = str(error)


def _read(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        raise ValueError(f"{text[:20]!r} is no number; write it such as 80 or 12.5") from None
    if not isfinite(found) or abs(found) > 1e9:
        raise ValueError(f"{text[:20]!r}: expected a number nearer to 0")
    return found


def _as_it_was(before: object, number: float) -> int | float:
    """The same number stays written as it was, so that a history tells of changes alone."""
    return before if isinstance(before, int | float) and before == number else _whole(number)


def _whole(number: float) -> int | float:
    """
    >>> _whole(80.0), _whole(12.5)
    (80, 12.5)
    """
    return int(number) if number.is_integer() else number


def _put_remedies(document: dict[str, Any], typed: Mapping[str, str], errors: dict[str, str]) -> None:
    """The rows as they stand; one without a category is none."""
    rows = [(number, typed[name].strip()) for number, name in _category_fields(typed)]
    if not rows:
        return
    found: dict[str, Any] = {}
    for number, category in rows:
        lift = typed.get(lift_field(number), "")
        if not category and not lift.strip():
            continue
        if not category or category in found:
            errors[category_field(number)] = "name a category" if not category else f"{category} is there twice"
            continue
        try:
            found[category] = _as_it_was(document.get("remedies", {}).get(category), _read(lift))
        except ValueError as error:
            found[category] = document.get("remedies", {}).get(category, 1)
            errors[lift_field(number)] = str(error)
    document["remedies"] = found


def category_field(number: int) -> str:
    return f"category-{number}"


def lift_field(number: int) -> str:
    return f"lift-{number}"


def _category_fields(typed: Mapping[str, str]) -> list[tuple[int, str]]:
    """In their order on the page."""
    found = [(int(name.removeprefix("category-")), name) for name in typed if re.fullmatch(r"category-\d{1,3}", name)]
    return sorted(found)


# Which field an error belongs to.

_PLACED = re.compile(r"\[(?P<place>[\w.-]+)\]: (?:key '(?P<key>[^']+)'|need [^:]+: (?P<rule>\w+))")
_BARE_KEY = re.compile(r"^[^\[]*: key '(?P<key>title|kind)'")


def field_of(message: str) -> str:
    """
    >>> field_of("damp-air [condition]: key 'enter' is '8', expected float")
    'enter'
    >>> field_of("damp-air [condition]: need damp-air: exit 85 lies beyond enter 80")
    'exit'
    """
    found = _PLACED.search(message)
    if found is None:
        bare = _BARE_KEY.match(message)
        return "" if bare is None else bare["key"]
    place, key = found["place"], found["key"] or found["rule"]
    if place == "condition":
        return _BY_KEY.get(key, key if key == "direction" else "")
    if place.startswith("message.") and key in TEXTS:
        return message_field(place.removeprefix("message."), key)
    return "remedies" if place == "remedies" else ""


def said(message: str) -> str:
    """Without the place, which the field shows.

    >>> said("need damp-air [condition]: need damp-air: exit 85 lies beyond enter 80")
    'exit 85 lies beyond enter 80'
    """
    return re.sub(r"^need [^:\[]+( \[[^\]]*\])*( \d+)?: (need [^:]+: )?", "", message)


# The form as it is shown.


def form(shown: Draft, unit: str) -> Form:
    """unit: of what the condition watches."""
    document = shown.document
    found = document.get("condition")
    condition: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    return Form(
        title=_field(shown, "title", "Name of the need", str(document.get("title", ""))),
        kind=_field(shown, "kind", "Kind of its pushes", str(document.get("kind", KINDS[0])), choices=KINDS),
        direction=_direction(shown, condition) if condition else None,
        numbers=tuple(_numbers(shown, condition, unit)) if condition else (),
        remedies=tuple(_remedies(shown)),
        messages=tuple(_messages(shown)),
        said=" ".join(text for name, text in shown.errors.items() if name in ("", "remedies")),
    )


def _field(
    shown: Draft, name: str, label: str, value: str, hint: str = "", choices: tuple[str, ...] = (), more: str = ""
) -> Field:
    typed, error = shown.typed.get(name, value), shown.errors.get(name, "")
    return Field(name=name, label=label, value=typed, hint=hint, error=error, choices=choices, more=more)


def _direction(shown: Draft, condition: Mapping[str, Any]) -> Field:
    return _field(shown, "direction", "Holds", str(condition.get("direction", "")), choices=DIRECTIONS)


def _numbers(shown: Draft, condition: Mapping[str, Any], unit: str) -> Iterator[Field]:
    for number in NUMBERS:
        value = condition.get(number.key)
        text = f"{value / number.size:g}" if isinstance(value, int | float) else ""
        more = "" if number.size != 1 or not unit else f", {unit}"
        yield _field(shown, number.name, number.label, text, number.hint, more=more)


def _remedies(shown: Draft) -> Iterator[tuple[Field, Field]]:
    typed = _category_fields(shown.typed)
    if typed:
        pairs = [(shown.typed[name], shown.typed.get(lift_field(number), "")) for number, name in typed]
    else:
        pairs = [(name, f"{lift:g}") for name, lift in shown.document.get("remedies", {}).items()] + [("", "")] * SPARE
    for number, (category, lift) in enumerate(pairs):
        yield (
            _field(shown, category_field(number), "Category", category, more=f" {number + 1}"),
            _field(shown, lift_field(number), "Prior lift", lift, more=f" {number + 1}"),
        )


def _messages(shown: Draft) -> Iterator[tuple[str, tuple[Field, ...]]]:
    """English first."""
    messages = shown.document.get("message", {})
    for language in sorted(messages, key=lambda one: (one != ENGLISH, one)):
        found = messages[language] if isinstance(messages[language], dict) else {}
        yield (
            language,
            tuple(_field(shown, message_field(language, key), _LABELS[key], str(found.get(key, ""))) for key in TEXTS),
        )
