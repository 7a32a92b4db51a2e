"""Stores: several shops in one installation, each with a database, an object prefix and a model folder of its own.

No query can reach another store's rows, because its connection does not: a store is a file of SQLite's, or a schema of
PostgreSQL's with nothing else on its search path. The store `main` is there from the start.
"""

import logging
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, Protocol, TypeVar

from sqlalchemy import Engine, NullPool, create_engine, inspect

from aircue_cloud import db
from aircue_cloud.background import Repeated
from aircue_cloud.config import STORE_NAME, Config, Place, make_folder
from aircue_cloud.db import MAIN
from aircue_cloud.errors import CommandError

log = logging.getLogger(__name__)
LOOK_S = 5.0  # between two looks for stores that were added


class Background(Protocol):
    """What goes on beside the requests."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Opened(Protocol):
    """What a store is when it is open."""

    @property
    def engine(self) -> Engine: ...

    @property
    def background(self) -> Sequence[Background]: ...


S = TypeVar("S", bound=Opened)


class Stores(Generic[S]):
    """Opens a store when it is first asked for, and keeps it; any number of threads may ask."""

    def __init__(self, config: Config, build: Callable[[Place], S]) -> None:
        self._config = config
        self._build = build
        self._lock = Lock()
        self._open: dict[str, S] = {}
        self._running = False
        self._looking = looking(self.take_up)

    def get(self, name: str) -> S:
        """CommandError where there is no such store."""
        found = self._open.get(name)
        return self._opened(name) if found is None else found

    def knows(self, name: str) -> bool:
        return name in self._open or exists(self._config, name)

    def start(self) -> None:
        """Opens every store, and sets going what goes on beside the requests; in one that is added later, within
        LOOK_S or when somebody asks for it."""
        with self._lock:
            for store in self._open.values():
                _start(store)
            self._running = True
        self.take_up()
        self._looking.start()

    def take_up(self) -> None:
        """Opens the stores that are there by now."""
        for name in (MAIN, *names(self._config)):
            self.get(name)

    def close(self) -> None:
        self._looking.stop()
        self._looking.join()
        with self._lock:
            for store in self._open.values():
                for each in store.background if self._running else ():
                    each.stop()
                store.engine.dispose()
            self._open.clear()
            self._running = False

    def _opened(self, name: str) -> S:
        with self._lock:
            if name not in self._open:
                made = self._build(must_exist(self._config, name))
                if self._running:
                    _start(made)
                self._open[name] = made
            return self._open[name]


def looking(take_up: Callable[[], object]) -> Repeated:
    """Takes up what is new, again and again, until it is over."""

    def look() -> None:
        take_up()

    failed = "stores that were added could not be taken up; it is tried again"
    return Repeated(look, "stores", every=lambda: LOOK_S, failed=failed, log=log)


def _start(store: Opened) -> None:
    for each in store.background:
        each.start()


def add(config: Config, name: str) -> Place:
    """Makes an empty store; CommandError where it is there already."""
    place = config.place(name)
    if name in names(config):
        raise CommandError(f"store {name} is there already")
    open_database(place).dispose()
    return place


def names(config: Config) -> list[str]:
    """Every store that was made, in order."""
    if config.database_url:
        return _schemas(config.database_url)
    return sorted(path.parent.name for path in config.stores_dir.glob("*/aircue.db"))


def exists(config: Config, name: str) -> bool:
    """The first store is made when it is first asked for."""
    return name == MAIN or (STORE_NAME.fullmatch(name) is not None and name in names(config))


def must_exist(config: Config, name: str) -> Place:
    place = config.place(name)
    if not exists(config, name):
        known = ", ".join(sorted({MAIN, *names(config)}))
        raise CommandError(f"store {name} is not known (known: {known}); add it with: aircue-cloud store add {name}")
    return place


def open_database(place: Place) -> Engine:
    make_folder(place)
    return db.open_database(place.database, place.store)


def _schemas(url: str) -> list[str]:
    engine = create_engine(url, poolclass=NullPool)
    found = inspect(engine).get_schema_names()
    prefix = db.SCHEMA_PREFIX
    return sorted(name.removeprefix(prefix) for name in found if name.startswith(prefix))
