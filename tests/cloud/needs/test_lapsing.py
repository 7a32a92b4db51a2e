"""Episodes of the weather and of wearables whose source falls silent: they end max_gap after the last that was told,
and stand again with what is told later."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cloud.needs.stage import (
    AREA,
    HOUR,
    MINUTE,
    agree,
    episodes,
    furnish,
    pass_time,
    pushes,
    room,
    turn,
    wear,
    weather,
)
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import tables
from aircue_cloud.layers import rebuilding
from aircue_cloud.weather.errors import WeatherError
from aircue_cloud.weather.file import FileProvider
from aircue_cloud.weather.outdoor import Hour
from aircue_cloud.weather.provider import Provider
from aircue_cloud.weather.refreshing import Refresh

WET: dict[str, Any] = {"condition": "rain"}
MAX_GAP = timedelta(hours=3)  # of rain


@pytest.fixture
def home(cloud: Cloud) -> Cloud:
    return furnish(cloud)


def rain(cloud: Cloud) -> tuple[bool, datetime | None, bool]:
    """Of the one episode: whether it is open, when it ended, and whether it never was."""
    [found] = episodes(cloud, "rain")
    return found["open"], found["ended_at"], found["withdrawn"]


def ask(cloud: Cloud, source: Provider) -> None:
    Refresh(engine=cloud.engine, now=cloud.clock, jitter=lambda: 0.0, progress=str).run([source], 2)


class Silent:
    """A source that answered until an instant."""

    source, changes = "open-meteo-forecast", HOUR

    def __init__(self, clock: Callable[[], datetime], until: datetime) -> None:
        self._clock, self._until = clock, until

    def days(self, today: date, back: int) -> tuple[date, date] | None:
        return today - timedelta(days=back), today

    def hours(self, area: str, _first: date, _last: date) -> list[Hour]:
        if self._clock() > self._until:
            raise WeatherError("the source does not answer")
        hours = [NOW - HOUR, NOW]
        return [Hour(area=area, hour=hour, temperature=15.0, humidity=60.0, condition=condition)
                for hour, condition in zip(hours, ("clear", "rain"), strict=True)]  # fmt: skip


def a_file(cloud: Cloud, folder: Path) -> Provider:
    path = folder / "weather.csv"
    rows = [f'"{AREA}",{hour.isoformat()},{said}' for hour, said in ((NOW - HOUR, "clear"), (NOW, "rain"))]
    path.write_text("\n".join(["area,hour,condition", *rows]) + "\n")
    return FileProvider(path=path)


def one_that_stops_answering(cloud: Cloud, _folder: Path) -> Provider:
    return Silent(cloud.clock, NOW)


@pytest.mark.parametrize("source", [a_file, one_that_stops_answering])
def test_rain_of_which_nobody_tells_any_more_ends(
    home: Cloud, tmp_path: Path, source: Callable[[Cloud, Path], Provider]
) -> None:
    told = source(home, tmp_path)
    ask(home, told)
    assert [push.need for push in turn(home)] == ["rain"]
    pass_time(home, MAX_GAP)
    ask(home, told)
    turn(home)
    assert rain(home) == (True, None, False)
    pass_time(home, HOUR)
    ask(home, told)
    turn(home)
    assert rain(home) == (False, NOW + MAX_GAP, False)
    pass_time(home, timedelta(days=30))
    turn(home)
    assert rain(home) == (False, NOW + MAX_GAP, False)
    assert len(pushes(home)) == 1


def test_what_is_told_later_lets_it_stand_again_as_the_same_episode(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET})
    turn(home)
    [before] = episodes(home, "rain")
    pass_time(home, 5 * HOUR)
    turn(home)
    assert rain(home) == (False, NOW + MAX_GAP, False)
    weather(home, dict.fromkeys((-4, -3, -2, -1, 0), WET))
    assert turn(home) == []
    assert [(one["id"], one["open"], one["ended_at"]) for one in episodes(home, "rain")] == [(before["id"], True, None)]
    pass_time(home, 2 * HOUR)
    weather(home, {-1: {}, 0: {}})
    turn(home)
    assert rain(home) == (False, NOW + 7 * HOUR, False)
    assert len(pushes(home)) == 1


def test_what_is_told_later_may_end_it_earlier(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET})
    turn(home)
    pass_time(home, 5 * HOUR)
    turn(home)
    weather(home, {-4: {}, -3: {}})
    turn(home)
    assert rain(home) == (False, NOW + 2 * HOUR, False)


def test_one_that_has_ended_never_was_where_it_turns_out_that_no_hour_was_wet(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET})
    turn(home)
    pass_time(home, 2 * HOUR)
    weather(home, {-1: {}, 0: {}})
    turn(home)
    assert rain(home) == (False, NOW + 2 * HOUR, False)
    weather(home, {-2: {}})
    turn(home)
    assert rain(home) == (False, NOW + 2 * HOUR, True)


def test_it_ends_the_same_when_everything_is_derived_anew(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET})
    turn(home)
    pass_time(home, 5 * HOUR)
    turn(home)
    before = episodes(home, "rain")
    rebuilding.from_middle(home.layers, home.clock, lambda _: None)
    turn(home)
    assert episodes(home, "rain") == before


def test_it_ends_though_nobody_looked_for_weeks(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET})
    turn(home)
    pass_time(home, timedelta(days=20))
    turn(home)
    assert rain(home) == (False, NOW + MAX_GAP, False)


def test_what_has_ended_so_is_not_told_of_again_every_hour(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET})
    turn(home)
    pass_time(home, 5 * HOUR)
    turn(home)
    before = home.rows(tables.feed)
    for _ in range(3):
        pass_time(home, HOUR)
        turn(home)
    assert home.rows(tables.feed) == before


def test_a_need_of_a_room_waits_for_what_its_node_may_still_hold(home: Cloud) -> None:
    assert home.post(room({"humidity": [60.0] * 20 + [85.0] * 20}, first=NOW - 40 * MINUTE)).status_code == 200
    pass_time(home, timedelta(days=1))
    turn(home)
    assert [one["open"] for one in episodes(home, "damp-air")] == [True]


def test_an_episode_of_a_wearable_ends_with_the_word_for_it(home: Cloud) -> None:
    heat(home)
    agree(home, "activity", granted=False)
    assert [one["open"] for one in episodes(home, "sun")] == [True]
    agree(home, "ambient", granted=False)
    assert [(one["open"], one["ended_at"]) for one in episodes(home, "sun")] == [(False, NOW)]


@pytest.mark.parametrize("days", [0, 9])
def test_a_wearable_that_falls_silent_ends_its_episode(home: Cloud, days: int) -> None:
    """days: for which nobody looked."""
    heat(home)
    [episode] = episodes(home, "sun")
    max_gap = timedelta(seconds=home.layers.needs.by_name["sun"].rule.max_gap_s)
    pass_time(home, max_gap + MINUTE + timedelta(days=days))
    turn(home)
    [after] = episodes(home, "sun")
    assert (episode["open"], after["open"], after["ended_at"]) == (True, False, NOW + max_gap)


def heat(cloud: Cloud) -> None:
    """Around somebody, up to now."""
    weather(cloud, {-1: {}, 0: {"temperature": 28.5}})
    wear(cloud, "ambient-temperature", {-17: 22.0} | {n - 16: 31.0 for n in range(17)})
