"""A need as a document: TOML in a file, JSON over the API, the same keys in both. Pure.

Errors: SettingsError with the place, the key, the value and what is known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from string import Formatter
from typing import Any, NoReturn

from aircue_cloud.decision import local_time
from aircue_cloud.decision.local_time import Window
from aircue_cloud.errors import SettingsError
from aircue_cloud.needs import quantities
from aircue_cloud.needs.also import (
    ALSO_SOURCES,
    CALENDAR,
    FORECAST,
    FRESH_S,
    LEAST_AT,
    ON_MISSING,
    Also,
    Audience,
    Replenish,
)
from aircue_cloud.needs.needs import ENGLISH, KINDS, OUTDOOR, PERSON, REPLENISH, ROOM, Message, Need
from aircue_cloud.settings import build, load_toml
from aircue_gateway.episodes import Rule

PLACEHOLDERS = ("room", "enter", "value", "minutes", "time", "product")
TRIGGERS = (ROOM, OUTDOOR, PERSON)  # that [condition] may name
MOST_ALSO = 16
MOST_WITHIN_H = 48
_DAY_S = 86_400.0
_DEEPEST = 6
_LARGEST = 10**15


@dataclass(frozen=True, kw_only=True)
class _File:
    title: str
    remedies: dict[str, Any]
    message: dict[str, Any]
    condition: dict[str, Any] | None = None
    replenish: dict[str, Any] | None = None
    also: list[Any] = field(default_factory=list)
    audience: dict[str, Any] = field(default_factory=dict)
    kind: str = KINDS[0]


@dataclass(frozen=True, kw_only=True)
class _Condition:
    quantity: str
    direction: str
    enter: float
    exit: float
    dwell_s: float
    keep_s: float
    max_gap_s: float
    source: str = ROOM
    on_missing: str = "hold"
    on_start: str = "suppress"
    lateness_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _Also:
    source: str
    quantity: str = ""
    above: float | None = None
    below: float | None = None
    minus_room: bool = False
    within_h: int = 0
    fresh_s: float | None = None
    on_missing: str = ON_MISSING[0]
    wait_s: float = 0.0
    months: list[Any] = field(default_factory=list)
    hours: str = ""


@dataclass(frozen=True, kw_only=True)
class _Audience:
    languages: list[Any] = field(default_factory=list)
    zones: list[Any] = field(default_factory=list)
    areas: list[Any] = field(default_factory=list)
    owns: list[Any] = field(default_factory=list)
    lacks: list[Any] = field(default_factory=list)
    audiences: list[Any] = field(default_factory=list)


def of_file(path: Path) -> Need:
    return read(path.stem, load_toml(path), str(path))


def read(name: str, document: Mapping[str, Any], where: str) -> Need:
    """where: how errors call the document."""
    if not isinstance(document, Mapping):
        raise SettingsError(f"{where}: is {document!r:.40}, expected a table with the keys of a need")
    must_be_plain(document, where)
    file = build(_File, dict(document), where)
    source, rule = _trigger(name, file, where)
    return Need(
        name=name,
        title=file.title,
        rule=rule,
        remedies=_remedies(file.remedies, f"{where} [remedies]"),
        messages=_messages(file.message, f"{where} [message]"),
        kind=_one_of("kind", file.kind, KINDS, where),
        source=source,
        also=_conditions(file.also, source, where),
        audience=_audience(file.audience, f"{where} [audience]"),
        replenish=None if file.replenish is None else _replenish(file.replenish, f"{where} [replenish]"),
        document=document,
    )


def must_be_plain(value: Any, where: str, depth: int = 0) -> None:
    """Neither a number that no air has, nor a text that PostgreSQL cannot hold, nor tables in tables without end."""
    if depth > _DEEPEST:
        raise SettingsError(f"{where[:80]}: tables lie more than {_DEEPEST} deep in each other")
    if isinstance(value, Mapping):
        for key, each in value.items():
            must_be_plain(key, where, depth + 1)
            must_be_plain(each, f"{where}: key {key!r:.40}", depth + 1)
    elif isinstance(value, list):
        for each in value:
            must_be_plain(each, where, depth + 1)
    elif not _is_plain(value):
        shown = repr(value) if isinstance(value, float) else f"{value!r:.40}" if isinstance(value, str) else "a number"
        wanted = "a finite number of up to 15 digits, or a text without NUL"
        raise SettingsError(f"{where} is {shown}, expected {wanted}")


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, int):
        return abs(value) < _LARGEST
    return not isinstance(value, float) or isfinite(value)


# The trigger.


def _trigger(name: str, file: _File, where: str) -> tuple[str, Rule]:
    if (file.condition is None) == (file.replenish is None):
        raise SettingsError(f"{where}: key 'condition' is missing; a need has either [condition] or [replenish]")
    if file.condition is not None:
        return _rule(name, file.condition, f"{where} [condition]")
    assert file.replenish is not None
    return REPLENISH, _used_up(name, _replenish(file.replenish, f"{where} [replenish]"))


def _rule(name: str, table: dict[str, Any], where: str) -> tuple[str, Rule]:
    condition = build(_Condition, table, where)
    source = _one_of("source", condition.source, TRIGGERS, where)
    _one_of("quantity", condition.quantity, quantities.TRIGGERS[source], where)
    fields = asdict(condition)
    del fields["source"]
    quantity = quantities.of(source, condition.quantity)
    try:
        return source, Rule(need=name, **(fields | {"quantity": quantity}))
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error


def _used_up(name: str, said: Replenish) -> Rule:
    """The rule by which a share of a life, in %, is used up; a new one begins at 0."""
    return Rule(
        need=name,
        quantity=quantities.of(REPLENISH, "used"),
        direction="above",
        enter=said.at * 100.0,
        exit=said.at * 100.0,
        dwell_s=0.0,
        keep_s=0.0,
        max_gap_s=_DAY_S * 36_500,
    )


def _replenish(table: dict[str, Any], where: str) -> Replenish:
    said = build(Replenish, table, where)
    if said.quantity:
        _one_of("quantity", said.quantity, quantities.MEASURED, where)
    _must(said.interval_days > 0, where, "interval_days", said.interval_days, "days over 0")
    _must(LEAST_AT <= said.at <= 1, where, "at", said.at, f"a share of a life from {LEAST_AT} to 1")
    for key in ("category", "consumable"):
        _must(getattr(said, key) != "", where, key, "", "a category of product")
    return said


# What must hold besides.


def _conditions(found: Sequence[Any], source: str, where: str) -> tuple[Also, ...]:
    if len(found) > MOST_ALSO:
        raise SettingsError(f"{where}: {len(found)} tables [[also]], expected at most {MOST_ALSO}")
    return tuple(_also(table, source, f"{where} [[also]] {number}") for number, table in enumerate(found, start=1))


def _also(table: Any, trigger: str, where: str) -> Also:
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: is {table!r:.40}, expected a table with the key source")
    said = build(_Also, table, where)
    _one_of("source", said.source, ALSO_SOURCES, where)
    _one_of("on_missing", said.on_missing, ON_MISSING, where)
    _must(said.wait_s >= 0, where, "wait_s", said.wait_s, "seconds, 0 or more")
    if said.source == CALENDAR:
        return _calendar(said, where)
    _one_of("quantity", said.quantity, quantities.ALSO[said.source], where)
    _must_fit(said, trigger, where)
    fresh_s = FRESH_S[said.source] if said.fresh_s is None else said.fresh_s
    return Also(**(asdict(said) | {"fresh_s": fresh_s, "months": (), "hours": None}))


def _must_fit(said: _Also, trigger: str, where: str) -> None:
    if said.above is None and said.below is None:
        raise SettingsError(f"{where}: key 'above' is missing; say above, below or both")
    if said.above is not None and said.below is not None and said.above >= said.below:
        raise SettingsError(f"{where}: key 'above' is {said.above!r}, expected less than below, {said.below!r}")
    _must(said.fresh_s is None or said.fresh_s > 0, where, "fresh_s", said.fresh_s, "seconds over 0")
    ahead = said.source == FORECAST
    wanted = f"whole hours from 1 to {MOST_WITHIN_H}" if ahead else "nothing: only a forecast looks ahead"
    fits = 1 <= said.within_h <= MOST_WITHIN_H if ahead else said.within_h == 0
    _must(fits, where, "within_h", said.within_h, wanted)
    in_room = trigger == ROOM and said.quantity in quantities.ALSO[ROOM]
    _must(in_room or not said.minus_room, where, "minus_room", said.minus_room,
          "a trigger in a room, and a quantity that rooms have too")  # fmt: skip
    _must(trigger == ROOM or said.source != ROOM, where, "source", said.source, "another: no room is the trigger")
    for key in ("months", "hours"):
        _must(not getattr(said, key), where, key, getattr(said, key), "nothing: it belongs to source 'calendar'")


def _calendar(said: _Also, where: str) -> Also:
    for key in ("quantity", "above", "below", "fresh_s", "within_h", "minus_room"):
        _must(not getattr(said, key), where, key, getattr(said, key), "nothing: the calendar has months and hours")
    if not (said.months or said.hours):
        raise SettingsError(f"{where}: key 'months' is missing; say months, hours or both")
    for month in said.months:
        _must(type(month) is int and 1 <= month <= 12, where, "months", said.months, "months from 1 to 12")
    try:
        hours = Window.read(said.hours)
    except ValueError as error:
        raise SettingsError(f"{where}: key 'hours': {error}") from error
    return Also(
        source=CALENDAR, months=tuple(sorted(set(said.months))), hours=hours, on_missing=said.on_missing,
        wait_s=said.wait_s,
    )  # fmt: skip


# Whom it is for.


def _audience(table: dict[str, Any], where: str) -> Audience:
    said = build(_Audience, table, where)
    for key, fits, wanted in _AUDIENCE:
        for entry in getattr(said, key):
            _must(isinstance(entry, str) and fits(entry), where, key, entry, wanted)
    return Audience(**{key: tuple(entries) for key, entries in asdict(said).items()})


def _is_zone(name: str) -> bool:
    region = name.removesuffix("/*")
    return region.isalpha() if region != name else local_time.zone(name) is not None


def _is_area(text: str) -> bool:
    parts = text.split(",")
    try:
        return len(parts) == 2 and all(f"{float(part):.1f}" == part for part in parts)
    except ValueError:
        return False


_AUDIENCE: tuple[tuple[str, Callable[[str], bool], str], ...] = (
    ("languages", lambda text: text.isalpha() and text.islower() and len(text) in (2, 3), "such as en or zh"),
    ("zones", _is_zone, "a zone of the IANA database such as Asia/Shanghai, or a region such as Asia/*"),
    ("areas", _is_area, "latitude,longitude in tenths of a degree such as 52.5,13.4"),
    ("owns", bool, "a category of product"),
    ("lacks", bool, "a category of product"),
    ("audiences", bool, "the name of an audience, as it was saved"),
)


# What remedies it, and how it is told.


def _remedies(table: dict[str, Any], where: str) -> dict[str, float]:
    if not table:
        raise SettingsError(f"{where}: names no category of product; a need without a remedy leads nowhere")
    for category, lift in table.items():
        if type(lift) not in (int, float) or not 0 < lift < 1000:
            raise SettingsError(f"{where}: key {category!r} is {lift!r}, expected a prior lift over 0 and under 1000")
    return {category: float(lift) for category, lift in table.items()}


def _messages(table: dict[str, Any], where: str) -> dict[str, Message]:
    if ENGLISH not in table:
        raise SettingsError(
            f"{where}: key {ENGLISH!r} is missing: write the message under [message.en], others beside it"
        )
    return {language: _in_language(found, f"{where[:-1]}.{language}]") for language, found in table.items()}


def _in_language(table: Any, where: str) -> Message:
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: is {table!r:.40}, expected a table with the keys title, text and reason")
    return _message(build(Message, table, where), where)


def _message(message: Message, where: str) -> Message:
    known = ", ".join(PLACEHOLDERS)
    for key, template in asdict(message).items():
        for name in _placeholders(template, f"{where}: key {key!r}"):
            if name not in PLACEHOLDERS:
                raise SettingsError(f"{where}: key {key!r} has unknown placeholder {name!r}; known ones: {known}")
    return message


def _placeholders(template: str, where: str) -> list[str]:
    """A format behind a name could fail only once the message is written, so none may be there."""
    try:
        found = [part for part in Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise SettingsError(f"{where} is no template: {error}") from error
    for _, name, form, conversion in found:
        if form or conversion:
            raise SettingsError(f"{where} is no template: write {{{name}}} without a format behind it")
    return [str(name) for _, name, _, _ in found]


def _one_of(key: str, value: str, known: Sequence[str], where: str) -> str:
    if value not in known:
        raise SettingsError(f"{where}: key {key!r} is {value!r}, expected one of {', '.join(known)}")
    return value


def _must(fits: bool, where: str, key: str, value: object, wanted: str) -> None:
    if not fits:
        _refuse(where, key, value, wanted)


def _refuse(where: str, key: str, value: object, wanted: str) -> NoReturn:
    raise SettingsError(f"{where}: key {key!r} is {value!r}, expected {wanted}")
