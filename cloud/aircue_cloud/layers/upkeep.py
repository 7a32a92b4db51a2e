"""What keeps the lake small while the server runs: a thread that merges, and removes what was merged away."""

import logging
from datetime import UTC, datetime

from sqlalchemy import Engine

from aircue_cloud.background import Repeated
from aircue_cloud.layers import merging
from aircue_cloud.layers.lake import Lake

log = logging.getLogger(__name__)
_EVERY_S = 60.0
_LEAST = 32  # small files of a day; fewer are left alone


def _now() -> datetime:
    return datetime.now(UTC)


class Upkeep(Repeated):
    def __init__(self, engine: Engine, lake: Lake) -> None:
        self._engine, self._lake = engine, lake
        failed = "the lake could not be merged; it is tried again, and stays right as it is"
        super().__init__(self._merge, "upkeep", every=lambda: _EVERY_S, failed=failed, log=log)

    def stop(self) -> None:
        """Nobody waits for a merge: one that is cut off leaves a file that nobody points to."""
        super().stop()

    def _merge(self) -> None:
        merging.merge_all(self._engine, self._lake, _now, _LEAST)
        merging.forget_old(self._engine, self._lake, _now())
