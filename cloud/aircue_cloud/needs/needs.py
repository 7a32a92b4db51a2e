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
PLACEHOLDERS = ("room", "enter", "value", "minutes", "product")


@dataclass(frozen=True, kw_only=True)
class Message:
    """Templates in English. reason says in plain words what was measured."""

    title: str
    text: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Need:
    """remedies: category of product -> prior lift (1: the need makes no difference to how much it is wanted)."""

    name: str
    title: str
    rule: Rule
    remedies: Mapping[str, float]
    message: Message


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


def _load_need(path: Path) -> Need:
    file = build(_File, load_toml(path), str(path))
    return Need(
        name=path.stem,
        title=file.title,
        rule=_rule(path, build(_Condition, file.condition, f"{path} [condition]")),
        remedies=_remedies(file.remedies, f"{path} [remedies]"),
        message=_message(build(Message, file.message, f"{path} [message]"), f"{path} [message]"),
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
