"""Needs as binary sensors of Home Assistant (MQTT discovery): topics and payloads, all of them to be retained. Pure.

    homeassistant/binary_sensor/aircue_<gateway>_<node>_<need>/config      what it is; an empty payload takes it away
    aircue/<site>/<node>/need/<need>                                       ON or OFF, since when, which episode

A need whose last reading lies too far back is unavailable in Home Assistant (expire_after) instead of off, so that a
sensor that falls silent ends no automation's condition by itself.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from aircue_gateway.alerts import Key, Standing
from aircue_gateway.episodes import Phase, Rule, State
from aircue_node import contract

LEAF = "need"
_PREFIX = "homeassistant"
_ACTIVE = (Phase.FIRING, Phase.RECOVERING)
# Home Assistant's words for what is wrong, by quantity; "problem" where it has none.
_CLASSES = {"humidity": "moisture", "mould_index": "moisture", "co2": "gas", "gas_ratio": "gas", "pm25": "smoke"}

Retained = tuple[str, bytes]  # topic, payload


def discovery_topic(gateway: str, node: str, need: str) -> str:
    return f"{_PREFIX}/binary_sensor/{_id(gateway, node, need)}/config"


def state_topic(site: str, node: str, need: str) -> str:
    return contract.topic(site, node, f"{LEAF}/{need}")


def discovery(gateway: str, site: str, node: str, rule: Rule) -> Retained:
    """The message that makes Home Assistant show the need of a node."""
    topic = state_topic(site, node, rule.need)
    return discovery_topic(gateway, node, rule.need), _json(
        {
            "name": rule.need.replace("-", " ").capitalize(),
            "unique_id": _id(gateway, node, rule.need),
            "state_topic": topic,
            "value_template": "{{ value_json.state }}",
            "json_attributes_topic": topic,
            "payload_on": "ON",
            "payload_off": "OFF",
            "device_class": _CLASSES.get(rule.quantity, "problem"),
            "expire_after": round(rule.max_gap_s),
            "device": {"identifiers": [node], "name": node, "via_device": gateway},
            "origin": {"name": "aircue-gateway"},
        }
    )


def removal(gateway: str, site: str, node: str, need: str) -> list[Retained]:
    """The messages that take it out of Home Assistant again."""
    return [(discovery_topic(gateway, node, need), b""), (state_topic(site, node, need), b"")]


def state(site: str, node: str, rule: Rule, current: State) -> Retained:
    episode = current.episode if isinstance(current, Standing) else None
    fields = {
        "state": "ON" if current.phase in _ACTIVE else "OFF",
        "phase": current.phase.value,
        "since": _iso(current.since),
        "peak": current.peak,
        "measured_at": _iso(current.last_at),
        "episode": None if episode is None else episode.id,
    }
    return state_topic(site, node, rule.need), _json(fields)


class Announcer:
    """What is to be published when states moved: discovery once a need and node, the state at every change of phase and
    again after half of max_gap_s, so that a living sensor does not expire.

    forget() after rules were replaced: needs that are gone are taken out, the others announced anew.
    """

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self._told: dict[Key, tuple[Phase, float, str]] = {}  # phase, time and site

    def messages(self, rules: Iterable[Rule], moved: Mapping[Key, State], sites: Mapping[str, str]) -> list[Retained]:
        """sites: the site of each node; a node without one is not announced."""
        by_need = {rule.need: rule for rule in rules}
        found: list[Retained] = []
        for (need, node), current in moved.items():
            if need in by_need and node in sites:
                found += self._of(by_need[need], sites[node], node, current)
        return found

    def forget(self, rules: Iterable[Rule]) -> list[Retained]:
        needs = {rule.need for rule in rules}
        gone = [(site, node, need) for (need, node), (_, _, site) in self._told.items() if need not in needs]
        self._told.clear()
        return [message for one in gone for message in removal(self._gateway, *one)]

    def _of(self, rule: Rule, site: str, node: str, current: State) -> list[Retained]:
        key, at = (rule.need, node), current.last_at or 0.0
        told = self._told.get(key)
        if told is not None and told[0] is current.phase and 0 <= at - told[1] < rule.max_gap_s / 2:
            return []
        self._told[key] = (current.phase, at, site)
        first = [] if told is not None else [discovery(self._gateway, site, node, rule)]
        return [*first, state(site, node, rule, current)]


def _id(gateway: str, node: str, need: str) -> str:
    """As Home Assistant allows it in a topic: letters, digits, - and _."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"aircue_{gateway}_{node}_{need}")


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _json(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
