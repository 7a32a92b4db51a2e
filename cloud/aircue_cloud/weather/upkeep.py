"""What keeps the weather new while the server runs: a thread that looks every few minutes who may be asked what.

Each source is asked about an area no oftener than what it says changes, which the database remembers; so several
servers on one database, restarts, and `aircue-cloud weather refresh` beside them ask no more than one of them. Requests
keep a distance, and every wait is drawn anew, so that servers that started together do not ask together.
"""

import logging
import random
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event, Thread

from sqlalchemy import Engine

from aircue_cloud.weather.provider import Provider
from aircue_cloud.weather.refreshing import Refresh

log = logging.getLogger(__name__)

EVERY_S = 300.0
BETWEEN_S = 0.5  # two requests
MOST = 200  # requests in one look: 2,400 an hour, of the 5,000 that Open-Meteo gives away
DAYS = 30  # how far the archive is asked back


class WeatherUpkeep:
    """jitter: 0 to 1, another each time. every_s: from one look to the next."""

    def __init__(
        self,
        engine: Engine,
        sources: Sequence[Provider],
        clock: Callable[[], datetime],
        every_s: float = EVERY_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._sources, self._every_s, self._jitter = sources, every_s, jitter
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="weather", daemon=True)
        self._refresh = Refresh(
            engine=engine, now=clock, jitter=jitter, progress=log.info, most=MOST, pause=self._distance
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """A request that is under way is not waited for: what it would have told is asked for again."""
        self._stopping.set()

    def join(self) -> None:
        """Returns when the last request is over."""
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s * (0.5 + self._jitter()) / 2):
            try:
                self._refresh.run(self._sources, DAYS)
            except Exception:
                log.exception("the weather could not be asked for; it is tried again")

    def _distance(self) -> bool:
        return self._stopping.wait(BETWEEN_S * (0.5 + self._jitter()))
