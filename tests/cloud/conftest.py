"""A cloud to test against: see tests.cloud.stage."""

import atexit
import os
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine, make_url, text
from tests.cloud.stage import NOW, Clock, Cloud, FixedAffinity, product

from aircue_cloud import db, tables
from aircue_cloud.app import create_app
from aircue_cloud.config import Config, make_folder
from aircue_cloud.identity import gateway_keys
from aircue_cloud.routes.services import services

# Offers at every hour, to everybody, of the best remedy; tests of the policy say what else they want.
PLAIN: dict[str, Any] = {"linger_h": 24 * 30, "quiet_hours": "", "holdout": 0.0, "need_holdout": 0.0, "explore": False}

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_held: list[Engine] = []


@pytest.fixture(scope="session", autouse=True)
def known_engines() -> Iterator[None]:
    """Every engine that is opened is known, and lives until its test is over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "open_database", _opened(db.open_database))
        yield


def _opened(open_database: Callable[..., Engine]) -> Callable[..., Engine]:
    def opened(url: str, store: str = db.MAIN) -> Engine:
        engine = open_database(url, store)
        _engines.add(engine)
        _held.append(engine)
        return engine

    return opened


@pytest.fixture(autouse=True)
def closed_databases() -> Iterator[None]:
    """From Python 3.13 on, SQLite warns of a connection that nobody closed."""
    yield
    for engine in list(_engines):
        engine.dispose()
    _held.clear()


def new_database(template: str = "template1") -> str:
    """The URL of an empty database on the PostgreSQL server that AIRCUE_TEST_DATABASE names; "" for SQLite."""
    server = os.environ.get("AIRCUE_TEST_DATABASE", "")
    if not server:
        return ""
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@cache
def _template() -> Path | str:
    """A database with all tables in place, made once for all tests: the path of SQLite's, the name of PostgreSQL's."""
    url = new_database()
    path = Path(tempfile.mkdtemp(prefix="aircue-test-")) / "template.db"
    atexit.register(shutil.rmtree, path.parent)
    db.open_database(url or db.sqlite_url(str(path))).dispose()
    return make_url(url).database or "" if url else path


def _with_tables(config: Config) -> None:
    """What opening it would do, done quicker."""
    template, place = _template(), config.place(db.MAIN)
    if isinstance(template, Path):
        make_folder(place)
        shutil.copy(template, make_url(place.database).database or "")


def bare_cloud(folder: Path, **changes: Any) -> Cloud:
    clock, affinity, template = Clock(), FixedAffinity(), _template()
    url = "" if isinstance(template, Path) else new_database(template)
    config = Config(data_dir=str(folder), database_url=url, push_ttl_h=24 * 30, **(PLAIN | changes))
    _with_tables(config)
    app = create_app(config, affinity=affinity, clock=clock)
    with app.app_context():
        engine, place = services().engine, services().place
    with db.writing(engine) as connection:
        key = gateway_keys.add(connection, "gw-1", NOW)
    return Cloud(
        app=app,
        engine=engine,
        key=key,
        clock=clock,
        affinity=affinity,
        folder=place.folder,
        database_url=config.database_url,
    )


def _with_a_home(cloud: Cloud) -> Cloud:
    cloud.add(tables.households, {"id": "ada", "name": "Ada's"})
    cloud.add(tables.people, {"id": "ada-1", "household": "ada", "name": "Ada"})
    cloud.add(tables.sites, {"id": "home-1", "household": "ada", "tz": "UTC"})
    remedies = [product("drymax", "dehumidifier"), product("tumble", "dryer"), product("salt", "moisture-absorber")]
    cloud.add(tables.products, *remedies, product("lamp", "lighting"))
    cloud.consent("ada", granted=True)
    return cloud


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud that knows one gateway and nothing else."""
    cloud = bare_cloud(tmp_path / "data")
    yield cloud
    cloud.engine.dispose()


@pytest.fixture
def cloud(bare: Cloud) -> Cloud:
    """A cloud with a household that agreed to offers, its home, and a small shop."""
    return _with_a_home(bare)


@pytest.fixture
def cloud_factory(tmp_path: Path) -> Iterator[Callable[[], Cloud]]:
    """Any number of such clouds, each of its own."""
    made: list[Cloud] = []

    def make() -> Cloud:
        made.append(_with_a_home(bare_cloud(tmp_path / str(len(made)))))
        return made[-1]

    yield make
    for cloud in made:
        cloud.engine.dispose()
