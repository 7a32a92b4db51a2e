"""The layers: every reading once, merged without readers noticing, made again from base row for row, kept as told."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from tests.cloud.stage import DAMP, DRY, NOW, START_MS, Cloud, batch, humidity, sample

from aircue_cloud import db, tables
from aircue_cloud.cli import main
from aircue_cloud.errors import CommandError
from aircue_cloud.layers import asking, merging, rebuilding, retention
from aircue_cloud.layers.lake import asked
from aircue_gateway.batch import Batch, Channel, Group, Loss, Revision, Status

DERIVED = (
    tables.delivered,
    tables.hourly,
    tables.node_state,
    tables.tallies,
    tables.losses,
    tables.episodes,
    tables.rule_states,
)
DAY_MS = 86_400_000


def revision(minute: int, status: Status) -> Revision:
    return Revision(
        node="bathroom", installation=2779096485, boot=1, sequence=minute + 1, quantity="humidity", status=status
    )


def story() -> Sequence[Batch]:
    """Live and late, twice and revised, gaps and losses, two homes, damp and dry."""
    loss = Loss(node="bathroom", installation=1, boot=1, first=1, last=9, samples=4, where="node")
    return (
        batch(humidity(DRY), sequence=1),
        batch(humidity(dict.fromkeys(range(30, 60), 85.0)), humidity(DAMP, site="home-2", boot=2), sequence=2),
        batch(humidity({25: 85.0, 26: None, 27: 70.0, 28: Status.SUPPRESSED}), sequence=3, losses=(loss,)),
        batch(humidity(dict.fromkeys(range(20, 40), 60.0)), sequence=4),
        replace(batch(sequence=5), sealed_at_ms=START_MS + 5000, revisions=(revision(35, Status.SPIKE),)),
        batch(humidity(dict.fromkeys(range(60, 80), 60.0)), sequence=6),
        batch(humidity({90: 61.5}), sequence=7),
    )


def earlier(group: Group, days: Sequence[int]) -> Group:
    """Each sample so many days earlier."""
    moved = [
        replace(one, measured_at_ms=one.measured_at_ms - day * DAY_MS)
        for one, day in zip(group.samples, days, strict=True)
    ]
    return replace(group, samples=tuple(moved))


def told(cloud: Cloud) -> None:
    for content in story():
        assert cloud.post(content).status_code == 200


def state(cloud: Cloud) -> dict[str, Any]:
    found: dict[str, Any] = {table.name: cloud.rows(table) for table in DERIVED}
    revisions = cloud.rows(tables.revisions)
    found["revisions"] = [{key: row[key] for key in row if key != "place"} for row in revisions]
    found["readings"] = cloud.readings()
    return found


def merge_all(cloud: Cloud) -> int:
    return merging.merge_all(cloud.engine, cloud.layers.lake, cloud.clock)


def ask(cloud: Cloud, question: str) -> list[dict[str, Any]]:
    with db.reading(cloud.engine) as connection:
        return list(asking.ask(connection, cloud.layers.lake, question).to_pylist())


class TestRebuild:
    @pytest.mark.parametrize("source", ["base", "middle"])
    def test_the_layers_made_again_are_the_same_row_for_row(self, cloud: Cloud, source: str) -> None:
        told(cloud)
        before, pushes = state(cloud), cloud.rows(tables.pushes)
        counted, feed = cloud.get("status"), cloud.rows(tables.feed)
        assert len(before["readings"]) > 90
        assert [row["withdrawn"] for row in before["episodes"]].count(False) >= 2
        again = {"base": rebuilding.from_base, "middle": rebuilding.from_middle}[source]
        again(cloud.layers, cloud.clock, lambda _: None)
        after = state(cloud)
        for name, rows in before.items():
            assert after[name] == rows, name
        assert (cloud.rows(tables.pushes), cloud.rows(tables.feed)) == (pushes, feed)
        figures = cloud.get("status")
        for name in ("readings", "duplicates", "gaps", "suppressed", "losses", "episodes", "pushes"):
            assert figures[name] == counted[name], name

    def test_it_is_the_same_after_merging_too(self, cloud: Cloud) -> None:
        told(cloud)
        before = state(cloud)
        merge_all(cloud)
        assert state(cloud) == before
        rebuilding.from_base(cloud.layers, cloud.clock, lambda _: None)
        assert state(cloud) == before

    def test_what_comes_after_a_rebuild_goes_on_as_ever(self, cloud: Cloud) -> None:
        told(cloud)
        rebuilding.from_base(cloud.layers, cloud.clock, lambda _: None)
        cloud.post(batch(humidity({91: 62.0, 90: 99.0}), sequence=8))
        assert [row["value"] for row in cloud.readings()][-1] == 6200
        ids = [row["id"] for row in cloud.readings()]
        assert ids == list(range(1, len(ids) + 1))

    def test_a_base_that_is_not_whole_any_more_is_not_rebuilt_from(self, cloud: Cloud) -> None:
        told(cloud)
        with db.writing(cloud.engine) as connection:
            retention.keep(connection, "base", "", 1)
        retention.retain(cloud.engine, cloud.layers.lake, NOW + timedelta(days=2))
        with pytest.raises(CommandError, match="--from middle"):
            rebuilding.from_base(cloud.layers, cloud.clock, lambda _: None)
        assert len(cloud.readings()) > 90


class TestMerging:
    def test_a_days_files_become_one_and_nothing_else_changes(self, cloud: Cloud) -> None:
        told(cloud)
        before = cloud.readings()
        files = len(cloud.rows(tables.lake_files))
        assert merge_all(cloud) == files > 2
        assert cloud.readings() == before
        [one] = [row for row in cloud.rows(tables.lake_files) if row["removed_at"] is None]
        assert (one["rows"], one["merged"]) == (len(before), files)

    def test_flags_that_stood_beside_the_files_are_folded_in(self, cloud: Cloud) -> None:
        told(cloud)
        assert [row["place"] for row in cloud.rows(tables.revisions)] == ["beside"]
        merge_all(cloud)
        assert [row["place"] for row in cloud.rows(tables.revisions)] == ["folded"]
        assert [row["sequence"] for row in cloud.readings() if row["flag"] == "SPIKE"] == [36]

    def test_files_that_were_merged_away_stay_for_a_while(self, cloud: Cloud) -> None:
        told(cloud)
        merge_all(cloud)
        store = cloud.layers.lake.objects
        there = len(list(store.list("lake/")))
        assert merging.forget_old(cloud.engine, cloud.layers.lake, NOW + timedelta(minutes=9)) == 0
        assert merging.forget_old(cloud.engine, cloud.layers.lake, NOW + timedelta(minutes=10)) == there - 1
        assert len(list(store.list("lake/"))) == 1

    def test_a_reader_that_began_before_sees_what_it_began_with(self, cloud: Cloud) -> None:
        told(cloud)
        rows = len(cloud.readings())
        with db.reading(cloud.engine) as connection, cloud.layers.lake.open(connection) as opened:
            merge_all(cloud)
            assert opened.execute("SELECT count(*) FROM lake").fetchall() == [(rows,)]

    def test_readers_see_every_reading_once_at_any_moment(self, cloud: Cloud) -> None:
        told(cloud)
        rows, over, seen = len(cloud.readings()), Event(), []

        def look() -> None:
            while not over.is_set():
                with db.reading(cloud.engine) as connection, cloud.layers.lake.open(connection) as opened:
                    seen.append(opened.execute("SELECT count(*), count(DISTINCT id) FROM lake").fetchall()[0])

        reader = Thread(target=look)
        reader.start()
        for _ in range(3):
            merging.merge_all(cloud.engine, cloud.layers.lake, cloud.clock, least=1)
        over.set()
        reader.join()
        assert set(seen) == {(rows, rows)}

    def test_a_turn_over_many_days_writes_one_file_that_a_merge_parts(self, cloud: Cloud) -> None:
        cloud.post(batch(earlier(humidity([60.0 + day for day in range(9)]), range(9))))
        assert [row["rows"] for row in cloud.rows(tables.lake_files)] == [9]
        before = cloud.readings()
        merge_all(cloud)
        assert len([row for row in cloud.rows(tables.lake_files) if row["removed_at"] is None]) == 9
        assert cloud.readings() == before


class TestFuture:
    def test_readings_of_the_future_are_kept_with_a_flag_and_trusted_by_nobody(self, cloud: Cloud) -> None:
        ahead = 40 * 60
        cloud.post(batch(humidity(dict.fromkeys(range(ahead, ahead + 30), 85.0)), sequence=1))
        cloud.post(batch(humidity({ahead + 30: 60.0, 5: 61.0}), sequence=2))
        rows = cloud.readings()
        assert [row["flag"] for row in rows].count("FUTURE") == 31
        assert [row["value"] for row in cloud.rows(tables.node_state)] == [6100]
        assert cloud.get("episodes")["episodes"] == []
        assert [row["readings"] for row in cloud.rows(tables.hourly)] == [1]


class TestDuplicates:
    def test_the_first_of_a_sample_wins_and_the_rest_are_counted(self, cloud: Cloud) -> None:
        cloud.post(batch(humidity({1: 61.0, 3: 63.0}), humidity({3: 99.0, 2: 62.0}), sequence=1))
        cloud.post(batch(humidity({4: 64.0, 2: 99.0, 1: 99.0}), sequence=2))
        assert [row["value"] for row in cloud.readings()] == [6100, 6300, 6200, 6400]
        assert cloud.get("status")["duplicates"] == 3
        assert [(row["first"], row["last"]) for row in cloud.rows(tables.delivered)] == [(2, 5)]

    def test_every_row_names_its_batch(self, cloud: Cloud) -> None:
        told(cloud)
        known = {row["id"]: row["readings"] for row in cloud.rows(tables.batches)}
        rows = [row["batch"] for row in cloud.readings()]
        assert {name: rows.count(name) for name in known} == known


class TestUnits:
    def test_other_units_become_the_quantitys_own(self, cloud: Cloud) -> None:
        group = Group(
            site="home-1",
            node="hall",
            installation=1,
            boot=1,
            channels=(
                Channel(quantity="temperature", unit="degF", scale=10),
                Channel(quantity="humidity", unit="%", scale=10),
                Channel(quantity="radon", unit="Bq/m3", scale=1),
            ),
            samples=(sample(1, [71.6, 55.5, 40.0], [10, 10, 1]),),
        )
        cloud.post(batch(group))
        found = [(row["quantity"], row["value"] / row["scale"], row["unit"]) for row in cloud.readings()]
        assert found == [("temperature", 22.0, "Cel"), ("humidity", 55.5, "%RH"), ("radon", 40.0, "Bq/m3")]


class TestHours:
    def test_hours_hold_what_trusted_readings_come_to_even_after_a_revision(self, cloud: Cloud) -> None:
        told(cloud)
        [counted] = ask(
            cloud, "SELECT sum(readings) AS n, min(low) AS low, max(high) AS high, sum(total) AS t FROM hourly"
        )
        [from_lake] = ask(
            cloud,
            "SELECT count(*) AS n, min(raw) AS low, max(raw) AS high, sum(raw) AS t FROM readings WHERE flag = 'OK'",
        )
        assert {key: int(value) for key, value in counted.items()} == {k: int(v) for k, v in from_lake.items()}


class TestQuestions:
    def test_a_question_joins_the_lake_with_the_tables(self, cloud: Cloud) -> None:
        told(cloud)
        [row] = ask(
            cloud,
            "SELECT max(r.value) AS high, any_value(e.need) AS need FROM readings r JOIN episodes e "
            "ON e.site = r.site AND e.node = r.node AND r.measured_at >= e.started_at WHERE NOT e.withdrawn",
        )
        assert row == {"high": 85.0, "need": "damp-air"}

    @pytest.mark.parametrize(
        "question",
        [
            "DELETE FROM readings",
            "CREATE TABLE x AS SELECT 1",
            "SELECT 1; SELECT 2",
            "COPY (SELECT 1) TO '/tmp/aircue-never.csv'",
            "SELECT * FROM read_text('/etc/hostname')",
            "SELECT * FROM '/etc/passwd'",
            "SET enable_external_access = true",
            "ATTACH 'x.db'",
            "SELECT * FROM nothing",
            "SELEC 1",
        ],
    )
    def test_anything_but_one_question_is_refused(self, cloud: Cloud, question: str) -> None:
        with pytest.raises(CommandError):
            ask(cloud, question)

    def test_an_empty_lake_answers(self, bare: Cloud) -> None:
        assert ask(bare, "SELECT count(*) AS n FROM readings") == [{"n": 0}]


class TestRetention:
    def test_readings_go_by_quantity_and_age(self, cloud: Cloud) -> None:
        cloud.post(batch(earlier(humidity([60.0] * 3), [40, 40, 20]), sequence=1))
        cloud.post(batch(humidity({5: 61.0}), sequence=2))
        with db.writing(cloud.engine) as connection:
            retention.keep(connection, "readings", "", 365)
            retention.keep(connection, "readings", "humidity", 30)
            retention.keep(connection, "hourly", "", 35)
        removed = retention.retain(cloud.engine, cloud.layers.lake, NOW)
        assert removed == {"objects of base": 0, "readings": 2, "hours": 1}
        assert [row["value"] for row in cloud.readings()] == [6000, 6100]

    def test_base_objects_go_and_their_rows_stay_as_lineage(self, cloud: Cloud) -> None:
        told(cloud)
        with db.writing(cloud.engine) as connection:
            retention.keep(connection, "base", "", 1)
        assert retention.retain(cloud.engine, cloud.layers.lake, NOW + timedelta(hours=1))["objects of base"] == 0
        assert retention.retain(cloud.engine, cloud.layers.lake, NOW + timedelta(days=2))["objects of base"] == 7
        assert list(cloud.layers.lake.objects.list("base/")) == []
        assert len(cloud.rows(tables.batches)) == 7


class TestCommands:
    def run(self, cloud: Cloud, *words: str) -> Result:
        data = cloud.folder.parent.parent
        config = data / "cloud.toml"
        lines = [f"data_dir = {json.dumps(str(data))}", f"database_url = {json.dumps(cloud.database_url)}"]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        result = CliRunner().invoke(main, [*words, "--config", str(config)])
        assert result.exit_code == 0, result.output
        return result

    def test_they_say_what_they_did(self, cloud: Cloud) -> None:
        told(cloud)
        rows = len(cloud.readings())
        assert "files merged" in self.run(cloud, "layers", "compact").stderr
        assert f"{rows} readings are in the lake again" in self.run(cloud, "layers", "rebuild").stderr
        assert "0 batches were taken up" in self.run(cloud, "layers", "work").stderr
        question = "SELECT count(*) AS n FROM readings"
        assert self.run(cloud, "query", question).stdout.split() == ["n", str(rows)]
        assert self.run(cloud, "query", question, "--format", "csv").stdout.split() == ['"n"', str(rows)]
        self.run(cloud, "layers", "keep", "readings", "30", "--quantity", "co2")
        assert "readings: 0 removed" in self.run(cloud, "layers", "retain").stderr


def test_the_lake_is_plain_parquet_that_others_read(cloud: Cloud) -> None:
    told(cloud)
    merge_all(cloud)
    folder = cloud.folder / "objects" / "lake"
    with duckdb.connect() as connection:
        query = f"SELECT count(DISTINCT id) FROM read_parquet('{folder}/*/*.parquet')"
        assert connection.execute(query).fetchall() == [(len(cloud.readings()),)]


def test_asked_gives_columns(cloud: Cloud) -> None:
    with db.reading(cloud.engine) as connection, cloud.layers.lake.open(connection) as opened:
        assert asked(opened, "SELECT 1 AS one").column_names == ["one"]
