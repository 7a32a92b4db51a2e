"""Needs: conditions of the air, of the weather or of a person's surroundings, what remedies them, and how it is told.

Those that ship are one TOML file each in this folder; a store may put its own beside or over them (stored.py). What a
document may say is written in document.py.

Errors: SettingsError, naming the file, the key, the value and the known keys.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from aircue_cloud.errors import SettingsError
from aircue_cloud.needs.also import Also, Audience, Replenish
from aircue_gateway.episodes import Rule

FOLDER = Path(__file__).parent
KINDS = ("marketing", "service", "safety", "transactional")  # from the least urgent on
ENGLISH = "en"  # in which every need has a message
ROOM, OUTDOOR, PERSON, REPLENISH = SOURCES = ("room", "outdoor", "person", "replenish")  # of what triggers a need


@dataclass(frozen=True, kw_only=True)
class Message:
    """Templates in one language. reason says in plain words what was measured; {time}: for how long on that day."""

    title: str
    text: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Need:
    """source: what the rule watches. Where that is no room, the rule's quantity carries the source's name before a full
    stop (outdoor.temperature), so that nobody takes it for one of a room. also: what must hold besides when a push is
    decided about. remedies: category of product -> prior lift (1: the need makes no difference to how much it is
    wanted). messages: by language, English among them. kind: of the pushes it leads to. document: what it was read
    from. number: its version in the store; None of one that ships, or was read from a file."""

    name: str
    title: str
    rule: Rule
    remedies: Mapping[str, float]
    messages: Mapping[str, Message]
    kind: str = "marketing"
    source: str = ROOM
    also: tuple[Also, ...] = ()
    audience: Audience = Audience()  # noqa: RUF009  # frozen
    replenish: Replenish | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    number: int | None = field(default=None, compare=False)

    @cached_property
    def content(self) -> str:
        """Stands for all that the document says: the same wherever the same was saved or shipped."""
        return _version(self.document)

    def message(self, language: str) -> tuple[str, Message]:
        """In that language, or else in English; and which it is."""
        return (language, self.messages[language]) if language in self.messages else (ENGLISH, self.messages[ENGLISH])

    @property
    def quantity(self) -> str:
        """What the rule watches, without the name of the source."""
        return self.rule.quantity.rpartition(".")[2]


@dataclass(frozen=True)
class Needs:
    """All needs by name."""

    by_name: Mapping[str, Need]

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Those that a gateway can follow: of rooms."""
        return tuple(need.rule for need in self.of(ROOM))

    @cached_property
    def document(self) -> dict[str, Any]:
        """The rules as gateways fetch them; the version stands for the content."""
        rules = [asdict(rule) for rule in self.rules]
        return {"version": _version(rules), "rules": rules}

    @cached_property
    def by_quantity(self) -> Mapping[str, tuple[Rule, ...]]:
        """Of every source."""
        rules = [need.rule for need in self.by_name.values()]
        quantities = sorted({rule.quantity for rule in rules})
        return {name: tuple(rule for rule in rules if rule.quantity == name) for name in quantities}

    def of(self, source: str) -> tuple[Need, ...]:
        return tuple(need for need in self.by_name.values() if need.source == source)


@cache
def rule_version(rule: Rule) -> str:
    return _version(asdict(rule))


def _version(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def load(folder: Path = FOLDER) -> Needs:
    """Those of a folder; without one, those that ship."""
    from aircue_cloud.needs import document  # which is built on this module

    needs = [document.of_file(path) for path in sorted(folder.glob("*.toml"))]
    if not needs:
        raise SettingsError(f"{folder}: holds no needs; put one TOML file for each need into it")
    return Needs({need.name: need for need in needs})


def load_file(path: Path) -> Need:
    """One need, named like its file."""
    from aircue_cloud.needs import document  # which is built on this module

    return document.of_file(path)
