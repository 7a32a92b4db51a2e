"""The weather outdoors: what sources say, what holds of an hour, and how seldom sources are asked."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from tests.cloud.stage import NOW, Clock, Cloud

from aircue_cloud import db, tables
from aircue_cloud.app import create_app
from aircue_cloud.config import load
from aircue_cloud.errors import SettingsError
from aircue_cloud.routes.services import services
from aircue_cloud.weather import open_meteo, outdoor, refreshing
from aircue_cloud.weather.errors import Limited, WeatherError
from aircue_cloud.weather.file import FileProvider
from aircue_cloud.weather.outdoor import CONDITIONS, SOURCES, Hour
from aircue_cloud.weather.refreshing import Refresh, Refreshed
from aircue_cloud.weather.upkeep import WeatherUpkeep

BERLIN = "52.5,13.4"
DAY = date(2026, 11, 20)


def answer(first: datetime = datetime(2026, 11, 21, tzinfo=UTC), hours: int = 24, **more: Any) -> dict[str, Any]:
    """As Open-Meteo documents it."""
    times = [int(first.timestamp()) + 3600 * number for number in range(hours)]
    hourly = {
        "time": times,
        "temperature_2m": [4.5] * hours,
        "relative_humidity_2m": [81] * hours,
        "weather_code": [61] * hours,
    }
    return {
        "latitude": 52.52,
        "longitude": 13.419998,
        "generationtime_ms": 0.07,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        "timezone_abbreviation": "GMT",
        "elevation": 38.0,
        "hourly_units": {
            "time": "unixtime",
            "temperature_2m": "°C",
            "relative_humidity_2m": "%",
            "weather_code": "wmo code",
        },
        "hourly": hourly | more,
    }


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


@dataclass
class OpenMeteoServer:
    """A local server that speaks Open-Meteo's format. replies: what to answer, in order; then the usual."""

    replies: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def reply(self, query: str) -> tuple[int, bytes, dict[str, str]]:
        said = {name: values[0] for name, values in parse_qs(query).items()}
        self.asked.append(said)
        if self.replies:
            return self.replies.pop(0)
        first = datetime.fromisoformat(said["start_date"]).replace(tzinfo=UTC)
        days = (date.fromisoformat(said["end_date"]) - date.fromisoformat(said["start_date"])).days + 1
        return 200, encoded(answer(first, 24 * days)), {}


@pytest.fixture
def server() -> Iterator[OpenMeteoServer]:
    known = OpenMeteoServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, data, headers = known.reply(urlsplit(self.path).query)
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    known.url = f"http://127.0.0.1:{http.server_port}/v1/any"
    yield known
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    pool = urllib3.PoolManager()
    yield pool
    pool.clear()


def refresh(cloud: Cloud, clock: Clock, said: list[str] | None = None, most: int = 500) -> Refresh:
    lines = [] if said is None else said
    return Refresh(engine=cloud.engine, now=clock, jitter=lambda: 0.0, progress=lines.append, most=most)


def place(cloud: Cloud, *areas: str) -> None:
    cloud.add(tables.sites, *({"id": f"site-{area}", "tz": "UTC", "area": area} for area in areas))


