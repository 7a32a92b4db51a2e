"""Home Assistant's MQTT discovery: one retained message that makes this node a device with a sensor a quantity.

Loaded where `discovery` is set, for a node whose broker is Home Assistant's own. Keys are Home Assistant's short ones:
https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
"""

import json

from aircue_node import __version__, contract

MYPY = False
if MYPY:
    from typing import Any

    from aircue_node.ports import Channel
    from aircue_node.sampler import Sampler

_PREFIX = "homeassistant"
# Readings that did not come for so many intervals are no longer shown; never sooner than this many seconds.
_INTERVALS = 3
_SHORTEST_EXPIRY_S = 60
# quantity: (device class, unit, name where the class does not give the right one); None: has none.
_CLASSES = {
    "temperature": ("temperature", "\u00b0C", None),
    "humidity": ("humidity", "%", None),
    "co2": ("carbon_dioxide", "ppm", None),
    "pm1": ("pm1", "\u00b5g/m\u00b3", None),
    "pm25": ("pm25", "\u00b5g/m\u00b3", None),
    "pm10": ("pm10", "\u00b5g/m\u00b3", None),
    "pressure": ("atmospheric_pressure", "hPa", None),
    "voc_index": ("aqi", None, "VOC index"),
    "gas_ratio": (None, None, "Gas ratio"),
}


class Announcer:
    """Says what this node is, with the interval it has just now."""

    asked_on = _PREFIX + "/status"

    def __init__(
        self,
        site: str,
        node: str,
        installation: int,
        hardware: str,
        channels: "list[Channel]",
        sampler: "Sampler",
    ) -> None:
        self.topic = topic(node)
        self._who = (site, node, installation, hardware)
        self._channels = channels
        self._sampler = sampler

    @property
    def edition(self) -> int:
        return self._sampler.interval_ms

    def payload(self) -> bytes:
        return encode(__version__, *self._who, self._channels, self._sampler.interval_ms)


def topic(node: str) -> str:
    return f"{_PREFIX}/device/{node}/config"


def removal(node: str) -> tuple[str, bytes]:
    """(topic, payload) of the retained message that removes the device from Home Assistant."""
    return topic(node), b""


def encode(
    firmware: str,
    site: str,
    node: str,
    installation: int,
    hardware: str,
    channels: "list[Channel]",
    interval_ms: int,
) -> bytes:
    """channels: (quantity, unit, scale, sensor) in the order of a sample's values."""
    ident = f"{contract.ROOT}-{site}-{node}"
    expires_s = max(_SHORTEST_EXPIRY_S, _INTERVALS * interval_ms // 1000)
    return json.dumps(
        {
            "dev": {
                "ids": [ident],
                "name": node,
                "mf": "Aircue",
                "mdl": hardware,
                "sw": firmware,
                "sn": str(installation),
            },
            "o": {"name": "Aircue", "sw": firmware},
            "stat_t": contract.topic(site, node, contract.SAMPLES),
            "avty_t": contract.topic(site, node, contract.STATUS),
            "avty_tpl": "{{ value_json.state }}",
            "cmps": {
                quantity: _component(f"{ident}-{quantity}", quantity, index, scale, expires_s)
                for index, (quantity, _, scale, _) in enumerate(channels)
            },
        }
    ).encode()


def _component(unique_id: str, quantity: str, index: int, scale: int, expires_s: int) -> "dict[str, Any]":
    device_class, unit, name = _CLASSES[quantity]
    fields: "dict[str, Any]" = {
        "p": "sensor",
        "uniq_id": unique_id,
        "stat_cla": "measurement",
        "exp_aft": expires_s,
        "val_tpl": _template(index, scale),
    }
    for key, value in (("dev_cla", device_class), ("unit_of_meas", unit), ("name", name)):
        if value is not None:
            fields[key] = value
    return fields


def _template(index: int, scale: int) -> str:
    """A gap, null in the sample, gives None, which Home Assistant shows as unknown."""
    value = f"value_json.v[{index}]"
    if scale == 1:
        return f"{{{{ {value} }}}}"
    return f"{{{{ {value} / {scale} if {value} is number else none }}}}"
