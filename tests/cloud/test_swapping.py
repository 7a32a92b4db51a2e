"""Models change under a server's requests: none is dropped, none waits for a model to be compiled or loaded."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
import urllib3
import waitress
from tests.cloud.recommender.trained import of_recipes, start
from tests.cloud.stage import Cloud
from tests.cloud.test_recommendations import recommended, serve, shop

from aircue_cloud import db
from aircue_cloud.decision import recommending
from aircue_cloud.decision.active_model import ActiveModel
from aircue_cloud.decision.affinity import Affinity
from aircue_cloud.recommender import store
from aircue_cloud.recommender.artefact import HEADS
from aircue_cloud.recommender.serving import Recommender
from aircue_cloud.recommender.training import train

__all__ = ["shop"]


@contextmanager
def listening(cloud: Cloud) -> Iterator[str]:
    """The application behind a real server; its URL."""
    server: Any = waitress.create_server(cloud.app, host="127.0.0.1", port=0, threads=4)
    over = Event()

    def run() -> None:
        """All of its sockets belong to this thread, their end too."""
        while not over.is_set():
            server.asyncore.loop(timeout=0.1, map=server._map, count=1)
        server.task_dispatcher.shutdown()
        server.asyncore.close_all(server._map)

    thread = Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        over.set()
        thread.join(30)


def test_no_request_is_dropped_and_none_mixes_two_models_while_they_change(shop: Cloud) -> None:
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    folder = shop.folder / "models"
    first = store.active_version(folder)
    with db.reading(shop.engine) as connection:
        second = train(connection, folder, budget_s=0, families=("popularity",)).info.version
    active = ActiveModel(folder)
    serve(shop, active.current)
    alone = {}
    for version in (second, first):
        store.activate(folder, version)
        active.current()
        active.settle()
        alone[version] = recommended(shop, "person=h00-1&head=repeat")
    assert alone[first]["recommendations"] != alone[second]["recommendations"]
    over = Event()

    def ask(http: urllib3.PoolManager, url: str) -> str:
        answer = http.request("GET", f"{url}/api/v1/recommendations?person=h00-1&head=repeat")
        assert answer.status == 200, answer.data
        found = answer.json()
        assert found == alone[found["model"]]
        return str(found["model"])

    def ask_on(url: str) -> int:
        asked = 0
        with urllib3.PoolManager(retries=False, timeout=60.0) as http:
            while not (over.is_set() and asked):
                ask(http, url)
                asked += 1
        return asked

    with listening(shop) as url, ThreadPoolExecutor(3) as pool, urllib3.PoolManager(retries=False) as http:
        asking = [pool.submit(ask_on, url) for _ in range(3)]
        try:
            for turn in range(8):
                version = (first, second)[turn % 2]
                store.activate(folder, version)
                active.current()
                active.settle()
                assert ask(http, url) == version
        finally:
            over.set()
        assert all(one.result() > 0 for one in asking)


FRESH = """
from tests.cloud.recommender.trained import SERVABLE
from aircue_cloud.recommender import kernels
from aircue_cloud.recommender.artefact import HEADS
from aircue_cloud.recommender.asked import Act, Described, Told
from aircue_cloud.recommender.models import trees
from aircue_cloud.recommender.serving import Recommender

def compiled():
    found = {**vars(kernels), **vars(trees)}
    return {name: len(one.signatures) for name, one in found.items() if hasattr(one, "signatures")}

act, newcomer = Act(product="i03", at=100.5 * 86_400, weight=8.0), Described(id="new", category="mug", price_minor=9)
asked = Told(now=101 * 86_400.0, did={"new": [act], "u04": [act]}, newcomers=[newcomer])
for name in ("als", "linear and factors", "ranker"):
    model = Recommender(SERVABLE[name]())
    if WARM:
        model.warm()
    before = compiled()
    for person in ("u04", "u05", "new", "stranger"):
        for head in HEADS:
            for told in (Told(), asked):
                asking = model.asking(person, told, head)
                asking.explain([one.product for one in asking.recommend(10)])
    print(name, sorted(kernel for kernel, count in compiled().items() if count != before[kernel]))
"""


def fresh(warm: bool) -> list[str]:
    """What a process compiles, or takes from the compiler's cache, for its first requests, a line a model."""
    line = [sys.executable, "-c", f"WARM = {warm}\n{FRESH}"]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.system
def test_a_model_that_is_warm_compiles_nothing_for_its_first_requests() -> None:
    """The counts of compilations are compared, no times."""
    assert fresh(warm=True) == ["als []", "linear and factors []", "ranker []"]
    assert "best_of_one" in fresh(warm=False)[0]


def test_a_warm_model_has_what_is_kept_for_requests() -> None:
    """Whoever needs no first time either: the ridge of newcomers, the fold of factors."""
    model = Recommender(of_recipes((0.5, start("als", factors=3)), (0.5, start("popularity"))))
    model.warm()
    held = model._held
    assert "_ridge" in vars(held.newcomers)
    assert any("ridge" in vars(part) for part in held.artefact.parts)


def test_a_rehearsal_answers_as_a_request_does_and_reads_what_came_after_the_training(shop: Cloud) -> None:
    model = Recommender.load(shop.folder / "models")
    asked: list[str] = []

    class Overheard(Recommender):
        def asking(self, person: str, *arguments: Any, **named: Any) -> Any:
            asked.append(person)
            return super().asking(person, *arguments, **named)

    overheard: Affinity = Overheard(model._artefact)
    with db.reading(shop.engine) as connection:
        recommending.rehearse(connection, overheard, shop.clock.now)
    assert len(asked) == len(HEADS)


def test_an_empty_shop_needs_no_rehearsal(bare: Cloud) -> None:
    model = Recommender(of_recipes((1.0, start("popularity"))))
    with db.reading(bare.engine) as connection:
        recommending.rehearse(connection, model, bare.clock.now)
