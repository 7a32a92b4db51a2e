"""A rebuild beside the layers in use: readers see the old ones or the new ones; one that is cut off changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from tests.cloud.stage import NOW, Cloud, batch, humidity
from tests.cloud.test_lake import state, told

from aircue_cloud import db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.layers import lake, rebuilding
from aircue_cloud.layers.lake import asked


class Killed(BaseException):
    """Stands for the end of the process."""


def rebuild(cloud: Cloud, say: Callable[[str], object]) -> None:
    rebuilding.from_base(cloud.layers, cloud.clock, say, cloud.folder)


def lake_objects(cloud: Cloud) -> set[str]:
    return set(cloud.layers.lake.objects.list("lake/"))


def seen(cloud: Cloud) -> int:
    """Readings that a reader sees just now."""
    with db.reading(cloud.engine) as connection, cloud.layers.lake.open(connection) as opened:
        return int(asked(opened, "SELECT count(*) AS n FROM lake")["n"][0].as_py())


def test_readers_see_everything_all_the_while(cloud: Cloud) -> None:
    told(cloud)
    before = seen(cloud)
    counts: list[int] = []
    rebuild(cloud, lambda _: counts.append(seen(cloud)))
    assert before > 90
    assert set(counts) == {before}
    assert len(counts) >= 2


def test_one_that_is_cut_off_leaves_the_layers_and_the_lake_as_they_were(cloud: Cloud) -> None:
    told(cloud)
    before, files = state(cloud), lake_objects(cloud)

    def kill(_: str) -> None:
        assert lake_objects(cloud) > files
        raise Killed

    with pytest.raises(Killed):
        rebuild(cloud, kill)
    assert (state(cloud), lake_objects(cloud)) == (before, files)


def test_what_a_killed_one_left_behind_is_cleared_away_by_the_next(cloud: Cloud) -> None:
    told(cloud)
    before = state(cloud)
    left = db.open_database(db.sqlite_url(str(cloud.folder / "rebuilding.db")))
    cloud.layers.lake.objects.put("lake/1/left.parquet", b"half")
    row = {"object_key": "lake/1/left.parquet", "day": 1, "rows": 1, "bytes": 4, "first_id": 1, "last_id": 1}
    with db.writing(left) as connection:
        times = {"first_measured": NOW, "last_measured": NOW, "added_at": NOW}
        connection.execute(insert(tables.lake_files), {**row, **times})
    left.dispose()
    rebuild(cloud, lambda _: None)
    assert "lake/1/left.parquet" not in lake_objects(cloud)
    assert not list(Path(cloud.folder).glob("rebuilding.db*"))
    assert state(cloud) == before


def test_a_batch_that_comes_meanwhile_is_in_the_new_layers(cloud: Cloud) -> None:
    told(cloud)
    before, said = seen(cloud), []

    def one_more(line: str) -> None:
        if not said:
            cloud.post(batch(humidity({200: 61.0}), sequence=90))
        said.append(line)

    rebuild(cloud, one_more)
    assert seen(cloud) == before + 1
    assert len(cloud.readings()) == before + 1
    with db.reading(cloud.engine) as connection:
        assert lake.version(connection)[1] == before + 1


def test_what_was_erased_meanwhile_does_not_come_back(cloud: Cloud) -> None:
    told(cloud)
    before = state(cloud)

    def erase(_: str) -> None:
        with db.writing(cloud.engine) as connection:
            first = tables.batches.c.number == 1
            connection.execute(update(tables.batches).where(first).values(object_key="base/gw-1/x/1.erased.batch"))

    with pytest.raises(CommandError, match="erased"):
        rebuild(cloud, erase)
    assert state(cloud)["readings"] == before["readings"]
