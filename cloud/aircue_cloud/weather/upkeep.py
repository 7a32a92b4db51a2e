"""What keeps the weather new while the server runs: a thread that looks every few minutes who may be asked what.

Each source is asked about an area no oftener than what it says changes, which the database remembers; so several
servers on one database, restarts, and `aircue-cloud weather refresh` beside them ask no more than one of them. Requests
keep a distance, and every wait is drawn anew, so that servers that started together do not ask together.
"""

import logging
import random
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Engine

from aircue_cloud.background import Repeated
from aircue_cloud.weather.provider import Provider
from aircue_cloud.weather.refreshing import Refresh

log = logging.getLogger(__name__)

EVERY_S = 300.0
BETWEEN_S = 0.5  # two requests
MOST = 200  # requests in one look: 2,400 an hour, of the 5,000 that Open-Meteo gives away
DAYS = 30  # how far the archive is asked back


class WeatherUpkeep(Repeated):
    """jitter: 0 to 1, another each time. every_s: from one look to the next."""

    def __init__(
        self,
        engine: Engine,
        sources: Sequence[Provider],
        clock: Callable[[], datetime],
        every_s: float = EVERY_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._sources, self._jitter = sources, jitter
        self._refresh = Refresh(
            engine=engine, now=clock, jitter=jitter, progress=log.info, most=MOST, pause=self._distance
        )
        failed = "the weather could not be asked for; it is tried again"
        super().__init__(self._ask, "weather", every=lambda: every_s * (0.5 + jitter()) / 2, failed=failed, log=log)

    def stop(self) -> None:
        """A request that is under way is not waited for: what it would have told is asked for again."""
        super().stop()

    def _ask(self) -> None:
        self._refresh.run(self._sources, DAYS)

    def _distance(self) -> bool:
        return self.over.wait(BETWEEN_S * (0.5 + self._jitter()))
