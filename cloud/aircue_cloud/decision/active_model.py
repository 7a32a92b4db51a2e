"""The active model of a folder: loaded once, and again when another version becomes active."""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread

from aircue_cloud.decision.affinity import Affinity
from aircue_cloud.recommender import store
from aircue_cloud.recommender.errors import ModelCorrupt, ModelMissing
from aircue_cloud.recommender.serving import Recommender, limit_threads

log = logging.getLogger(__name__)

Rehearse = Callable[[Affinity], None]


class ActiveModel:
    """Any number of threads may ask, and any number of processes may look at the folder. The first model is waited for;
    a newer one is loaded and warmed beside the requests, which go on with the one before until it takes its place.

    rehearse: answers as a request does, before the first request comes. graph_from_items: how many products a model
    has at least whose factors are searched by a graph (recommender/searching.py); 0: none.
    """

    def __init__(self, model_dir: Path, rehearse: Rehearse | None = None, graph_from_items: int = 0) -> None:
        self._model_dir = model_dir
        self._graph_from_items = graph_from_items
        self._rehearse = rehearse
        self._loading = Lock()
        self._model: Affinity | None = None
        self._tried: str | None = None

    def current(self) -> Affinity | None:
        """None while no model is active. One that cannot be read is logged once; the one before it stays in use."""
        if self._model is None:
            with self._loading:
                if self._named_anew():
                    self._take_up()
        elif self._loading.acquire(blocking=False):
            self._look()
        return self._model

    def settle(self) -> None:
        """Returns when the model that is named active now was taken up."""
        with self._loading:
            if self._named_anew():
                self._take_up()

    def _look(self) -> None:
        """Holds the lock, and passes it on to whoever loads."""
        passed_on = False
        try:
            if self._named_anew():
                Thread(target=self._take_up_aside, name="model", daemon=True).start()
                passed_on = True
        finally:
            if not passed_on:
                self._loading.release()

    def _named_anew(self) -> bool:
        try:
            active = store.active_version(self._model_dir)
        except ModelMissing:
            self._model = self._tried = None
            return False
        except ModelCorrupt as error:
            active = str(error)
        found, self._tried = active != self._tried, active
        return found

    def _take_up_aside(self) -> None:
        try:
            self._take_up()
        finally:
            self._loading.release()

    def _take_up(self) -> None:
        try:
            self._load()
        except Exception:
            log.exception("the active model cannot be used")

    def _load(self) -> None:
        limit_threads()
        found = Recommender.load(self._model_dir, self._graph_from_items)
        found.warm()
        self._rehearsed(found)
        self._model = found
        log.info("model %s is in use", found.version)

    def _rehearsed(self, model: Affinity) -> None:
        """A model that can answer serves, whether it could be rehearsed or not."""
        if self._rehearse is None:
            return
        try:
            self._rehearse(model)
        except Exception:
            log.exception("model %s could not be rehearsed: its first answers are slow", model.version)
