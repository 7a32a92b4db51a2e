"""What a need asks for beside its trigger: conditions that must hold when a push is decided about, whom it is for, and
what a home uses up. Pure."""

from dataclasses import dataclass

from aircue_cloud.decision.local_time import Window

OUTDOOR, FORECAST, ROOM, PERSON, CALENDAR = ("outdoor", "forecast", "room", "person", "calendar")
ALSO_SOURCES = (ROOM, OUTDOOR, FORECAST, PERSON, CALENDAR)
HOLD, SKIP = ON_MISSING = ("hold", "skip")
LEAST_AT = 0.8  # share of its life from which on what a home has may be offered again, whatever a need says
# How old a fact may be where a condition does not say: a gateway repeats a value within 300 s, weather is of full hours
# and forecasts of a source that is asked hourly, and a wearable tells when its wearer comes near a phone.
FRESH_S = {ROOM: 1800.0, OUTDOOR: 3 * 3600.0, FORECAST: 24 * 3600.0, PERSON: 2 * 3600.0, CALENDAR: 0.0}


@dataclass(frozen=True, kw_only=True)
class Also:
    """Holds where the value is strictly above and strictly below what is said, of both or of one.

    minus_room: the value is the difference to the same quantity in the room of the trigger. within_h: of a forecast,
    the hours ahead of which one suffices. fresh_s: how old what is known may be. on_missing: "hold" holds the push back
    where nothing fresh is known, "skip" passes the condition over. wait_s: over 0, one that does not hold is asked
    again after so long, while the offer is good. months, hours: of the calendar, on the person's clock.
    """

    source: str
    quantity: str = ""
    above: float | None = None
    below: float | None = None
    minus_room: bool = False
    within_h: int = 0
    fresh_s: float = 0.0
    on_missing: str = HOLD
    wait_s: float = 0.0
    months: tuple[int, ...] = ()
    hours: Window | None = None


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Whom a need is for; what is empty asks for nothing. languages: that the person reads. zones: IANA names, or a
    region's with /* behind it (Asia/*). areas: latitude,longitude in tenths, of the site. owns: categories of product,
    of each of which the household has one. lacks: of which it has none. audiences: saved ones over segments, in one of
    which the person is."""

    languages: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    owns: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()

    @property
    def is_everybody(self) -> bool:
        return not (self.languages or self.zones or self.areas or self.owns or self.lacks or self.audiences)


@dataclass(frozen=True, kw_only=True)
class Replenish:
    """category: of what the home owns, and consumable: of what that uses up; they may be the same. interval_days: how
    long one lasts in the average home. quantity: of the rooms, that it ages by; "": by time alone. at: the share of its
    life after which it is due."""

    category: str
    consumable: str
    interval_days: float
    quantity: str = ""
    at: float = 0.9
