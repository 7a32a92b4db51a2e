"""Needs: conditions of the air, what remedies them, and how a person is told. One TOML file each in this folder.

Errors: SettingsError, naming the file, the key, the value and the known keys.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from string import Formatter
from typing import Any

from aircue_cloud.errors import SettingsError
from aircue_cloud.settings import build, load_toml
from aircue_gateway.episodes import Rule

FOLDER = Path(__file__).parent
KINDS = ("marketing", "service", "safety", "transactional")  # from the least urgent on
PLACEHOLDERS = ("room", "enter", "value", "minutes", "time", "product")
ENGLISH = "en"  # in which every need has a message


@dataclass(frozen=True, kw_only=True)
class Message:
    """Templates in one language. reason says in plain words what was measured; {time}: for how long on that day."""

    title: str
    text: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Need:
    """remedies: category of product -> prior lift (1: the need makes no difference to how much it is wanted).
    messages: by language, English among them. kind: of the pushes it leads to."""

    name: str
    title: str
    rule: Rule
    remedies: Mapping[str, float]
    messages: Mapping[str, Message]
    kind: str = "marketing"

    def message(self, language: str) -> tuple[str, Message]:
        """In that language, or else in English; and which it is."""
        return (language, self.messages[language]) if language in self.messages else (ENGLISH, self.messages[ENGLISH])


@dataclass(frozen=True)
class Needs:
    """All needs by name."""

    by_name: Mapping[str, Need]

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(need.rule for need in self.by_name.values())

    @cached_property
    def document(self) -> dict[str, Any]:
        """The rules as gateways fetch them; the version stands for the content."""
        rules = [asdict(rule) for rule in self.rules]
        return {"version": _version(rules), "rules": rules}

    @cached_property
    def by_quantity(self) -> Mapping[str, tuple[Rule, ...]]:
        quantities = {rule.quantity for rule in self.rules}
        return {name: tuple(rule for rule in self.rules if rule.quantity == name) for name in sorted(quantities)}


@cache
def rule_version(rule: Rule) -> str:
    return _version(asdict(rule))


def _version(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def load(folder: Path = FOLDER) -> Needs:
    needs = [_load_need(path) for path in sorted(folder.glob("*.toml"))]
    if not needs:
        raise SettingsError(f"{folder}: holds no needs; put one TOML file for each need into it")
    return Needs({need.name: need for need in needs})


def load_file(path: Path) -> Need:
    """One need, named like its file."""
    return _load_need(path)


@dataclass(frozen=True, kw_only=True)
class _Condition:
    quantity: str
    direction: str
    enter: float
    exit: float
    dwell_s: float
    keep_s: float
    max_gap_s: float


@dataclass(frozen=True, kw_only=True)
class _File:
    title: str
    condition: dict[str, Any]
    remedies: dict[str, Any]
    message: dict[str, Any]
    kind: str = KINDS[0]


def _load_need(path: Path) -> Need:
    file = build(_File, load_toml(path), str(path))
    return Need(
        name=path.stem,
        title=file.title,
        rule=_rule(path, build(_Condition, file.condition, f"{path} [condition]")),
        remedies=_remedies(file.remedies, f"{path} [remedies]"),
        messages=_messages(file.message, f"{path} [message]"),
        kind=_kind(file.kind, str(path)),
    )


def _rule(path: Path, condition: _Condition) -> Rule:
    try:
        return Rule(need=path.stem, **asdict(condition))
    except ValueError as error:
        raise SettingsError(f"{path} [condition]: {error}") from error


def _remedies(table: dict[str, Any], where: str) -> dict[str, float]:
    if not table:
        raise SettingsError(f"{where}: names no category of product; a need without a remedy leads nowhere")
    for category, lift in table.items():
        if type(lift) not in (int, float) or not 0 < lift < 1000:
            raise SettingsError(f"{where}: key {category!r} is {lift!r}, expected a prior lift over 0 and under 1000")
    return {category: float(lift) for category, lift in table.items()}


def _kind(kind: str, where: str) -> str:
    if kind not in KINDS:
        raise SettingsError(f"{where}: key 'kind' is {kind!r}, expected one of {', '.join(KINDS)}")
    return kind


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
    try:
        return [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise SettingsError(f"{where} is no template: {error}") from error
