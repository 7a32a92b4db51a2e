"""Episodes at the edge: the cloud's rules, run on trusted values, so that a change of phase is sent at once.

The cloud's own run of the same rules decides; this one only makes a batch leave early.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from aircue_gateway.episodes import Change, Phase, Rule, State, step

Key = tuple[str, str]  # need, node


class RulesError(ValueError):
    """Rules that this gateway cannot run; the text says which field of which need."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """version: the cloud's name for this set."""

    version: str
    rules: tuple[Rule, ...]


NO_RULES = Rules(version="", rules=())


class Alerts:
    """Where every rule stands on every node. changed: the keys whose state moved since it was last emptied."""

    def __init__(self, rules: Rules, states: Mapping[Key, State]) -> None:
        self._states = dict(states)
        self._by_quantity: dict[str, list[Rule]] = {}
        self.version = ""
        self.changed: dict[Key, State] = {}
        self.replace(rules)

    def replace(self, rules: Rules) -> None:
        """Other rules from now on. A need that stays keeps its state: its episode goes on under the new thresholds."""
        self.version = rules.version
        self._by_quantity = {}
        for rule in rules.rules:
            self._by_quantity.setdefault(rule.quantity, []).append(rule)

    def update(self, node: str, quantity: str, at: float, value: float) -> list[tuple[str, Change]]:
        """Feeds a trusted value; the needs whose phase it changed, and how. at: epoch seconds of event time."""
        changes = []
        for rule in self._by_quantity.get(quantity, ()):
            key = (rule.need, node)
            before = self._states.get(key, _FRESH)
            after, change = step(rule, before, at, value)
            if after is not before:
                self._states[key] = self.changed[key] = after
            if change is not None:
                changes.append((rule.need, change))
        return changes

    def watches(self, quantity: str) -> bool:
        return quantity in self._by_quantity


_FRESH = State()


def decode_rules(text: str | bytes) -> Rules:
    """The document of GET /api/v1/rules."""
    try:
        document = json.loads(text)
        version, rows = document["version"], document["rules"]
    except (ValueError, TypeError, KeyError) as error:
        raise RulesError(f"rules: expected a JSON object with version and rules: {error!r}") from error
    if not isinstance(version, str) or not isinstance(rows, list):
        raise RulesError("rules: version is no text or rules is no list")
    return Rules(version=version, rules=tuple(_rule(row) for row in rows))


def _rule(row: Any) -> Rule:
    if not isinstance(row, dict):
        raise RulesError(f"rules: {row!r} is no object")
    missing = [field.name for field in fields(Rule) if not _fits(row.get(field.name), field.type)]
    if missing:
        raise RulesError(f"rules: need {row.get('need')!r}: {', '.join(missing)} missing or of the wrong type")
    try:
        return Rule(**{field.name: row[field.name] for field in fields(Rule)})
    except ValueError as error:
        raise RulesError(f"rules: {error}") from error


def _fits(value: Any, kind: Any) -> bool:
    return type(value) is str if kind is str else type(value) in (int, float)


def encode_state(state: State) -> str:
    return json.dumps(asdict(state))


def decode_state(text: str) -> State:
    row = json.loads(text)
    return State(**{**row, "phase": Phase(row["phase"])})


def decode_states(rows: Iterable[tuple[str, str, str]]) -> dict[Key, State]:
    return {(need, node): decode_state(text) for need, node, text in rows}
