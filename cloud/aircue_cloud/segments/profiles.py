"""How homes are told apart: where they are, what climate surrounds them, what they own, which needs are felt. Pure."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

RFM, DEVICES, REGION, CLIMATE = "rfm", "devices", "region", "climate"
NEED = "need:"
BEHAVIOUR, SENSOR = "behaviour", "sensor"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """category: of data, whose use its people agree to. parts: whether a person is in one of its segments at most."""

    name: str
    title: str
    category: str
    parts: bool = True


PROFILES = {
    one.name: one
    for one in (
        Profile(name=RFM, title="Shopping (recency, frequency, monetary)", category=BEHAVIOUR),
        Profile(name=DEVICES, title="What the home owns", category=BEHAVIOUR, parts=False),
        Profile(name=REGION, title="Region (time zone)", category=SENSOR),
        Profile(name=CLIMATE, title="Climate of the last four weeks", category=SENSOR),
    )
}


def profile(name: str) -> Profile | None:
    """None for a name that no profile can have."""
    if name.startswith(NEED) and len(name) > len(NEED):
        return Profile(name=name, title=f"How often {name.removeprefix(NEED)} was felt", category=SENSOR)
    return PROFILES.get(name)


@dataclass(frozen=True, kw_only=True)
class Level:
    name: str
    at_least: float


@dataclass(frozen=True, kw_only=True)
class Levels:
    """felt, climate: from the highest down; the last takes whatever is left."""

    days: int
    felt: tuple[Level, ...]
    climate: tuple[Level, ...]


@cache
def shipped() -> Levels:
    found = tomllib.loads(files(__package__).joinpath("profiles.toml").read_text(encoding="utf-8"))
    levels = {key: tuple(Level(**one) for one in found[key]) for key in ("felt", "climate")}
    return Levels(days=found["days"], **levels)


def level(value: float, levels: Sequence[Level]) -> str:
    """
    >>> level(0.3, shipped().felt), level(0.0, shipped().felt), level(-3.0, shipped().climate)
    ('often', 'never', 'freezing')
    """
    return next((one.name for one in levels if value >= one.at_least), levels[-1].name)


def days_felt(spans: Iterable[tuple[date, date]], today: date, days: int) -> int:
    """Of the last so many days, today as the last, those that lie in one of the spans (first and last day).

    >>> days_felt([(date(2026, 11, 1), date(2026, 11, 3)), (date(2026, 11, 3), date(2026, 11, 3))],
    ...           date(2026, 11, 22), 28)
    3
    """
    first = today - timedelta(days=days - 1)
    found: set[date] = set()
    for begin, end in spans:
        at = max(begin, first)
        while at <= min(end, today):
            found.add(at)
            at += timedelta(days=1)
    return len(found)


Segments = Mapping[str, Sequence[str]]  # by profile those a person is in
