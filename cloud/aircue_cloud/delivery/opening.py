"""Puts a store's worker together, for the server and for a process of its own."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from aircue_cloud import stores
from aircue_cloud.config import Config, Place, make_folder
from aircue_cloud.db import MAIN
from aircue_cloud.decision import recheck
from aircue_cloud.delivery import switched_on
from aircue_cloud.delivery.buttons import Links
from aircue_cloud.delivery.outbox import Asked, StillWanted
from aircue_cloud.delivery.switched_on import Channels
from aircue_cloud.delivery.worker import Deliverer, Due


def _utc_now() -> datetime:
    return datetime.now(UTC)


def links(config: Config, place: Place) -> Links:
    make_folder(place)
    return Links(place.store, place.folder, config.base_url)


def worker(config: Config, place: Place) -> Deliverer:
    """Of a process that does nothing else."""
    engine = stores.open_database(place)
    return deliverer(config, engine, switched_on.open_channels(config, place), links(config, place), _utc_now)


class Workers:
    """One for each store, for a process that does nothing else."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._working: dict[str, Deliverer] = {}

    def take_up(self) -> list[str]:
        """Sets the workers of stores going that were added; whose."""
        new = sorted({MAIN, *stores.names(self._config)} - self._working.keys())
        for name in new:
            self._working[name] = worker(self._config, self._config.place(name))
            self._working[name].start()
        return new

    def stop(self) -> None:
        """Returns when what is under way is handed over and recorded."""
        for each in self._working.values():
            each.stop()


def deliverer(
    config: Config,
    engine: Engine,
    channels: Channels,
    links: Links,
    clock: Callable[[], datetime],
    due: Due | None = None,
) -> Deliverer:
    said = switched_on.settings(config)
    return Deliverer(
        engine,
        channels,
        links,
        Asked(still_wanted=_still_wanted(config), marks=recheck.marks, due=due),
        clock,
        at_once=said.at_once,
        lease=timedelta(seconds=said.lease_s),
    )


def _still_wanted(config: Config) -> StillWanted:
    settings = config.pushes

    def asked(connection: Connection, rows: Sequence[tuple[str, str]], now: datetime) -> Sequence[str | None]:
        return recheck.still_wanted(connection, rows, now, settings)

    return asked
