"""Asks the sources for the weather of all areas that sites are in, no oftener than what they say changes.

When a source was asked about an area is in the database, so that restarts and a second process ask no more either. A
source that fails is asked again after a wait that doubles; one that wants fewer requests is left alone altogether.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, Select, select, update

from aircue_cloud import db, tables
from aircue_cloud.weather import outdoor
from aircue_cloud.weather.errors import Limited, WeatherError
from aircue_cloud.weather.outdoor import Hour
from aircue_cloud.weather.provider import Provider

FIRST_WAIT_S = 60.0
LONGEST_WAIT_S = 6 * 3600.0
_CLAIM = timedelta(minutes=10)  # how long a request may be under way before somebody else may make it

_T = tables.weather_requests.c


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """asked: requests made. fresh: left out, for nothing can have changed. failed: of those asked."""

    asked: int = 0
    fresh: int = 0
    failed: int = 0
    hours: int = 0


def wait_s(failures: int, told_s: float | None, jitter: float) -> float:
    """How long to leave a source alone after so many failures in a row. jitter: 0 to 1.

    >>> [wait_s(n, None, 0.0) for n in (1, 2, 3, 99)]
    [60.0, 120.0, 240.0, 21600.0]
    >>> wait_s(1, 3600.0, 0.5)
    3630.0
    """
    backoff = min(FIRST_WAIT_S * 2.0 ** min(failures - 1, 20), LONGEST_WAIT_S)
    return max(backoff, told_s or 0.0) + jitter * FIRST_WAIT_S


def _none() -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """now: the clock. jitter: 0 to 1, another each time. most: requests in one run. pause: made before each request;
    True ends the run."""

    engine: Engine
    now: Callable[[], datetime]
    jitter: Callable[[], float]
    progress: Callable[[str], None]
    most: int = 500
    pause: Callable[[], bool] = _none

    def run(self, providers: Sequence[Provider], back: int) -> Refreshed:
        """Failures are told and counted; none ends the run, but for a source that wants no more requests."""
        with db.reading(self.engine) as connection:
            areas = _areas(connection)
        if not areas:
            self.progress("weather: no site says where it is; PATCH latitude and longitude of one")
        total = Refreshed()
        for provider in providers:
            total = self._ask_all(provider, areas, back, total)
        return total

    def _ask_all(self, provider: Provider, areas: Sequence[str], back: int, total: Refreshed) -> Refreshed:
        for area in areas:
            if total.asked >= self.most or not self._may_ask(provider):
                return total
            asked = self._ask(provider, area, back)
            if asked is None:
                total = _plus(total, fresh=1)
            else:
                total = _plus(total, asked=1, failed=int(asked < 0), hours=max(asked, 0))
        return total

    def _may_ask(self, provider: Provider) -> bool:
        """False while the source wants no requests at all, which is kept under no area."""
        with db.reading(self.engine) as connection:
            until = connection.execute(_next_at("", provider.source)).scalar_one_or_none()
        return until is None or until <= self.now()

    def _ask(self, provider: Provider, area: str, back: int) -> int | None:
        """Hours stored; -1 where there were none to be had, None where it is too early to ask."""
        days = provider.days(self.now().date(), back)
        if days is None or not self._is_due(area, provider.source) or self.pause():
            return None
        if not self._claim(area, provider.source):
            return None
        try:
            hours = provider.hours(area, *days)
        except WeatherError as error:
            self._failed(area, provider.source, error)
            return -1
        self._succeeded(area, provider, hours)
        return len(hours)

    def _is_due(self, area: str, source: str) -> bool:
        with db.reading(self.engine) as connection:
            until = connection.execute(_next_at(area, source)).scalar_one_or_none()
        return until is None or until <= self.now()

    def _claim(self, area: str, source: str) -> bool:
        """True for one of all that ask at the same time."""
        now = self.now()
        with db.writing(self.engine) as connection:
            until = connection.execute(_next_at(area, source)).scalar_one_or_none()
            if until is not None and until > now:
                return False
            row = {"area": area, "source": source, "asked_at": now, "next_at": now + _CLAIM, "failures": 0, "hours": 0}
            changing = ["asked_at", "next_at"]
            connection.execute(db.insert_or_update(connection, tables.weather_requests, changing), [row])
        return True

    def _succeeded(self, area: str, provider: Provider, hours: Sequence[Hour]) -> None:
        now = self.now()
        with db.writing(self.engine) as connection:
            outdoor.store(connection, hours, provider.source, now)
            said = {"next_at": now + provider.changes, "failures": 0, "error": None, "hours": _T.hours + len(hours)}
            connection.execute(update(tables.weather_requests).where(*_mine(area, provider.source)).values(said))
        self.progress(f"weather: {provider.source} told {len(hours)} hours of area {area}")

    def _failed(self, area: str, source: str, error: WeatherError) -> None:
        told_s = error.retry_s if isinstance(error, Limited) else None
        with db.writing(self.engine) as connection:
            failures = 1 + connection.execute(select(_T.failures).where(*_mine(area, source))).scalar_one()
            until = self.now() + timedelta(seconds=wait_s(failures, told_s, self.jitter()))
            said = {"next_at": until, "failures": failures, "error": str(error)}
            connection.execute(update(tables.weather_requests).where(*_mine(area, source)).values(said))
            if isinstance(error, Limited):
                _leave_alone(connection, source, self.now(), until)
        self.progress(f"weather: {error} (area {area}, again after {until:%Y-%m-%d %H:%M} UTC)")


def _areas(connection: Connection) -> list[str]:
    query = select(tables.sites.c.area).where(tables.sites.c.area.is_not(None)).distinct().order_by(tables.sites.c.area)
    return list(connection.execute(query).scalars())


def _leave_alone(connection: Connection, source: str, now: datetime, until: datetime) -> None:
    row = {"area": "", "source": source, "asked_at": now, "next_at": until, "failures": 0, "hours": 0}
    connection.execute(db.insert_or_update(connection, tables.weather_requests, ["asked_at", "next_at"]), [row])


def _mine(area: str, source: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _T.area == area, _T.source == source


def _next_at(area: str, source: str) -> Select[datetime]:
    return select(_T.next_at).where(_T.area == area, _T.source == source)


def _plus(total: Refreshed, **more: int) -> Refreshed:
    return Refreshed(**{name: value + more.get(name, 0) for name, value in vars(total).items()})