def test_an_answer_becomes_hours_and_what_is_not_known_is_left_out() -> None:
    document = answer(
        hours=3, temperature_2m=[4.5, None, None], relative_humidity_2m=[81, 80, None], weather_code=[61, 999, None]
    )
    first = datetime(2026, 11, 21, tzinfo=UTC)
    assert open_meteo.parse(encoded(document), BERLIN) == [
        Hour(area=BERLIN, hour=first, temperature=4.5, humidity=81, condition="rain"),
        Hour(area=BERLIN, hour=first + timedelta(hours=1), temperature=None, humidity=80, condition=None),
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<html>", "malformed"),
        (encoded({"hourly": {}}), "missing required field"),
        (encoded(answer(hours=2, weather_code=[1])), "different lengths"),
        (encoded(answer(hours=1, temperature_2m=["warm"])), "Expected"),
        (encoded(answer(hours=1, temperature_2m=[451.0])), "no weather has"),
        (encoded(answer(hours=1, relative_humidity_2m=[101])), "no air has"),
        (encoded(answer(hours=1, time=[1763683201])), "no full hours"),
        (encoded(answer(hours=2, time=[7200, 3600])), "do not grow"),
        (encoded(answer() | {"hourly_units": {"time": "iso8601"}}), "units"),
        (encoded(answer() | {"hourly_units": answer()["hourly_units"] | {"temperature_2m": "°F"}}), "units"),
    ],
)
def test_an_answer_that_is_none_is_told_and_kept_out(data: bytes, said: str) -> None:
    with pytest.raises(WeatherError, match=said):
        open_meteo.parse(data, BERLIN)


@pytest.mark.parametrize(
    ("reason", "header", "wait_s"),
    [
        ("Minutely API request limit exceeded. Please try again in one minute.", None, 60),
        ("Hourly API request limit exceeded. Please try again in the next hour.", None, 3600),
        ("Daily API request limit exceeded. Please try again tomorrow.", None, 86_400),
        ("Too many concurrent requests", None, 60),
        ("Too many concurrent requests", "7", 7),
        ("Too many concurrent requests", "Wed, 21 Oct 2026 07:28:00 GMT", 60),
    ],
)
def test_a_source_that_wants_fewer_requests_says_for_how_long(reason: str, header: str | None, wait_s: float) -> None:
    error = open_meteo.refusal(429, encoded({"error": True, "reason": reason}), header)
    assert isinstance(error, Limited)
    assert error.retry_s == wait_s


def test_the_weather_of_every_area_is_asked_for_once_and_stored(
    cloud: Cloud, server: OpenMeteoServer, http: urllib3.PoolManager
) -> None:
    place(cloud, BERLIN, "-33.9,151.2")
    done = refresh(cloud, cloud.clock).run([open_meteo.forecast(http, server.url)], 30)
    assert done == Refreshed(asked=2, hours=2 * 9 * 24)
    assert server.asked[1] == {
        "latitude": "52.5",
        "longitude": "13.4",
        "hourly": "temperature_2m,relative_humidity_2m,weather_code",
        "start_date": "2026-11-20",
        "end_date": "2026-11-28",
        "timeformat": "unixtime",
        "timezone": "GMT",
    }
    found = cloud.get(f"sites/site-{BERLIN}/outdoor")
    assert (found["temperature"], found["humidity"], found["condition"]) == (4.5, 81.0, "rain")
    assert (found["hour"], found["source"]) == ("2026-11-21T12:00:00Z", "open-meteo-forecast")


def test_nothing_is_asked_again_before_it_can_have_changed(
    cloud: Cloud, server: OpenMeteoServer, http: urllib3.PoolManager
) -> None:
    place(cloud, BERLIN)
    sources = [open_meteo.forecast(http, server.url), open_meteo.archive(http, server.url)]
    requests = []
    for minutes in (0, 59, 60, 24 * 60 - 1, 24 * 60):
        clock = Clock(NOW + timedelta(minutes=minutes))
        requests.append(refresh(cloud, clock).run(sources, 30).asked)
    assert requests == [2, 0, 1, 1, 1]


def test_the_archive_is_not_asked_for_days_it_does_not_have_yet(
    cloud: Cloud, server: OpenMeteoServer, http: urllib3.PoolManager
) -> None:
    place(cloud, BERLIN)
    assert refresh(cloud, cloud.clock).run([open_meteo.archive(http, server.url)], 5).asked == 0
    refresh(cloud, cloud.clock).run([open_meteo.archive(http, server.url)], 30)
    assert (server.asked[0]["start_date"], server.asked[0]["end_date"]) == ("2026-10-22", "2026-11-15")


