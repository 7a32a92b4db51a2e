"""Batches over HTTP: stored once, exactly, whole; what cannot be taken is set aside, counted, and harms no other."""

import hashlib
import json
import os
import stat
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.cloud.stage import DAMP, Cloud, batch, humidity
from tests.contract import batch1
from tests.contract.golden import golden
from werkzeug.test import TestResponse

from aircue_cloud import db, tables
from aircue_cloud.errors import ObjectConflict
from aircue_cloud.ingest.columns import Columns
from aircue_cloud.layers import worker
from aircue_cloud.objects import FolderStore
from aircue_gateway.batch import Loss, Status, encode


def refusal(response: TestResponse, status: int) -> str:
    """The detail of a problem document."""
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    document = response.get_json()
    assert document.keys() == {"type", "title", "status", "detail"}
    assert document["status"] == status
    return str(document["detail"])


def resealed(content: bytes, change: dict[str, Any]) -> bytes:
    """A batch of version 1 whose header says something else, with a hash that fits."""
    body = zlib.decompress(content[33:])
    length, at = _varint(body)
    header = json.loads(body[at : at + length]) | change
    text = json.dumps(header).encode()
    packed = zlib.compress(_varint_bytes(len(text)) + text + body[at + length :])
    return content[:1] + hashlib.sha256(packed).digest() + packed


