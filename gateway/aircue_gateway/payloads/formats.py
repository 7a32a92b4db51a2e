"""The formats of other makers: a row each. topics: what a broker is asked for unless the configuration says other."""

from dataclasses import dataclass

from aircue_gateway.payloads import bthome, senml, shelly, state, tasmota, zigbee2mqtt
from aircue_gateway.payloads.reading import Decode


@dataclass(frozen=True, kw_only=True)
class Format:
    topics: tuple[str, ...]
    decode: Decode


FORMATS = {
    "tasmota": Format(topics=tasmota.TOPICS, decode=tasmota.decode),
    "zigbee2mqtt": Format(topics=zigbee2mqtt.TOPICS, decode=zigbee2mqtt.decode),
    "shelly": Format(topics=shelly.TOPICS, decode=shelly.decode),
    "state": Format(topics=state.TOPICS, decode=state.decode),
    "bthome": Format(topics=bthome.TOPICS, decode=bthome.decode),
    "senml": Format(topics=senml.TOPICS, decode=senml.decode),
}
