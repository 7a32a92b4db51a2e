"""State topics of ESPHome and of Home Assistant's MQTT statestream: <prefix>/sensor/<name>/state, one value as text.

Neither says quantity nor unit: the name's ending tells the quantity where it can, the configuration else; the unit is
taken to be the contract's unless the configuration says another. `unavailable`, `unknown` and `nan` are no readings.
"""

from aircue_gateway.payloads.aircue import PayloadError
from aircue_gateway.payloads.reading import Decoded, Reading, number, shown

TOPICS = ("+/sensor/+/state",)
_SENSOR = "sensor"
_STATE = "state"
_NOTHING = ("unavailable", "unknown", "none", "nan", "")
# The names' endings, as ESPHome and Home Assistant make them from "PM <2.5µm" or "Carbon dioxide".
_ENDINGS = {
    "temperature": "temperature",
    "humidity": "humidity",
    "pressure": "pressure",
    "co2": "co2",
    "carbon_dioxide": "co2",
    "pm1": "pm1",
    "pm1_0": "pm1",
    "pm_1_0": "pm1",
    "pm25": "pm25",
    "pm2_5": "pm25",
    "pm_2_5": "pm25",
    "pm10": "pm10",
    "pm_10": "pm10",
    "pm10_0": "pm10",
    "pm_10_0": "pm10",
    "voc_index": "voc_index",
}


def decode(topic: str, payload: bytes, _now_ms: int) -> Decoded:
    """One reading of <prefix>, with <name> as part."""
    levels = topic.split("/")
    if len(levels) < 4 or levels[-1] != _STATE or levels[-3] != _SENSOR:
        return Decoded()
    text = payload.decode(errors="replace").strip().strip('"').strip()
    if text.lower() in _NOTHING:
        return Decoded()
    name, device = levels[-2], "/".join(levels[:-3])
    quantity = quantity_of(name)
    value = _value(topic, text, quantity)
    return Decoded() if value is None else Decoded((Reading(device, name, quantity, value),))


def _value(topic: str, text: str, quantity: str) -> float | None:
    """A sensor whose name tells no quantity may well say "eco" or a date."""
    try:
        return number(topic, "payload", float(text))
    except PayloadError:
        if quantity:
            raise
    except ValueError:
        if quantity:
            raise PayloadError(topic, "payload", f"a number as text, found {shown(text)}") from None
    return None


def quantity_of(name: str) -> str:
    """The quantity that a sensor's name ends with, "" where it names none.

    >>> quantity_of("living_room_carbon_dioxide"), quantity_of("pm_2_5"), quantity_of("wifi_signal")
    ('co2', 'pm25', '')
    """
    words = name.lower().replace("-", "_")
    fitting = [ending for ending in _ENDINGS if words == ending or words.endswith("_" + ending)]
    return _ENDINGS[fitting[0]] if fitting else ""