def _varint(body: bytes) -> tuple[int, int]:
    number = shift = at = 0
    while True:
        number |= (body[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if body[at - 1] < 128:
            return number, at


def _varint_bytes(number: int) -> bytes:
    return bytes([number & 127 | 128]) + _varint_bytes(number >> 7) if number > 127 else bytes([number])


class TestValid:
    def test_the_golden_batch_is_stored_value_by_value(self, cloud: Cloud) -> None:
        file = golden("batch")
        response = cloud.post(bytes.fromhex(file["hex"]))
        assert response.status_code == 200
        rows = cloud.get("readings")["rows"]
        assert response.get_json()["readings"] == len(rows) > 0
        assert {row["batch"] for row in rows} == {response.get_json()["batch"]}

    def test_the_golden_batch_of_version_2_is_stored_value_by_value(self, cloud: Cloud) -> None:
        file = golden("batch2")
        assert cloud.post(bytes.fromhex(file["hex"])).status_code == 200
        told = {
            (group["node"], channel["quantity"], sample["sequence"], value)
            for group in file["fields"]["groups"]
            for sample in group["samples"]
            for channel, value in zip(group["channels"], sample["values"], strict=True)
            if value is not None
        }
        assert {(row["node"], row["quantity"], row["sequence"], row["value"]) for row in cloud.readings()} == told
        assert "K\u00fcche 2" in {node for node, *_ in told}

    def test_batches_of_both_versions_are_stored_alike(self, cloud_factory: Callable[[], Cloud]) -> None:
        one, other = cloud_factory(), cloud_factory()
        content = batch(humidity([60.0, 61.0, None]))
        assert one.post(content).status_code == other.post(batch1.encode(content)).status_code == 200
        rows = [[{**row, "received_at": ""} for row in cloud.get("readings")["rows"]] for cloud in (one, other)]
        assert len(rows[0]) == 2
        assert rows[0] == rows[1]

    def test_the_reply_names_batch_and_rules(self, cloud: Cloud) -> None:
        reply = cloud.post(batch(humidity([60.0, 61.0]), sequence=7)).get_json()
        rules = (
            cloud.app.test_client().get("/api/v1/rules", headers={"Authorization": f"Bearer {cloud.key}"}).get_json()
        )
        stored = {"batch": "gw-1/3f9c21d0/7", "duplicate": False, "readings": 2, "number": 1}
        assert reply == {**stored, "rules": rules["version"]}

    def test_a_reading_comes_back_with_its_exact_decimal_its_key_and_its_times(self, cloud: Cloud) -> None:
        cloud.post(batch(humidity({3: 80.12})))
        [row] = cloud.get("readings")["rows"]
        assert (row["node"], row["installation"], row["boot"], row["sequence"]) == ("bathroom", 2779096485, 1, 4)
        assert (row["value"], row["unit"], row["flag"], row["clock"]) == (80.12, "%RH", "OK", "node")
        assert row["measured_at"] == "2026-11-21T02:03:00.000+00:00"
        assert row["ingested_at"] == "2026-11-21T12:00:00.000+00:00"

    def test_gaps_and_suppressed_values_are_counted_and_are_no_rows(self, cloud: Cloud) -> None:
        cloud.post(batch(humidity([60.0, None, Status.SUPPRESSED, Status.SUPPRESSED])))
        figures = cloud.get("status")
        assert (figures["readings"], figures["gaps"], figures["suppressed"]) == (1, 1, 2)
        [tally] = cloud.rows(tables.tallies)
        assert (tally["quantity"], tally["gaps"], tally["suppressed"]) == ("humidity", 1, 2)

    def test_the_base_layer_keeps_the_bytes_as_they_came(self, cloud: Cloud) -> None:
        content = encode(batch(humidity([60.0])))
        cloud.post(content)
        assert (cloud.folder / "objects/base/gw-1/3f9c21d0/1.batch").read_bytes() == content

    def test_readings_that_came_in_another_batch_are_kept_out_and_counted(self, cloud: Cloud) -> None:
        cloud.post(batch(humidity([60.0, 61.0]), sequence=1))
        cloud.post(batch(humidity([99.0, 61.0, 62.0]), sequence=2))
        assert [row["value"] for row in cloud.get("readings")["rows"]] == [60.0, 61.0, 62.0]
        assert cloud.get("status")["duplicates"] == 2

    def test_a_reading_that_came_before_counts_with_its_stored_value_in_episodes(self, cloud: Cloud) -> None:
        cloud.post(batch(humidity([60.0] * 20), sequence=1))
        cloud.post(batch(humidity([85.0] * 20), sequence=2))
        assert cloud.get("episodes")["episodes"] == []

    def test_a_node_joins_once(self, cloud: Cloud) -> None:
        cloud.post(batch(humidity([60.0]), sequence=1))
        cloud.post(batch(humidity({1: 60.0}), sequence=2))
        assert [row["kind"] for row in cloud.get("feed")["rows"]] == ["node"]

    def test_the_latest_state_is_the_latest_measured_not_the_latest_arrived(self, cloud: Cloud) -> None:
        cloud.post(batch(humidity({5: 65.0}), sequence=1))
        cloud.post(batch(humidity({1: 61.0}), sequence=2))
        assert [row["value"] for row in cloud.rows(tables.node_state)] == [6500]

    def test_pages_of_readings_follow_each_other(self, cloud: Cloud) -> None:
        cloud.post(batch(humidity([60.0, 61.0, 62.0])))
        first = cloud.get("readings?limit=2")
        second = cloud.get(f"readings?after={first['next']}&limit=2")
        assert [row["value"] for row in first["rows"] + second["rows"]] == [60.0, 61.0, 62.0]
        assert cloud.get(f"readings?after={second['next']}") == {"rows": [], "next": second["next"]}

    def test_an_empty_batch_is_a_batch(self, cloud: Cloud) -> None:
        assert cloud.post(batch()).get_json()["readings"] == 0


class TestLosses:
    def loss(self, first: int, last: int, samples: int, where: str = "node") -> Loss:
        return Loss(node="bathroom", installation=1, boot=1, first=first, last=last, samples=samples, where=where)

    def declared(self, cloud: Cloud, *losses: Loss) -> int:
        for sequence, loss in enumerate(losses):
            cloud.post(batch(sequence=sequence, losses=(loss,)))
        return int(cloud.get("status")["losses"])

    def test_a_loss_that_is_declared_again_counts_once(self, cloud: Cloud) -> None:
        assert self.declared(cloud, self.loss(1, 10, 10), self.loss(1, 10, 10)) == 10

    def test_a_range_that_grows_takes_the_place_of_its_parts(self, cloud: Cloud) -> None:
        parts = [self.loss(1, 10, 10), self.loss(20, 30, 11), self.loss(1, 30, 21)]
        assert self.declared(cloud, *parts) == 21

    def test_an_older_word_of_a_range_that_has_grown_says_nothing(self, cloud: Cloud) -> None:
        assert self.declared(cloud, self.loss(1, 30, 21), self.loss(1, 10, 10)) == 21

    def test_a_range_in_which_more_is_lost_counts_what_is_lost_now(self, cloud: Cloud) -> None:
        assert self.declared(cloud, self.loss(1, 30, 5), self.loss(1, 30, 9)) == 9

    def test_nodes_and_gateways_lose_apart(self, cloud: Cloud) -> None:
        assert self.declared(cloud, self.loss(1, 10, 10), self.loss(1, 10, 10, where="gateway")) == 20


class TestDeliveredAgain:
    def test_the_same_batch_is_stored_once_and_counted_as_redelivered(self, cloud: Cloud) -> None:
        content = batch(humidity([60.0, 61.0]))
        cloud.post(content)
        reply = cloud.post(content).get_json()
        assert (reply["duplicate"], reply["readings"], reply["number"]) == (True, 2, 1)
        figures = cloud.get("status")
        assert (figures["readings"], figures["batches"], figures["redelivered_batches"]) == (2, 1, 1)
        assert figures["duplicates"] == 0

    def test_twenty_at_once_are_stored_once_and_push_once(self, cloud: Cloud) -> None:
        content = batch(humidity(DAMP))
        with ThreadPoolExecutor(20) as pool:
            replies = [response.get_json() for response in pool.map(cloud.post, [content] * 20)]
        assert sorted(reply["duplicate"] for reply in replies) == [False] + [True] * 19
        assert {reply["number"] for reply in replies} == {1}
        figures = cloud.get("status")
        assert (figures["readings"], figures["redelivered_batches"], figures["pushes"]) == (20, 19, 1)

    def test_different_batches_at_once_are_all_stored(self, cloud: Cloud) -> None:
        contents = [batch(humidity({n: 60.0}), sequence=n) for n in range(20)]
        with ThreadPoolExecutor(20) as pool:
            assert {response.status_code for response in pool.map(cloud.post, contents)} == {200}
        assert cloud.get("status")["readings"] == 20

    def test_the_same_id_with_another_hash_is_refused(self, cloud: Cloud) -> None:
        cloud.post(batch(humidity([60.0])))
        detail = refusal(cloud.post(batch(humidity([61.0]))), 422)
        assert "gw-1/3f9c21d0/1" in detail
        assert "another hash" in detail
        assert [row["value"] for row in cloud.get("readings")["rows"]] == [60.0]

    def test_a_batch_that_reached_the_base_layer_before_a_crash_is_completed(self, cloud: Cloud) -> None:
        content = encode(batch(humidity([60.0])))
        FolderStore(cloud.folder / "objects").put("base/gw-1/3f9c21d0/1.batch", content)
        assert cloud.post(content).get_json()["duplicate"] is False
        assert cloud.get("status")["readings"] == 1


GOOD = encode(batch(humidity([60.0])))
OLD = batch1.encode(batch(humidity([60.0])))
FLIPPED = GOOD[:-1] + bytes([GOOD[-1] ^ 1])


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            pytest.param(FLIPPED, "hash does not fit", id="wrong hash"),
            pytest.param(GOOD[:-20], "hash does not fit", id="truncated"),
            pytest.param(b"", "no bytes", id="empty"),
            pytest.param(b"\x09" + GOOD[1:], "version 9", id="unknown version"),
            pytest.param(
                encode(replace(batch(humidity([60.0])), gateway="gw-2")), "gateway 'gw-2'", id="another gateway's"
            ),
            pytest.param(
                encode(replace(batch(humidity([60.0])), epoch="../../x")), "impossible epoch", id="epoch of version 2"
            ),
            pytest.param(resealed(OLD, {"gateway": "gw-2"}), "gateway 'gw-2'", id="another gateway's in version 1"),
            pytest.param(resealed(OLD, {"groups": 5}), "cannot be read", id="no groups"),
            pytest.param(resealed(OLD, {"epoch": "../../x"}), "impossible epoch", id="epoch that climbs"),
            pytest.param(resealed(OLD, {"epoch": 5}), "impossible epoch", id="epoch of another type"),
            pytest.param(resealed(OLD, {"sequence": 2**70}), "impossible batch sequence", id="sequence too large"),
            pytest.param(resealed(OLD, {"sealed_at_ms": "now"}), "impossible sealed_at_ms", id="time of another type"),
        ],
    )
    def test_it_is_kept_aside_counted_and_blocks_no_neighbour(self, cloud: Cloud, content: bytes, said: str) -> None:
        assert cloud.post(batch(humidity([60.0]), sequence=1)).status_code == 200
        assert said in refusal(cloud.post(content), 422)
        assert cloud.post(batch(humidity({1: 61.0}), sequence=2)).status_code == 200
        figures = cloud.get("status")
        assert (figures["readings"], figures["refused_batches"]) == (2, 1)
        [row] = cloud.rows(tables.refused)
        assert said in row["reason"]
        assert (cloud.folder / "objects" / row["object_key"]).read_bytes() == content

    def test_a_bomb_is_refused_before_it_unpacks(self, cloud: Cloud) -> None:
        packed = zlib.compress(bytes(50_000_000))
        content = b"\x01" + hashlib.sha256(packed).digest() + packed
        assert len(content) < 60_000
        assert "batch unpacks to over 2097152 bytes" in refusal(cloud.post(content), 422)

    def test_values_that_no_node_has_are_refused(self, cloud: Cloud) -> None:
        assert "impossible value of humidity" in refusal(cloud.post(batch(humidity([1e16]))), 422)

    @pytest.mark.parametrize("site", ["", "a/b", "x" * 200, "tab\there"])
    def test_names_that_are_no_names_are_refused(self, cloud: Cloud, site: str) -> None:
        assert "impossible site" in refusal(cloud.post(batch(humidity([60.0], site=site))), 422)

    def test_a_batch_refused_twice_is_one_refused_batch(self, cloud: Cloud) -> None:
        cloud.post(FLIPPED)
        cloud.post(FLIPPED)
        assert cloud.get("status")["refused_batches"] == 1
        assert [row["deliveries"] for row in cloud.rows(tables.refused)] == [2]

    @pytest.mark.parametrize("key", ["wrong", "Ünknown", "x" * 5000])
    def test_an_unknown_key_is_refused_and_counted(self, cloud: Cloud, key: str) -> None:
        response = cloud.post(batch(humidity([60.0])), key=key)
        assert "gateway add" in refusal(response, 401)
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (cloud.get("status")["unknown_keys"], cloud.get("status")["readings"]) == (1, 0)

    @pytest.mark.parametrize("header", [None, "Basic Z3ctMTpr", "Bearer", "Bearer "])
    def test_a_request_without_a_key_is_refused(self, cloud: Cloud, header: str | None) -> None:
        headers = {} if header is None else {"Authorization": header}
        response = cloud.app.test_client().post("/api/v1/batches", data=GOOD, headers=headers)
        assert "Authorization: Bearer" in refusal(response, 401)

    def test_a_batch_over_the_limit_is_refused_and_counted(self, cloud: Cloud) -> None:
        cloud.app.config["MAX_CONTENT_LENGTH"] = 64
        assert "max_batch_bytes" in refusal(cloud.post(batch(humidity([60.0]))), 413)
        assert cloud.get("status")["oversized_batches"] == 1


