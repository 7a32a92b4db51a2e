"""Batches by way of an object store: the gateway's client, the cloud over HTTP, and moto's S3 on loopback."""

import base64
import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from tests.cloud.stage import Cloud, batch, humidity
from werkzeug.serving import make_server

from aircue_cloud import tables
from aircue_cloud.cli import main
from aircue_cloud.errors import ObjectConflict, SettingsError
from aircue_cloud.ingest.intake import Intake
from aircue_cloud.ingest.uploads import Uploads
from aircue_cloud.layers import merging, rebuilding
from aircue_cloud.layers.lake import Lake
from aircue_cloud.routes import services as built
from aircue_cloud.s3 import S3Store
from aircue_cloud.stores import Stores
from aircue_gateway.batch import encode
from aircue_gateway.config import UplinkConfig
from aircue_gateway.spool.spool import Sealed
from aircue_gateway.uplink import http, object_store
from aircue_gateway.uplink.http import Answer, Delivered, Refused, TryAgain, verdict

HELP = "pip install boto3 'moto[server]' runs this test"
boto3 = pytest.importorskip("boto3", reason=HELP)
moto = pytest.importorskip("moto.server", reason=HELP)

CONTENT = encode(batch(humidity([60.0, 61.0])))
SEALED = Sealed(sequence=1, id="gw-1/3f9c21d0/1", body=CONTENT)
BASE = "base/gw-1/3f9c21d0/1.batch"


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[S3Store]:
    """An empty bucket of its own."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "simulated")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulated")
    bucket = f"b-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:20]}"
    made = S3Store.open(bucket, s3_url, "us-east-1")
    made._client.create_bucket(Bucket=bucket)
    yield made
    made._client.close()


@pytest.fixture
def served(cloud: Cloud, store: S3Store) -> Iterator[tuple[Cloud, UplinkConfig]]:
    """A cloud over real HTTP whose objects are in the bucket."""
    known = cloud.services
    intake = replace(known.intake, objects=store)
    uploads = Uploads(intake=intake, store=store, url_s=300)
    with cloud.app.app_context():
        changed = Stores(built.config(), lambda _: replace(known, intake=intake, uploads=uploads))
        built.register(cloud.app.extensions, changed, built.config())
    server = make_server("127.0.0.1", 0, cloud.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield cloud, UplinkConfig(url=f"http://127.0.0.1:{server.server_port}", key=cloud.key)
    server.shutdown()
    thread.join()
    server.server_close()


def client(config: UplinkConfig) -> object_store.Uploads:
    return object_store.Uploads(http.Cloud(config), None)


def stands_once(cloud: Cloud, store: S3Store) -> None:
    assert [row["value"] for row in cloud.get("readings")["rows"]] == [60.0, 61.0]
    assert [row["id"] for row in cloud.rows(tables.batches)] == [SEALED.id]
    assert list(store.list("")) == [BASE]
    assert store.get(BASE) == CONTENT


def test_a_batch_goes_through_the_store_and_counts_once(served: tuple[Cloud, UplinkConfig], store: S3Store) -> None:
    cloud, config = served
    for _ in range(3):
        assert isinstance(verdict(client(config).send(SEALED), SEALED.id), Delivered)
    stands_once(cloud, store)


def test_it_counts_once_together_with_the_same_batch_by_http(
    served: tuple[Cloud, UplinkConfig], store: S3Store
) -> None:
    cloud, config = served
    http.Cloud(config).send(SEALED)
    client(config).send(SEALED)
    http.Cloud(config).send(SEALED)
    stands_once(cloud, store)


class Killed(BaseException):
    """The gateway dies here (simulated)."""


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("request_number", [1, 2, 3])
def test_a_gateway_killed_before_or_after_any_request_ends_once_in_effect(
    served: tuple[Cloud, UplinkConfig],
    store: S3Store,
    monkeypatch: pytest.MonkeyPatch,
    request_number: int,
    answered: bool,
) -> None:
    cloud, config = served
    real, sent = http.request, []

    def cut(*args: Any) -> Answer:
        sent.append(args)
        if len(sent) == request_number and not answered:
            raise Killed
        answer = real(*args)
        if len(sent) == request_number:
            raise Killed
        return answer

    for module in (http, object_store):
        monkeypatch.setattr(module, "request", cut)
    with pytest.raises(Killed):
        client(config).send(SEALED)
    for module in (http, object_store):
        monkeypatch.setattr(module, "request", real)
    assert isinstance(verdict(client(config).send(SEALED), SEALED.id), Delivered)
    stands_once(cloud, store)


@pytest.mark.parametrize("step", ["_store", "remove"])
def test_a_cloud_that_fails_while_it_takes_the_batch_in_takes_it_when_it_is_told_again(
    served: tuple[Cloud, UplinkConfig], store: S3Store, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    cloud, config = served

    def fail(*_: object) -> None:
        raise OSError("simulated: the process died here")

    with monkeypatch.context() as patch:
        patch.setattr(Intake if step == "_store" else S3Store, step, fail)
        with pytest.raises(TryAgain, match="500"):
            verdict(client(config).send(SEALED), SEALED.id)
    assert isinstance(verdict(client(config).send(SEALED), SEALED.id), Delivered)
    assert [row["value"] for row in cloud.get("readings")["rows"]] == [60.0, 61.0]
    assert store.get(BASE) == CONTENT


def ask(config: UplinkConfig, **changes: Any) -> Answer:
    fields = {"batch": SEALED.id, "sha256": hashlib.sha256(CONTENT).hexdigest(), "size": len(CONTENT), **changes}
    return http.Cloud(config).ask("POST", "/api/v1/uploads", json.dumps(fields).encode(), "application/json")


def test_the_url_is_good_for_one_key_below_the_gateways_prefix_one_length_one_checksum_and_minutes(
    served: tuple[Cloud, UplinkConfig],
) -> None:
    """A real store refuses what was not signed; moto checks neither signatures nor checksums."""
    offer = http.fields_of(ask(served[1]).body)
    address = urlsplit(str(offer["url"]))
    query = parse_qs(address.query)
    assert "/incoming/gw-1/3f9c21d0/1-" in address.path
    assert query["X-Amz-Expires"] == ["300"]
    assert set(query["X-Amz-SignedHeaders"][0].split(";")) == {"content-length", "host", "x-amz-checksum-sha256"}
    checksum = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert offer["headers"] == {"Content-Length": str(len(CONTENT)), "x-amz-checksum-sha256": checksum}


def test_bytes_a_careless_store_took_are_not_taken_for_the_batch(
    served: tuple[Cloud, UplinkConfig], store: S3Store
) -> None:
    cloud, config = served
    offer = http.fields_of(ask(config).body)
    [key] = [f"incoming/{SEALED.id}-{hashlib.sha256(CONTENT).hexdigest()}.batch"]
    store.put(key, b"other bytes")
    assert http.Cloud(config).ask("POST", f"/api/v1/uploads/{offer['upload']}/done", b"").status == 404
    assert isinstance(verdict(client(config).send(SEALED), SEALED.id), Delivered)
    stands_once(cloud, store)


def test_an_upload_that_is_gone_when_it_is_fetched_keeps_the_batch(
    served: tuple[Cloud, UplinkConfig], store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> bytes:
        raise KeyError

    with monkeypatch.context() as patch:
        patch.setattr(S3Store, "get", gone)
        with pytest.raises(TryAgain, match="404"):
            client(served[1]).send(SEALED)
    client(served[1]).send(SEALED)
    stands_once(served[0], store)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"batch": "gw-2/3f9c21d0/1"}, 422),
        ({"batch": "gw-1/../1"}, 422),
        ({"batch": "gw-1/3f9c21d0/01"}, 422),
        ({"sha256": "00"}, 422),
        ({"size": 0}, 413),
        ({"size": 10**9}, 413),
        ({"size": "5"}, 422),
        ({"more": 1}, 422),
    ],
)
def test_what_no_gateway_asks_gets_no_url(
    served: tuple[Cloud, UplinkConfig], changes: dict[str, Any], status: int
) -> None:
    assert ask(served[1], **changes).status == status


@pytest.mark.parametrize("upload", ["x", "a~1~00", "..~1~" + "0" * 64])
def test_an_upload_nobody_offered_is_not_found(served: tuple[Cloud, UplinkConfig], upload: str) -> None:
    assert http.Cloud(served[1]).ask("POST", f"/api/v1/uploads/{upload}/done", b"").status == 404


def test_both_routes_need_the_gateways_key(served: tuple[Cloud, UplinkConfig]) -> None:
    stranger = UplinkConfig(url=served[1].url, key="a-key-of-nobody")
    assert ask(stranger).status == 401
    assert http.Cloud(stranger).ask("POST", "/api/v1/uploads/x/done", b"").status == 401


def test_a_batch_the_cloud_refuses_is_kept_aside_and_is_no_upload_any_more(
    served: tuple[Cloud, UplinkConfig], store: S3Store
) -> None:
    spoilt = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    sealed = Sealed(sequence=1, id=SEALED.id, body=spoilt)
    assert isinstance(verdict(client(served[1]).send(sealed), SEALED.id), Refused)
    assert list(store.list("")) == [f"refused/gw-1/{hashlib.sha256(spoilt).hexdigest()}.batch"]


def test_a_cloud_without_a_store_says_so_and_the_batch_is_kept(cloud: Cloud) -> None:
    headers = {"Authorization": f"Bearer {cloud.key}"}
    fields = {"batch": SEALED.id, "sha256": "0" * 64, "size": 5}
    answer = cloud.app.test_client().post("/api/v1/uploads", json=fields, headers=headers)
    assert answer.status_code == 501
    with pytest.raises(TryAgain, match="via = "):
        verdict(Answer(501, answer.data), SEALED.id)


class TestStorage:
    def run(self, tmp_path: Any, s3_url: str, *words: str) -> str:
        config = tmp_path / "s3.toml"
        config.write_text(f's3_bucket = "made-here"\ns3_endpoint_url = "{s3_url}"\n', encoding="utf-8")
        result = CliRunner().invoke(main, ["storage", *words, "--config", str(config)])
        assert result.exit_code == 0, result.output
        return result.output

    def test_a_bucket_is_made_shut_encrypted_and_tidy_and_may_be_made_again(
        self, store: S3Store, s3_url: str, tmp_path: Any
    ) -> None:
        for _ in range(2):
            assert "bucket made-here is ready" in self.run(tmp_path, s3_url, "create")
        client = store._client
        shut = client.get_public_access_block(Bucket="made-here")["PublicAccessBlockConfiguration"]
        assert set(shut.values()) == {True}
        rules = client.get_bucket_encryption(Bucket="made-here")["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        ends = client.get_bucket_lifecycle_configuration(Bucket="made-here")["Rules"]
        assert [(rule["Filter"]["Prefix"], rule.get("Expiration")) for rule in ends] == [
            ("incoming/", {"Days": 7}),
            ("", None),
        ]

    def test_a_gateways_policy_lets_it_put_below_its_own_name_and_nothing_else(
        self, s3_url: str, tmp_path: Any
    ) -> None:
        policy = json.loads(self.run(tmp_path, s3_url, "policy", "gw-1"))
        [allowed] = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
        assert (allowed["Action"], allowed["Resource"]) == (
            "s3:PutObject",
            "arn:aws:s3:::made-here/incoming/gw-1/*",
        )

    def test_a_folder_needs_no_bucket(self) -> None:
        assert "s3_bucket is not set" in CliRunner().invoke(main, ["storage", "create"]).output


class TestLayersInABucket:
    def test_the_lake_lies_in_the_bucket_and_is_read_merged_and_made_again_there(
        self, cloud: Cloud, store: S3Store
    ) -> None:
        worker = cloud.layers
        worker.lake = Lake(store)
        known = cloud.services
        intake = replace(known.intake, objects=store)
        with cloud.app.app_context():
            changed = Stores(built.config(), lambda _: replace(known, intake=intake, lake=worker.lake))
            built.register(cloud.app.extensions, changed, built.config())
        for sequence in range(4):
            cloud.post(batch(humidity({sequence: 60.0 + sequence}), sequence=sequence))
        rows = cloud.readings()
        assert [row["value"] for row in rows] == [6000, 6100, 6200, 6300]
        assert len(list(store.list("lake/"))) == 4
        assert merging.merge_all(cloud.engine, worker.lake, cloud.clock) == 4
        assert cloud.readings() == rows
        assert merging.forget_old(cloud.engine, worker.lake, cloud.clock() + timedelta(days=1)) == 4
        assert len(list(store.list("lake/"))) == 1
        rebuilding.from_base(worker, cloud.clock, lambda _: None)
        assert cloud.readings() == rows
        assert [row["id"] for row in cloud.get("readings")["rows"]] == [1, 2, 3, 4]


class TestS3Store:
    def test_an_object_is_put_once_and_comes_back(self, store: S3Store) -> None:
        assert [store.put("a/b", b"x"), store.put("a/b", b"x")] == [True, False]
        assert store.get("a/b") == b"x"

    def test_a_key_never_changes_its_content(self, store: S3Store) -> None:
        store.put("a/b", b"x")
        with pytest.raises(ObjectConflict):
            store.put("a/b", b"y")
        assert store.get("a/b") == b"x"

    def test_what_is_not_there_is_a_key_error_and_may_be_removed(self, store: S3Store) -> None:
        store.remove("a/b")
        with pytest.raises(KeyError):
            store.get("a/b")

    def test_keys_are_listed_by_prefix_in_order(self, store: S3Store) -> None:
        for key in ("b/2", "a/9", "b/1"):
            store.put(key, b"")
        assert list(store.list("b/")) == ["b/1", "b/2"]

    @pytest.mark.parametrize("key", ["../x", "/x", "a//b", ".a"])
    def test_keys_that_climb_are_no_keys(self, store: S3Store, key: str) -> None:
        with pytest.raises(ValueError, match="object key"):
            store.put(key, b"")


def test_without_boto3_the_start_ends_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(SettingsError, match=r"aircue\[cloud,s3\]"):
        S3Store.open("b", "", "us-east-1")
