"""How often somebody may ask. 429 and Retry-After beyond it."""

from datetime import datetime, timedelta
from threading import Lock

from flask import Flask, current_app
from werkzeug.exceptions import TooManyRequests

from aircue_cloud import db
from aircue_cloud.identity import rates
from aircue_cloud.identity.rates import Limit
from aircue_cloud.routes.services import config, services, store

_LEASES = "aircue-leases"
_SHARE = 20


class Leases:
    """Requests that were counted in the database already, a twentieth of a window's at a time: so a limit that all
    servers share costs one write in so many requests. At most a lease a server goes unused."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._left: dict[tuple[str, str], tuple[datetime, int]] = {}

    def take(self, store: str, whom: str, since: datetime) -> bool:
        """Whether one is left in this window."""
        with self._lock:
            begun, left = self._left.get((store, whom), (since, 0))
            if begun != since or left == 0:
                return False
            self._left[store, whom] = since, left - 1
            return True

    def put(self, store: str, whom: str, since: datetime, count: int) -> None:
        with self._lock:
            begun, left = self._left.get((store, whom), (since, 0))
            self._left[store, whom] = since, count + (left if begun == since else 0)


def register(app: Flask) -> None:
    app.extensions[_LEASES] = Leases()


def must_not_be_too_often(limit: Limit, whom: str) -> None:
    """Counts at once, in the request's store."""
    with db.writing(services().engine) as connection:
        wait = rates.take(connection, limit, whom, services().intake.clock())
    _refuse(wait, limit)


def key_must_not_be_too_often(whom: str) -> None:
    limit = Limit(what="key", most=config().requests_per_minute, window=timedelta(minutes=1))
    leases: Leases = current_app.extensions[_LEASES]
    now = services().intake.clock()
    since = rates.start(limit, now)
    if leases.take(store(), whom, since):
        return
    count = max(1, limit.most // _SHARE)
    with db.writing(services().engine) as connection:
        wait = rates.take(connection, limit, whom, now, count)
    _refuse(wait, limit)
    leases.put(store(), whom, since, count - 1)


def _refuse(wait: int, limit: Limit) -> None:
    if wait:
        window = round(limit.window.total_seconds())
        raise TooManyRequests(f"more than {limit.most} requests in {window} s: wait {wait} s", retry_after=wait)