class TestKeptWhole:
    def test_a_failure_in_the_middle_leaves_no_row(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise OSError("simulated: the disk is full")

        monkeypatch.setattr("aircue_cloud.delivery.inbox.send_all", fail)
        headers = {"Authorization": f"Bearer {cloud.key}"}
        content = encode(batch(humidity(DAMP)))
        assert cloud.app.test_client().post("/api/v1/batches", data=content, headers=headers).status_code == 200
        with pytest.raises(OSError, match="disk is full"):
            cloud.settle()
        untouched = (
            tables.lake,
            tables.lake_files,
            tables.delivered,
            tables.hourly,
            tables.episodes,
            tables.decisions,
            tables.feed,
            tables.node_state,
        )
        with db.reading(cloud.engine) as connection:
            found = [connection.execute(select(table)).all() for table in untouched]
        assert found == [[]] * len(untouched)
        assert list(FolderStore(cloud.folder / "objects").list("lake/")) == []
        monkeypatch.undo()
        assert (cloud.get("status")["readings"], cloud.get("status")["pushes"]) == (20, 1)

    def test_a_batch_the_layers_cannot_take_up_is_held_and_stops_no_other(
        self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = worker.tallies

        def fail(content: Columns) -> list[dict[str, Any]]:
            if content.sequence == 2:
                raise RuntimeError("simulated: a defect of ours")
            return real(content)

        monkeypatch.setattr(worker, "tallies", fail)
        headers = {"Authorization": f"Bearer {cloud.key}"}
        for sequence in (1, 2, 3):
            content = encode(batch(humidity({sequence: 60.0}), sequence=sequence))
            assert cloud.app.test_client().post("/api/v1/batches", data=content, headers=headers).status_code == 200
        assert [row["sequence"] for row in cloud.readings()] == [2, 4]
        held = {row["number"]: row["held"] for row in cloud.rows(tables.batches)}
        assert (held[1], held[3]) == (None, None)
        assert "a defect of ours" in held[2]


class TestObjects:
    def test_the_same_bytes_twice_are_one_object(self, tmp_path: Path) -> None:
        store = FolderStore(tmp_path)
        assert [store.put("a/b", b"x"), store.put("a/b", b"x")] == [True, False]
        assert (store.get("a/b"), list(store.list("a/"))) == (b"x", ["a/b"])

    def test_a_key_keeps_what_it_was_given_first(self, tmp_path: Path) -> None:
        store = FolderStore(tmp_path)
        store.put("a", b"x")
        with pytest.raises(ObjectConflict, match="a is there already"):
            store.put("a", b"y")
        assert (store.get("a"), list(store.list(""))) == (b"x", ["a"])

    @pytest.mark.parametrize("key", ["../a", "a/../b", "/a", "a//b", ".draft-1", "", "a/.b", "ä"])
    def test_a_key_that_leads_elsewhere_is_an_error(self, tmp_path: Path, key: str) -> None:
        with pytest.raises(ValueError, match="object key"):
            FolderStore(tmp_path).put(key, b"")

    def test_a_key_that_is_not_there_is_a_key_error(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError):
            FolderStore(tmp_path).get("a")

    def test_an_object_is_synced_before_its_name_and_its_name_before_the_answer(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        events: list[str] = []
        sync, link = os.fsync, os.link

        def seen_sync(descriptor: int) -> None:
            events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
            sync(descriptor)

        def seen_link(source: Path, target: Path) -> None:
            events.append("link")
            link(source, target)

        monkeypatch.setattr(os, "fsync", seen_sync)
        monkeypatch.setattr(os, "link", seen_link)
        FolderStore(tmp_path).put("a", b"x")
        assert events == ["file", "link", "folder"]