def test_two_that_refresh_at_once_ask_once(cloud: Cloud, server: OpenMeteoServer, http: urllib3.PoolManager) -> None:
    place(cloud, BERLIN)
    source = open_meteo.forecast(http, server.url)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: refresh(cloud, cloud.clock).run([source], 0), range(4)))
    assert sum(one.asked for one in done) == len(server.asked) == 1


LIMITED = (429, encoded({"error": True, "reason": "Hourly API request limit exceeded. Please try again."}), {})


def test_a_source_that_wants_fewer_requests_is_left_alone_by_all(
    cloud: Cloud, server: OpenMeteoServer, http: urllib3.PoolManager
) -> None:
    place(cloud, BERLIN, "-33.9,151.2", "0.0,0.0")
    source = open_meteo.forecast(http, server.url)
    server.replies = [LIMITED]
    said: list[str] = []
    assert refresh(cloud, cloud.clock, said).run([source], 0) == Refreshed(asked=1, failed=1)
    assert "wants fewer requests" in said[0]
    assert refresh(cloud, Clock(NOW + timedelta(minutes=59)), said).run([source], 0) == Refreshed()
    assert refresh(cloud, Clock(NOW + timedelta(minutes=61)), said).run([source], 0).failed == 0
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((500, b"", {}), "failed with status 500"),
        ((400, encoded({"error": True, "reason": "No such variable"}), {}), "No such variable"),
        ((302, b"", {"Location": "http://169.254.169.254/"}), "status 302"),
        ((200, b'{"hourly"', {}), "never documents"),
        ((200, b" " * (4 * 1024 * 1024 + 1), {}), "more than"),
    ],
)
def test_a_source_that_fails_is_asked_again_after_a_wait_that_doubles(
    cloud: Cloud, server: OpenMeteoServer, http: urllib3.PoolManager, reply: Any, said: str
) -> None:
    place(cloud, BERLIN)
    source = open_meteo.forecast(http, server.url)
    server.replies = [reply] * 3
    lines: list[str] = []
    for seconds, asked in ((0, 1), (59, 0), (60, 1), (179, 0), (180, 1), (180 + 239, 0), (180 + 240, 1)):
        clock = Clock(NOW + timedelta(seconds=seconds))
        assert refresh(cloud, clock, lines).run([source], 0).asked == asked
    assert said in lines[0]
    (row,) = cloud.rows(tables.weather_requests)
    assert (row["failures"], row["error"]) == (0, None)


def test_a_source_that_cannot_be_reached_is_a_failure_and_no_more(
    cloud: Cloud, free_port: int, http: urllib3.PoolManager
) -> None:
    place(cloud, BERLIN)
    source = open_meteo.forecast(http, f"http://127.0.0.1:{free_port}/v1/forecast")
    assert refresh(cloud, cloud.clock).run([source], 0) == Refreshed(asked=1, failed=1)


def test_a_run_makes_so_many_requests_at_most(cloud: Cloud, server: OpenMeteoServer, http: urllib3.PoolManager) -> None:
    place(cloud, "1.0,1.0", "2.0,2.0", "3.0,3.0")
    source = open_meteo.forecast(http, server.url)
    assert refresh(cloud, cloud.clock, most=2).run([source], 0).asked == 2
    assert refresh(cloud, cloud.clock, most=2).run([source], 0).asked == 1


@given(failures=st.integers(1, 10_000), told=st.none() | st.floats(0, 1e6), jitter=st.floats(0, 1))
def test_a_wait_is_never_shorter_than_told_nor_endless(failures: int, told: float | None, jitter: float) -> None:
    wait = refreshing.wait_s(failures, told, jitter)
    assert max(refreshing.FIRST_WAIT_S, told or 0) <= wait
    assert wait <= max(refreshing.LONGEST_WAIT_S, told or 0) + refreshing.FIRST_WAIT_S


CSV = "area,hour,temperature,humidity,condition\n"


