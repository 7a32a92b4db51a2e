"""A simulated home: balances of water vapour, CO2, fine dust, organic vapours and heat for each room.

Weather and habits are seeded.

Everything here is simulated and pure: the same seed gives the same days. Model of the moisture: sources (people,
showers, cooking, drying laundry), exchange with outdoors and with the living room, absorption by surfaces
(towels, plaster, wood: a first-order moisture buffer) and condensation on the coldest surface, which dries again.
The rates are of the usual magnitude for people and wet habits, tuned so that a bathroom's rise and slow fall and a
bedroom's night look like those of measured homes; they are no measurement of any one home.
"""

import math
import random
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache

from aircue_hil.air import (
    OUTDOOR_CO2_PPM,
    USUAL_VOC_UGM3,
    Air,
    relative_humidity_pct,
    saturation_density_gm3,
    saturation_pressure_pa,
    vapour_density_gm3,
)

STEP_S = 10
_STEP_US = STEP_S * 1_000_000
_STEP_H = STEP_S / 3600.0
_DAY_US = 86_400_000_000
_WARM_UP_DAYS = 1
_KEPT_STEPS = 720  # two hours behind the newest state can still be asked for
_DUST_SETTLES_PER_H = 0.4
_VOC_OF_ROOM_UGM3H = 45.0  # what furniture and walls give off
_VOC_OUTDOORS_UGM3 = 30.0
_CONDENSING_M_PER_H = 9.0  # mass transfer at an indoor surface, from 3 W/(m2 K)
_COVERS_G_PER_M2 = 5.0  # a thinner film covers a surface in part only
OUTDOORS = "outdoors"
_CORE = "living"


@dataclass(frozen=True, kw_only=True)
class Room:
    """What stays the same about a room. Exchange is in m3/h with the core through the door, open or shut."""

    volume_m3: float
    air_changes_per_h: float
    open_m3h: float
    shut_m3h: float
    heated_to_c: float
    surface_colder_by_k: float
    surface_m2: float
    buffer_g_per_pct: float
    buffer_g_per_h_pct: float


