"""Whether a device's messages are what a profile of its maker says: each message of a recording is decoded by the very
code that a gateway runs, and told line by line. Pure but for the profiles that are shipped.

A recording has one message a line: its topic, a space, its payload, as `mosquitto_sub -v` prints them; with
payload = "hex" in the profile the payload is in hexadecimal (`mosquitto_sub -F '%t %x'`).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from aircue_cloud.errors import CommandError, SettingsError
from aircue_cloud.settings import build, load_toml
from aircue_gateway.payloads.aircue import PayloadError
from aircue_gateway.payloads.formats import FORMATS
from aircue_gateway.payloads.reading import Decoded, Reading
from aircue_gateway.units import UnitError, converter
from aircue_node.quantities import QUANTITIES

DECODED, PASSED, WRONG = "decoded", "passed over", "wrong"
_PAYLOADS = ("text", "hex")
_SHIPPED = files(__package__).joinpath("profiles")


@dataclass(frozen=True, kw_only=True)
class Range:
    """What a quantity may be, in unit."""

    unit: str
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Profile:
    """brand, model: as people call the device. format: of its messages, as the gateway names it. payload: how the
    recording holds it. quantities: those that the device tells."""

    brand: str
    format: str
    quantities: dict[str, Any]
    model: str = ""
    payload: str = "text"
    ranges: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Line:
    """number: in the recording, from 1. why: of what is wrong or passed over."""

    number: int
    verdict: str
    readings: tuple[Reading, ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """missing: quantities of the profile that no line told."""

    lines: Sequence[Line]
    missing: tuple[str, ...]

    @property
    def conforms(self) -> bool:
        return not self.missing and all(line.verdict != WRONG for line in self.lines)


def shipped() -> list[str]:
    return sorted(path.name.removesuffix(".toml") for path in _SHIPPED.iterdir() if path.name.endswith(".toml"))


def profile(name: str) -> Profile:
    """A file, or one that is shipped by its name. SettingsError with the file and the key."""
    if name in shipped():
        return _read(Path(str(_SHIPPED.joinpath(f"{name}.toml"))))
    if not Path(name).exists():
        raise CommandError(f"profile {name}: there is no such file, and shipped are {', '.join(shipped())}")
    return _read(Path(name))


def _read(path: Path) -> Profile:
    found = build(Profile, load_toml(path), str(path))
    if found.format not in FORMATS:
        raise SettingsError(f"{path}: key 'format' is {found.format!r}, expected one of {', '.join(FORMATS)}")
    if found.payload not in _PAYLOADS:
        raise SettingsError(f"{path}: key 'payload' is {found.payload!r}, expected one of {', '.join(_PAYLOADS)}")
    if not found.quantities:
        raise SettingsError(f"{path}: [quantities] is empty: name what the device measures")
    ranges = {name: _range(f"{path} [quantities.{name}]", name, table) for name, table in found.quantities.items()}
    return Profile(**{**vars(found), "ranges": ranges})


def _range(where: str, quantity: str, table: Any) -> tuple[float, float]:
    """In the contract's unit."""
    if quantity not in QUANTITIES:
        raise SettingsError(f"{where}: unknown quantity; known are {', '.join(QUANTITIES)}")
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: expected unit, low and high")
    said = build(Range, table, where)
    try:
        convert = converter(quantity, said.unit)
    except UnitError as error:
        raise SettingsError(f"{where}: key 'unit': {error}") from error
    low, high = convert(said.low), convert(said.high)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise SettingsError(f"{where}: low is {said.low} and high is {said.high}, expected low under high")
    return low, high


def check(recording: Iterable[str], profile: Profile, now_ms: int) -> Report:
    """now_ms: of readings that tell no time."""
    lines = list(_lines(recording, profile, now_ms))
    told = {reading.quantity for line in lines for reading in line.readings}
    return Report(lines=lines, missing=tuple(sorted(profile.ranges.keys() - told)))


def _lines(recording: Iterable[str], profile: Profile, now_ms: int) -> Iterator[Line]:
    for number, text in enumerate(recording, start=1):
        line = text.rstrip("\r\n")
        if line and not line.startswith("#"):
            yield _line(number, line, profile, now_ms)


def _line(number: int, line: str, profile: Profile, now_ms: int) -> Line:
    topic, space, text = line.partition(" ")
    try:
        if not space:
            raise PayloadError(topic, "line", "a topic, a space and a payload")
        payload = bytes.fromhex(text) if profile.payload == "hex" else text.encode()
        found = FORMATS[profile.format].decode(topic, payload, now_ms)
    except PayloadError as error:
        return Line(number=number, verdict=WRONG, why=(str(error),))
    except ValueError as error:
        return Line(number=number, verdict=WRONG, why=(f"payload: expected hexadecimal digits: {error}",))
    why = (*map(str, found.faults), *_strange(found, profile.ranges))
    if not found.readings and not why:
        return Line(number=number, verdict=PASSED, why=("no reading of the air in it",))
    return Line(number=number, verdict=WRONG if why else DECODED, readings=found.readings, why=why)


def _strange(found: Decoded, ranges: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    """Readings that the profile does not say, or not so."""
    for one in found.readings:
        if not one.quantity:
            yield f"a value of {one.value:g} of which the message does not say what it measures"
        elif one.quantity not in ranges:
            yield f"{one.quantity}: the profile does not name it"
        elif not ranges[one.quantity][0] <= one.value <= ranges[one.quantity][1]:
            low, high = ranges[one.quantity]
            unit = QUANTITIES[one.quantity][0]
            yield f"{one.quantity} is {one.value:g} {unit}, expected {low:g} to {high:g}"