def test_a_file_tells_the_weather_too(cloud: Cloud, tmp_path: Path) -> None:
    place(cloud, BERLIN)
    path = tmp_path / "weather.csv"
    path.write_text(CSV + f'"{BERLIN}",2026-11-21T13:00:00+01:00,3.5,,fog\n"1.0,1.0",2026-11-21T12:00:00Z,1,,\n')
    assert refresh(cloud, cloud.clock).run([FileProvider(path=path)], 30) == Refreshed(asked=1, hours=1)
    found = cloud.get(f"sites/site-{BERLIN}/outdoor")
    assert (found["temperature"], found["condition"], found["source"]) == (3.5, "fog", "file")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f'"{BERLIN}",2026-11-21T12:30:00Z,3,,\n', "line 2: hour is .* a full hour"),
        (f'"{BERLIN}",2026-11-21T12:00:00Z,cold,,\n', "line 2: temperature"),
        (f'"{BERLIN}",2026-11-21T12:00:00Z,,,\n', "line 2: temperature is null"),
        ('"52.51,13.4",2026-11-21T12:00:00Z,1,,\n', "line 2: area"),
    ],
)
def test_a_bad_row_refuses_the_file_and_names_its_line(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "weather.csv"
    path.write_text(CSV + row)
    with pytest.raises(WeatherError, match=said):
        FileProvider(path=path).hours(BERLIN, DAY, DAY)


def at_noon(source: str, temperature: float) -> Callable[[Cloud], None]:
    hour = Hour(area=BERLIN, hour=NOW, temperature=temperature, humidity=None, condition=None)

    def tell(cloud: Cloud) -> None:
        with db.writing(cloud.engine) as connection:
            outdoor.store(connection, [hour], source, NOW)

    return tell


def test_of_several_sources_the_one_that_knows_best_holds_whoever_came_last(cloud: Cloud) -> None:
    place(cloud, BERLIN)
    ranked = sorted(SOURCES, key=lambda name: SOURCES[name])
    for place_, source in enumerate(reversed(ranked)):
        at_noon(source, float(-place_))(cloud)
    best = ranked[-1]
    assert cloud.get(f"sites/site-{BERLIN}/outdoor")["source"] == best
    (hour,) = cloud.get(f"weather?area={BERLIN}")["hours"]
    assert (hour["source"], hour["temperature"]) == (best, 0.0)


def test_weather_is_told_over_http_and_replaced(cloud: Cloud) -> None:
    place(cloud, BERLIN)
    client = cloud.app.test_client()
    body = [
        {"area": BERLIN, "hour": "2026-11-21T17:30:00+05:30", "temperature": 7},
        {"area": BERLIN, "hour": "2026-11-21T11:30:00Z", "temperature": 7},
        {"area": BERLIN, "hour": "2026-11-21T13:00:00Z", "temperature": 7},
        {"area": BERLIN, "hour": "2026-11-21T11:00:00Z"},
        {"area": BERLIN, "hour": "2026-11-21T11:00:00Z", "condition": "balmy"},
    ]
    outcome = client.post("/api/v1/weather", json=body).get_json()
    assert outcome["stored"] == 1
    assert [one["reason"]["field"] for one in outcome["rejected"]] == ["hour", "hour", "temperature", "condition"]
    client.post("/api/v1/weather", json=[body[0] | {"temperature": 8.5}])
    assert cloud.get(f"sites/site-{BERLIN}/outdoor")["temperature"] == 8.5
    assert cloud.get("weather?area=0.0,0.0") == {"hours": []}
    assert client.get("/api/v1/weather").status_code == 400


def test_weather_of_another_day_is_not_called_that_of_now(cloud: Cloud) -> None:
    place(cloud, BERLIN)
    at_noon("told", 7.0)(cloud)
    client = cloud.app.test_client()
    near, far = "2026-11-21T14:59:00Z", "2026-11-21T15:00:00Z"
    assert client.get(f"/api/v1/sites/site-{BERLIN}/outdoor?at={near}").status_code == 200
    assert client.get(f"/api/v1/sites/site-{BERLIN}/outdoor?at={far}").status_code == 404
    assert client.get(f"/api/v1/sites/site-{BERLIN}/outdoor?at=noon").status_code == 400
    assert "PATCH its latitude" in client.get("/api/v1/sites/home-1/outdoor").get_json()["detail"]


def test_every_code_leads_to_a_condition_that_the_api_knows() -> None:
    assert set(open_meteo._CONDITIONS.values()) <= set(CONDITIONS)


@pytest.mark.parametrize("said", ["", 'weather = "off"\n', 'weather = "open-meteo"\n'])
def test_a_server_asks_by_itself_only_where_it_is_told_to(tmp_path: Path, said: str) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text(said)
    with create_app(load(path)).app_context():
        kinds = [type(one).__name__ for one in services().background]
        services().engine.dispose()
    assert ("WeatherUpkeep" in kinds) == ("open-meteo" in said)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('weather = "yes"', "expected one of off, open-meteo"),
        ('weather_forecast_url = "ftp://x"', "http"),
        ('weather_archive_url = "http://x/?a=1"', "http"),
    ],
)
def test_a_setting_of_the_weather_that_means_nothing_stops_the_start(tmp_path: Path, said: str, expected: str) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text(said)
    with pytest.raises(SettingsError, match=expected):
        load(path)


