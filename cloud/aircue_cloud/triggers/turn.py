"""What follows the triggers that come of time passing: the weather's hours, and what is used up meanwhile."""

import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.background import Repeated
from aircue_cloud.delivery import log as log_channel
from aircue_cloud.delivery.inbox import Push
from aircue_cloud.layers.settling import Started
from aircue_cloud.layers.worker import Worker
from aircue_cloud.needs.needs import PERSON, REPLENISH, Needs
from aircue_cloud.triggers import outdoors, used_up, wearers

log = logging.getLogger(__name__)

EVERY_S = 30.0


class Turn(Repeated):
    """One look: episodes and what is decided about them are stored in one transaction, or nothing is."""

    def __init__(self, layers: Worker, clock: Callable[[], datetime], every_s: float = EVERY_S) -> None:
        self._layers, self._clock = layers, clock
        self._seen: tuple[object, ...] = ()
        self._hour: tuple[object, ...] = ()
        failed = "the weather and what is used up could not be followed; it is tried again"
        super().__init__(self._work, "triggers", every=lambda: every_s, failed=failed, log=log)

    def stop(self) -> None:
        """Returns when the look that is under way is over."""
        super().stop()
        self.join()

    def _work(self) -> None:
        self.work()

    def work(self) -> list[Push]:
        """The pushes that are new."""
        now = self._clock()
        with db.reading(self._layers.engine) as connection:
            needs = self._layers.live.within(connection)
            seen = outdoors.fingerprint(connection, needs, now)
        replenished = needs.of(REPLENISH)
        worn = tuple(need.rule for need in needs.of(PERSON))
        hour = (replenished, worn, now.replace(minute=0, second=0, microsecond=0)) if replenished or worn else ()
        if seen == self._seen and hour == self._hour:
            return []
        with db.writing(self._layers.engine) as connection:
            needs = self._layers.needs_within(connection)
            started = outdoors.follow(connection, needs, now) if seen != self._seen else []
            started += self._of_the_hour(connection, needs, now) if hour != self._hour else []
            pushes = self._layers.decider.about(connection, started, now)
        self._seen, self._hour = seen, hour
        for push in pushes:
            log_channel.send(push)
        return pushes

    def _of_the_hour(self, connection: Connection, needs: Needs, now: datetime) -> list[Started]:
        return [*used_up.follow(connection, needs, now), *wearers.follow_silent(connection, needs, now)]
