"""Several server processes on one store: each notices by itself that another model has become active."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert
from tests.cloud.recommender.trained import CATALOGUE, of_recipes, start
from tests.system.cloud_process import PLAIN, ForkedServer, Forks

from aircue_cloud import config as configs
from aircue_cloud import db, stores, tables
from aircue_cloud.config import Place
from aircue_cloud.db import MAIN
from aircue_cloud.recommender import store

pytestmark = pytest.mark.system

SERVERS = 3
WHO = "u04"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "cloud.toml"
    path.write_text('port = 0\ndata_dir = "data"\nweather = "off"\n' + PLAIN, encoding="utf-8")
    return path


@pytest.fixture
def place(config: Path) -> Place:
    """A store with a model's catalogue and one of the people it knows."""
    found = configs.load(config).place(MAIN)
    configs.make_folder(found)
    engine = stores.open_database(found)
    priced = {"price_minor": 100, "currency": "EUR", "stock": 5, "description": "", "attributes": {}}
    with db.writing(engine) as connection:
        rows = [{"id": one.id, "name": one.id, "category": one.category, **priced} for one in CATALOGUE]
        connection.execute(insert(tables.products), rows)
        connection.execute(insert(tables.households), {"id": "h", "name": "h"})
        connection.execute(insert(tables.people), {"id": WHO, "household": "h", "name": WHO})
    engine.dispose()
    return found


@pytest.fixture
def servers(config: Path, place: Place, tmp_path: Path) -> Iterator[list[ForkedServer]]:
    forks = Forks(tmp_path / "servers.log")
    started = [ForkedServer(forks, config) for _ in range(SERVERS)]
    yield started
    for one in started:
        one.kill()
    forks.close()


def activated(place: Place, fingerprint: str) -> str:
    """The version of a small model that is the active one from now on."""
    version = store.save(place.model_dir, of_recipes((1.0, start("popularity")), fingerprint=fingerprint))
    store.activate(place.model_dir, version)
    return version


def asked(server: ForkedServer) -> str:
    """The model that a server answers with."""
    reply = server.get(f"/api/v1/recommendations?person={WHO}&n=3")
    assert reply.status == 200, reply.data
    return str(reply.json()["model"])


def all_answer_with(servers: list[ForkedServer], version: str) -> None:
    """Each is asked by itself, as requests come, until it does."""
    end = time.monotonic() + 60
    for server in servers:
        while asked(server) != version:
            assert time.monotonic() < end, f"{server.url} has not noticed {version}"
            time.sleep(0.01)


def test_every_server_process_notices_a_model_that_is_activated_and_a_rollback(
    place: Place, servers: list[ForkedServer]
) -> None:
    assert {asked(one) for one in servers} == {"recent-popularity-90d"}
    first = activated(place, "f" * 64)
    all_answer_with(servers, first)
    second = activated(place, "e" * 64)
    assert second != first
    all_answer_with(servers, second)
    assert store.rollback(place.model_dir) == first
    all_answer_with(servers, first)