@dataclass
class Jitter:
    """Tells who waits for it that it was drawn."""

    drawn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __call__(self) -> float:
        self.drawn.release()
        return 0.0


def test_a_running_server_asks_about_every_area_once_and_keeps_a_distance(
    cloud: Cloud, server: OpenMeteoServer, http: urllib3.PoolManager
) -> None:
    place(cloud, "52.5,13.4", "48.1,11.6")
    jitter = Jitter()
    sources = [open_meteo.forecast(http, server.url), open_meteo.archive(http, server.url)]
    upkeep = WeatherUpkeep(cloud.engine, sources, cloud.clock, every_s=0.0, jitter=jitter)
    upkeep.start()
    for _ in range(4 + 4):  # one before each request, and one before each look: some looks came after the last request
        assert jitter.drawn.acquire(timeout=60)
    upkeep.stop()
    upkeep.join()
    asked = sorted((one["latitude"], one["start_date"]) for one in server.asked)
    assert len(asked) == len(set(asked)) == 4
    assert {row["area"] for row in cloud.rows(tables.weather)} == {"52.5,13.4", "48.1,11.6"}


def test_a_server_that_stops_makes_no_further_request(
    cloud: Cloud, server: OpenMeteoServer, http: urllib3.PoolManager
) -> None:
    place(cloud, *(f"{latitude}.0,1.0" for latitude in range(1, 9)))
    upkeep = WeatherUpkeep(cloud.engine, [open_meteo.forecast(http, server.url)], cloud.clock, every_s=0.0)
    upkeep.stop()
    upkeep.start()
    upkeep.join()
    assert server.asked == []


def test_a_fault_of_ours_does_not_end_the_asking(
    cloud: Cloud, server: OpenMeteoServer, http: urllib3.PoolManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(cloud, "52.5,13.4")
    faults = [RuntimeError("simulated"), RuntimeError("simulated")]
    run, done = Refresh.run, threading.Event()

    def failing(self: Refresh, *arguments: Any) -> Any:
        if faults:
            raise faults.pop()
        found = run(self, *arguments)
        done.set()
        return found

    monkeypatch.setattr(Refresh, "run", failing)
    upkeep = WeatherUpkeep(cloud.engine, [open_meteo.forecast(http, server.url)], cloud.clock, every_s=0.0)
    upkeep.start()
    assert done.wait(60)
    upkeep.stop()
    upkeep.join()
    assert len(server.asked) == 1