ROOMS = {
    "bathroom": Room(
        volume_m3=14.0,
        air_changes_per_h=0.3,
        open_m3h=7.0,
        shut_m3h=2.0,
        heated_to_c=20.5,
        surface_colder_by_k=2.2,
        surface_m2=14.0,
        buffer_g_per_pct=6.0,
        buffer_g_per_h_pct=2.5,
    ),
    "bedroom": Room(
        volume_m3=32.0,
        air_changes_per_h=0.25,
        open_m3h=60.0,
        shut_m3h=5.0,
        heated_to_c=18.5,
        surface_colder_by_k=6.0,
        surface_m2=2.5,
        buffer_g_per_pct=40.0,
        buffer_g_per_h_pct=25.0,
    ),
    "kitchen": Room(
        volume_m3=26.0,
        air_changes_per_h=0.6,
        open_m3h=80.0,
        shut_m3h=15.0,
        heated_to_c=20.0,
        surface_colder_by_k=6.0,
        surface_m2=2.0,
        buffer_g_per_pct=15.0,
        buffer_g_per_h_pct=8.0,
    ),
    "living": Room(
        volume_m3=60.0,
        air_changes_per_h=0.5,
        open_m3h=0.0,
        shut_m3h=0.0,
        heated_to_c=21.0,
        surface_colder_by_k=6.0,
        surface_m2=4.0,
        buffer_g_per_pct=60.0,
        buffer_g_per_h_pct=30.0,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Habit:
    """What one activity gives off an hour, and what it does to window and door.

    steam: vapour from wet surfaces into dry air; the wetter the air, the less of it. splash: water left on surfaces.
    """

    vapour_g: float = 0.0
    steam_g: float = 0.0
    splash_g: float = 0.0
    heat_k: float = 0.0
    co2_litres: float = 0.0
    dust_ug: float = 0.0
    voc_ug: float = 0.0
    air_changes: float = 0.0
    shuts_door: bool = False


HABITS = {
    "asleep": Habit(vapour_g=35.0, heat_k=0.15, co2_litres=12.5, voc_ug=1200.0, shuts_door=True),
    "awake": Habit(vapour_g=55.0, heat_k=0.2, co2_litres=18.0, voc_ug=2000.0),
    "shower": Habit(steam_g=2800.0, splash_g=320.0, heat_k=9.0, voc_ug=9000.0, shuts_door=True),
    "washing": Habit(vapour_g=55.0, heat_k=0.2, co2_litres=18.0, voc_ug=2000.0, shuts_door=True),
    "cooking": Habit(vapour_g=900.0, heat_k=2.5, co2_litres=30.0, dust_ug=6000.0, voc_ug=45000.0),
    "laundry": Habit(vapour_g=180.0),
    "airing": Habit(air_changes=5.0),
}


@dataclass(frozen=True, kw_only=True)
class Season:
    """Outdoor air: mean and half the daily swing of the temperature, mean dew point (all in C), dust in ug/m3."""

    mean_c: float
    swing_c: float
    dew_c: float
    dust_ugm3: float


SEASONS = {
    "winter": Season(mean_c=5.0, swing_c=3.0, dew_c=2.5, dust_ugm3=14.0),
    "spring": Season(mean_c=11.0, swing_c=5.0, dew_c=6.0, dust_ugm3=9.0),
    "summer": Season(mean_c=23.0, swing_c=6.0, dew_c=14.0, dust_ugm3=7.0),
    "autumn": Season(mean_c=11.0, swing_c=4.0, dew_c=8.5, dust_ugm3=10.0),
}


@dataclass(frozen=True, kw_only=True)
class Activity:
    """One habit in one room; hours of its day (0..24)."""

    habit: str
    room: str
    start_h: float
    end_h: float


@dataclass(frozen=True, kw_only=True)
class _State:
    """One room at one step: air, the moisture its surfaces are in balance with (%), and water lying on them (g)."""

    temperature_c: float
    vapour_gm3: float
    co2_ppm: float
    dust_ugm3: float
    voc_ugm3: float
    buffer_pct: float
    film_g: float


class Home:
    """A home whose days are numbered from the one that holds `start` (us since 1970, world time, UTC = local time).

    `air` may be asked in any order within the last two simulated hours; earlier raises ValueError. The first
    question costs the simulation of the day before `start`, so that buffers and CO2 are in balance.
    """

    def __init__(self, *, seed: str, start: int, season: str = "winter", people: int = 2) -> None:
        self._seed = seed
        self._season = SEASONS[season]
        self._people = people
        self._midnight = start - start % _DAY_US
        self._step = -_WARM_UP_DAYS * _DAY_US // _STEP_US
        self._plan: tuple[int, tuple[Activity, ...]] = (0, plan(seed, 0, people))
        self._kept: deque[dict[str, _State]] = deque([self._begin()], maxlen=_KEPT_STEPS)

    @property
    def rooms(self) -> tuple[str, ...]:
        return (*ROOMS, OUTDOORS)

    def air(self, room: str, at: int) -> Air:
        """Linear between the steps of 10 s."""
        if room == OUTDOORS:
            return weather(self._seed, self._season, (at - self._midnight) / _DAY_US)
        before, within = divmod(at - self._midnight, _STEP_US)
        earlier, later = self._at(before)[room], self._at(before + 1)[room]
        return _between(_air(earlier), _air(later), within / _STEP_US)

    def _at(self, step: int) -> dict[str, _State]:
        while self._step < step:
            self._advance()
        behind = self._step - step
        if behind >= len(self._kept):
            raise ValueError(
                f"this simulated home has moved on: it keeps {_KEPT_STEPS * STEP_S} s, not {behind * STEP_S} s"
            )
        return self._kept[-1 - behind]

    def _begin(self) -> dict[str, _State]:
        outside = weather(self._seed, self._season, -float(_WARM_UP_DAYS))
        vapour = 1.3 * vapour_density_gm3(outside.temperature_c, outside.humidity_pct)
        return {name: _settled(room, vapour) for name, room in ROOMS.items()}

    def _advance(self) -> None:
        self._step += 1
        hour = self._step * _STEP_H
        day, hour = math.floor(hour / 24.0), hour % 24.0
        if self._plan[0] != day:
            self._plan = (day, plan(self._seed, day, self._people))
        outside = weather(self._seed, self._season, day + hour / 24.0)
        going_on = _going_on(tuple(one for one in self._plan[1] if one.start_h <= hour < one.end_h))
        states = self._kept[-1]
        self._kept.append({name: _next(name, states, going_on, outside, hour) for name in ROOMS})


def weather(seed: str, season: Season, day: float) -> Air:
    """Outdoor air at `day` (days since the home's first midnight): coldest at 4 h, warmest at 16 h."""
    mild, damp = (_drift(seed, name, day) for name in ("mild", "damp"))
    temperature = season.mean_c + 2.0 * mild - season.swing_c * math.cos(2.0 * math.pi * (day % 1.0 - 4.0 / 24.0))
    dew = min(temperature - 0.3, season.dew_c + 1.5 * mild + damp)
    humidity = 100.0 * saturation_pressure_pa(dew) / saturation_pressure_pa(temperature)
    return Air(
        temperature_c=temperature,
        humidity_pct=humidity,
        co2_ppm=OUTDOOR_CO2_PPM,
        pm25_ugm3=season.dust_ugm3,
        voc_ugm3=_VOC_OUTDOORS_UGM3,
    )


def plan(seed: str, day: int, people: int) -> tuple[Activity, ...]:
    """One day's activities. Showers come one after the other; each is long, and nobody airs the bathroom."""
    rng = random.Random(f"{seed}/day {day}")
    wake = 6.4 + rng.uniform(-0.2, 0.2)
    bed = 22.6 + rng.uniform(-0.3, 0.4)
    free = wake + 0.2
    found: list[Activity] = []
    for _ in range(people):
        length = rng.uniform(14.0, 21.0) / 60.0
        found += _person(rng, wake, bed, free, free + length)
        free += length + rng.uniform(0.05, 0.15)
    return (*found, *_kitchen(rng, wake), *_household(rng))


def _person(rng: random.Random, wake: float, bed: float, wet: float, dry: float) -> list[Activity]:
    leaves, returns = 8.2 + rng.uniform(-0.2, 0.3), 17.4 + rng.uniform(-0.5, 0.8)
    return [
        Activity(habit="asleep", room="bedroom", start_h=0.0, end_h=wake),
        Activity(habit="awake", room="bedroom", start_h=wake, end_h=wet),
        Activity(habit="washing", room="bathroom", start_h=wet, end_h=dry),
        Activity(habit="shower", room="bathroom", start_h=wet + 0.02, end_h=dry - 0.02),
        Activity(habit="awake", room="kitchen", start_h=dry, end_h=leaves),
        Activity(habit="awake", room="kitchen", start_h=returns + 0.8, end_h=returns + 1.8),
        Activity(habit="awake", room="living", start_h=returns, end_h=returns + 0.8),
        Activity(habit="awake", room="living", start_h=returns + 1.8, end_h=bed),
        Activity(habit="asleep", room="bedroom", start_h=bed, end_h=24.0),
    ]


def _kitchen(rng: random.Random, wake: float) -> list[Activity]:
    dinner = 18.6 + rng.uniform(-0.4, 0.6)
    return [
        Activity(habit="cooking", room="kitchen", start_h=wake + 1.0, end_h=wake + 1.15),
        Activity(habit="cooking", room="kitchen", start_h=dinner, end_h=dinner + rng.uniform(0.5, 0.9)),
    ]


def _household(rng: random.Random) -> list[Activity]:
    """Most mornings the bedroom is aired; every third day laundry dries in the living room."""
    found = []
    if rng.random() < 0.7:
        found.append(Activity(habit="airing", room="bedroom", start_h=8.0, end_h=8.0 + rng.uniform(0.1, 0.3)))
    if rng.random() < 0.35:
        found.append(Activity(habit="laundry", room="living", start_h=9.0, end_h=19.0))
    return found


def _drift(seed: str, name: str, day: float) -> float:
    """Slow change from day to day: one normal draw a midnight, smoothly joined."""
    whole = math.floor(day)
    before, after = (_draw(f"{seed}/{name} {one}") for one in (whole, whole + 1))
    share = 0.5 - 0.5 * math.cos(math.pi * (day - whole))
    return before + (after - before) * share


@lru_cache(maxsize=64)
def _draw(seed: str) -> float:
    return random.Random(seed).gauss(0.0, 1.0)


def _settled(room: Room, vapour: float) -> _State:
    humidity = min(95.0, relative_humidity_pct(room.heated_to_c, vapour))
    return _State(
        temperature_c=room.heated_to_c,
        vapour_gm3=vapour_density_gm3(room.heated_to_c, humidity),
        co2_ppm=600.0,
        dust_ugm3=8.0,
        voc_ugm3=USUAL_VOC_UGM3,
        buffer_pct=humidity,
        film_g=0.0,
    )


@dataclass(frozen=True, kw_only=True)
class _GoingOn:
    """All that goes on in the home at a moment: what each room is given, and its exchange with the core (m3/h)."""

    given: Mapping[str, Habit]
    exchange: Mapping[str, float]


@lru_cache(maxsize=64)
def _going_on(running: tuple[Activity, ...]) -> _GoingOn:
    given = {name: _added(HABITS[one.habit] for one in running if one.room == name) for name in ROOMS}
    return _GoingOn(
        given=given,
        exchange={name: room.shut_m3h if given[name].shuts_door else room.open_m3h for name, room in ROOMS.items()},
    )


def _added(habits: Iterable[Habit]) -> Habit:
    """Several habits in one room as one."""
    total = Habit()
    for habit in habits:
        sums = {one.name: getattr(total, one.name) + getattr(habit, one.name) for one in fields(Habit)}
        total = Habit(**{**sums, "shuts_door": total.shuts_door or habit.shuts_door})
    return total


def _next(name: str, states: dict[str, _State], going_on: _GoingOn, outside: Air, hour: float) -> _State:
    """One step of one room; the core exchanges with every other room, the others with the core alone."""
    room, state, given, exchange = ROOMS[name], states[name], going_on.given[name], going_on.exchange
    changes = room.air_changes_per_h + given.air_changes
    partners = [(_CORE, exchange[name])] if name != _CORE else [(one, exchange[one]) for one in ROOMS if one != _CORE]
    through = [(states[one], flow / room.volume_m3) for one, flow in partners]
    moved = _State(
        temperature_c=state.temperature_c + _warmer(room, state, given, outside, hour) * _STEP_H,
        vapour_gm3=state.vapour_gm3 + _vapour(room, state, given, changes, outside, through) * _STEP_H,
        co2_ppm=state.co2_ppm + _co2(room, state, given, changes, through) * _STEP_H,
        dust_ugm3=state.dust_ugm3 + _dust(room, state, given, changes, outside, through) * _STEP_H,
        voc_ugm3=state.voc_ugm3 + _voc(room, state, given, changes, through) * _STEP_H,
        buffer_pct=state.buffer_pct,
        film_g=state.film_g + given.splash_g * _STEP_H,
    )
    return _wet(room, moved)


def _vapour(
    room: Room, state: _State, given: Habit, changes: float, outside: Air, through: list[tuple[_State, float]]
) -> float:
    """g/m3 an hour from people, wet surfaces, outdoors and the other rooms."""
    outdoor = vapour_density_gm3(outside.temperature_c, outside.humidity_pct)
    rate = (given.vapour_g + _steam(state, given)) / room.volume_m3 + changes * (outdoor - state.vapour_gm3)
    return rate + sum(flow * (other.vapour_gm3 - state.vapour_gm3) for other, flow in through)


def _steam(state: _State, given: Habit) -> float:
    """Grams an hour that the air still takes up from what a shower wets."""
    humidity = relative_humidity_pct(state.temperature_c, state.vapour_gm3)
    return given.steam_g * max(0.0, 1.0 - humidity / 100.0)


def _warmer(room: Room, state: _State, given: Habit, outside: Air, hour: float) -> float:
    """K an hour: heating pulls toward its set point (2 K lower at night), an open window toward outdoors."""
    aim = room.heated_to_c - (2.0 if hour < 5.5 or hour > 22.5 else 0.0)
    aim = max(aim, outside.temperature_c)  # heated, never cooled
    window = 0.25 * given.air_changes * (outside.temperature_c - state.temperature_c)
    return (aim - state.temperature_c) / 2.5 + given.heat_k + window


def _co2(room: Room, state: _State, given: Habit, changes: float, through: list[tuple[_State, float]]) -> float:
    """ppm an hour: one litre in one m3 is 1,000 ppm."""
    rate = 1000.0 * given.co2_litres / room.volume_m3 + changes * (OUTDOOR_CO2_PPM - state.co2_ppm)
    return rate + sum(flow * (other.co2_ppm - state.co2_ppm) for other, flow in through)


def _dust(
    room: Room, state: _State, given: Habit, changes: float, outside: Air, through: list[tuple[_State, float]]
) -> float:
    """ug/m3 an hour: half of the outdoor dust stays in the cracks, the rest settles slowly."""
    outdoor = 0.5 * (outside.pm25_ugm3 or 0.0)
    rate = given.dust_ug / room.volume_m3 + changes * (outdoor - state.dust_ugm3)
    rate -= _DUST_SETTLES_PER_H * state.dust_ugm3
    return rate + sum(flow * (other.dust_ugm3 - state.dust_ugm3) for other, flow in through)


def _voc(room: Room, state: _State, given: Habit, changes: float, through: list[tuple[_State, float]]) -> float:
    """ug/m3 an hour of organic vapours: the room itself, people, soap and cooking, thinned by exchange."""
    rate = _VOC_OF_ROOM_UGM3H + given.voc_ug / room.volume_m3 + changes * (_VOC_OUTDOORS_UGM3 - state.voc_ugm3)
    return rate + sum(flow * (other.voc_ugm3 - state.voc_ugm3) for other, flow in through)


def _wet(room: Room, state: _State) -> _State:
    """Share the room's water between air, surfaces' buffer and film; no gram is made or lost here."""
    air_g = state.vapour_gm3 * room.volume_m3
    humidity = relative_humidity_pct(state.temperature_c, state.vapour_gm3)
    absorbed = room.buffer_g_per_h_pct * (humidity - state.buffer_pct) * _STEP_H
    condensed = max(-state.film_g, _condensing(room, state))
    most_g = saturation_density_gm3(state.temperature_c) * room.volume_m3
    fog = max(0.0, air_g - absorbed - condensed - most_g)
    return _State(
        temperature_c=state.temperature_c,
        vapour_gm3=(air_g - absorbed - condensed - fog) / room.volume_m3,
        co2_ppm=state.co2_ppm,
        dust_ugm3=state.dust_ugm3,
        voc_ugm3=state.voc_ugm3,
        buffer_pct=state.buffer_pct + absorbed / room.buffer_g_per_pct,
        film_g=state.film_g + condensed + fog,
    )


def _condensing(room: Room, state: _State) -> float:
    """Grams a step onto the coldest surface; negative where it dries, the slower the less of it is still wet."""
    surface = saturation_density_gm3(state.temperature_c - room.surface_colder_by_k)
    driven = _CONDENSING_M_PER_H * room.surface_m2 * (state.vapour_gm3 - surface) * _STEP_H
    wet = min(1.0, state.film_g / (_COVERS_G_PER_M2 * room.surface_m2))
    return driven if driven > 0.0 else driven * wet


def _air(state: _State) -> Air:
    return Air(
        temperature_c=state.temperature_c,
        humidity_pct=min(100.0, relative_humidity_pct(state.temperature_c, state.vapour_gm3)),
        co2_ppm=state.co2_ppm,
        pm25_ugm3=state.dust_ugm3,
        voc_ugm3=state.voc_ugm3,
    )


def _between(one: Air, other: Air, share: float) -> Air:
    def mix(before: float | None, after: float | None) -> float:
        return (before or 0.0) + ((after or 0.0) - (before or 0.0)) * share

    return Air(
        temperature_c=mix(one.temperature_c, other.temperature_c),
        humidity_pct=mix(one.humidity_pct, other.humidity_pct),
        co2_ppm=mix(one.co2_ppm, other.co2_ppm),
        pm25_ugm3=mix(one.pm25_ugm3, other.pm25_ugm3),
        voc_ugm3=mix(one.voc_ugm3, other.voc_ugm3),
    )
