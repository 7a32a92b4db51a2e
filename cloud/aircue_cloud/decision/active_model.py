"""The active model of a folder: loaded once, and again when another version becomes active."""

import logging
from pathlib import Path
from threading import Lock

from aircue_cloud.decision.affinity import Affinity
from aircue_cloud.recommender import store
from aircue_cloud.recommender.errors import ModelCorrupt, ModelMissing
from aircue_cloud.recommender.serving import Recommender, limit_threads

log = logging.getLogger(__name__)


class ActiveModel:
    """Any number of threads may ask. While one of them loads a newer version, the others go on with the one before."""

    def __init__(self, model_dir: Path) -> None:
        self._model_dir = model_dir
        self._loading = Lock()
        self._model: Affinity | None = None
        self._tried: str | None = None

    def current(self) -> Affinity | None:
        """None while no model is active. One that cannot be read is logged once; the one before it stays in use."""
        # Who has a model to go on with waits for nobody.
        if self._loading.acquire(blocking=self._model is None):
            try:
                self._look()
            except ModelMissing:
                self._model = self._tried = None
            except ModelCorrupt:
                log.exception("the active model cannot be used")
            finally:
                self._loading.release()
        return self._model

    def _look(self) -> None:
        active = store.active_version(self._model_dir)
        if active == self._tried:
            return
        self._tried = active
        limit_threads()
        found = Recommender.load(self._model_dir)
        found.warm()
        self._model = found
        log.info("model %s is in use", found.version)
