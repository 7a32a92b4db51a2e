"""The simulated home is plausible, repeatable, and gives what a winter morning must give."""

import random
from dataclasses import replace

import pytest

from aircue_hil import homes
from aircue_hil.air import first_above, relative_humidity_pct, vapour_density_gm3
from aircue_hil.homes import HABITS, ROOMS, SEASONS, Home

MIDNIGHT = 1_768_348_800_000_000  # 2026-01-14T00:00Z
MINUTE = 60_000_000
HOUR = 60 * MINUTE
SEEDS = ("1/flat", "2/flat", "3/flat", "4/flat")


def course(home: Home, room: str, quantity: str, hours: float) -> list[float]:
    moments = range(MIDNIGHT, MIDNIGHT + round(hours * HOUR), MINUTE)
    return [float(getattr(home.air(room, at), quantity)) for at in moments]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_winter_morning_leaves_the_bathroom_over_80_for_more_than_half_an_hour(seed: str) -> None:
    home = Home(seed=seed, start=MIDNIGHT)
    since = first_above(
        lambda at: home.air("bathroom", at).humidity_pct,
        threshold=80.0,
        for_s=31 * 60,
        start=MIDNIGHT + 6 * HOUR,
        end=MIDNIGHT + 9 * HOUR,
    )
    assert since is not None


@pytest.mark.parametrize("seed", SEEDS)
def test_two_sleepers_leave_the_bedroom_over_1400_ppm(seed: str) -> None:
    night = course(Home(seed=seed, start=MIDNIGHT), "bedroom", "co2_ppm", 6.0)
    assert 1400.0 < max(night) < 4000.0


@pytest.mark.parametrize("season", SEASONS)
def test_humidity_stays_within_0_to_100_and_temperatures_are_those_of_a_home(season: str) -> None:
    home = Home(seed="1/flat", start=MIDNIGHT, season=season)
    for hour in range(24):
        for room in ROOMS:
            air = home.air(room, MIDNIGHT + hour * HOUR)
            assert 0.0 <= air.humidity_pct <= 100.0
            assert 10.0 <= air.temperature_c <= 35.0
            assert air.co2_ppm is not None
            assert air.co2_ppm >= 400.0


def test_the_same_seed_is_the_same_day_and_another_seed_another() -> None:
    one, same, other = (Home(seed=seed, start=MIDNIGHT) for seed in ("1/flat", "1/flat", "2/flat"))
    days = [course(home, "bathroom", "humidity_pct", 8.0) for home in (one, same, other)]
    assert days[0] == days[1]
    assert days[0] != days[2]


def test_a_whole_day_shift_of_the_start_keeps_the_day() -> None:
    later = Home(seed="1/flat", start=MIDNIGHT + 37 * 24 * HOUR)
    now = Home(seed="1/flat", start=MIDNIGHT)
    assert later.air("bathroom", MIDNIGHT + 37 * 24 * HOUR + 7 * HOUR) == now.air("bathroom", MIDNIGHT + 7 * HOUR)


def test_an_empty_home_comes_to_the_moisture_of_outdoors() -> None:
    home = Home(seed="1/flat", start=MIDNIGHT, people=0)
    at = MIDNIGHT + 17 * HOUR
    inside, outside = home.air("living", at), home.air("outdoors", at)
    assert inside.co2_ppm == pytest.approx(422.0, abs=30.0)
    indoors_gm3 = vapour_density_gm3(inside.temperature_c, inside.humidity_pct)
    assert indoors_gm3 == pytest.approx(vapour_density_gm3(outside.temperature_c, outside.humidity_pct), abs=2.5)


def test_no_gram_of_water_is_made_or_lost_between_air_buffer_and_film() -> None:
    rng = random.Random(1)
    room = ROOMS["bathroom"]
    state = homes._settled(room, 9.0)
    for _ in range(2000):
        before = water_g(room, state)
        gained = rng.uniform(-0.1, 0.3)
        state = homes._wet(room, replace(state, vapour_gm3=state.vapour_gm3 + gained))
        assert water_g(room, state) == pytest.approx(before + gained * room.volume_m3, abs=1e-6)
        assert state.film_g >= 0.0
        assert relative_humidity_pct(state.temperature_c, state.vapour_gm3) <= 100.0 + 1e-9


def water_g(room: homes.Room, state: homes._State) -> float:
    return state.vapour_gm3 * room.volume_m3 + state.buffer_pct * room.buffer_g_per_pct + state.film_g


def test_a_home_that_has_moved_on_says_so() -> None:
    home = Home(seed="1/flat", start=MIDNIGHT)
    home.air("living", MIDNIGHT + 5 * HOUR)
    with pytest.raises(ValueError, match="moved on"):
        home.air("living", MIDNIGHT)


def test_every_planned_activity_is_a_known_habit_in_a_known_room() -> None:
    for day in range(60):
        for activity in homes.plan("seed", day, 2):
            assert activity.habit in HABITS
            assert activity.room in ROOMS
            assert 0.0 <= activity.start_h < activity.end_h <= 24.0
