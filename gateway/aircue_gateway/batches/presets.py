"""What both ends of batch version 2 know beforehand: common words, and what the quantities of a home usually do.

It only makes batches smaller: other names and quantities are written out. Nothing here may change within version 2;
new rows are another version.
"""

from typing import NamedTuple


class Preset(NamedTuple):
    """typical: a first guess of a value, as the integer that is sent. size: of the residuals of neighbouring samples,
    in 1/16. step: the power of ten that the integers of common sensors are multiples of."""

    quantity: str
    unit: str
    scale: int
    typical: int
    size: int
    step: int = 0


PRESETS = (
    Preset("temperature", "Cel", 100, 2000, 24),
    Preset("humidity", "%RH", 100, 5500, 56),
    Preset("co2", "ppm", 1, 700, 160),
    Preset("pm1", "ug/m3", 10, 60, 16, 1),
    Preset("pm25", "ug/m3", 10, 90, 16, 1),
    Preset("pm10", "ug/m3", 10, 110, 16, 1),
    Preset("pressure", "hPa", 10, 10130, 16),
    Preset("voc_index", "1", 1, 100, 48),
    Preset("gas_ratio", "1", 1000, 1000, 160),
    Preset("temperature", "Cel", 10, 200, 12),
    Preset("humidity", "%RH", 10, 550, 20),
    Preset("illuminance", "lx", 1, 100, 64),
    Preset("voltage", "V", 1000, 3000, 32),
    Preset("battery", "%EL", 1, 80, 4),
)
UNKNOWN = Preset("", "", 0, 0, 64)

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_."
# Each stands for one symbol of a text; the longest that fits is taken.
WORDS = (
    "home-", "house", "flat", "site-", "gw-", "gateway", "node-", "room", "living", "living-room", "bathroom",
    "bedroom", "kitchen", "hall", "office", "study", "cellar", "basement", "attic", "garage", "garden", "balcony",
    "terrace", "outdoors", "outside", "child", "kids", "guest", "nursery", "laundry", "toilet", "store", "stairs",
    "dining", "work", "shop", "school", "floor", "upper", "lower", "north", "south", "east", "west", "left", "right",
    "window", "door", "sensor", "air", "iot-device-", "pi-", "esp32-", "pico-", "shelly", "tasmota", "zigbee",
    "temperature", "humidity", "pressure", "co2", "pm25", "pm10", "ppm", "ug/m3", "%RH", "Cel", "hPa", "sonoff",
    "aqara", "main", "big", "small", "old", "new", "lab", "test", "demo", "corridor", "entrance", "plants", "er",
    "ing", "01", "02", "03",
)  # fmt: skip
