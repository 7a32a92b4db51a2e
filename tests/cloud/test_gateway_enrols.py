"""`aircue-gateway enrol` against the real application: a code becomes the key in the gateway's configuration."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cloud.stage import Cloud
from werkzeug.serving import make_server

from aircue_cloud import db
from aircue_cloud.identity import codes, gateway_keys
from aircue_gateway.cli import main
from aircue_gateway.config import load
from aircue_gateway.uplink.http import Cloud as Uplink

BY_HAND = """# mine
name = "gw-old"  # the living room's
data_dir = "spool"
[uplink]   # to the cloud
url = "http://127.0.0.1:9"
key = 'the-key-before'  # soon over
batch_window_s = 60
[[nodes]]
id = "bathroom"
site = "home-1"
key = "the-nodes-key"
"""


@pytest.fixture
def url(cloud: Cloud) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, cloud.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "gateway.toml"


def code(cloud: Cloud, name: str = "gw-2", kind: str = "gateway") -> str:
    with db.writing(cloud.engine) as connection:
        if kind == "gateway":
            gateway_keys.expect(connection, name, cloud.clock.now)
        return codes.draw(connection, kind, name, cloud.clock.now)


def enrolled(file: Path, code: str, *options: str) -> int:
    return main(["enrol", code, "--config", str(file), *options])


def answer(file: Path) -> int:
    """Of the cloud to the key in the file."""
    uplink = Uplink(load(file).uplink)
    try:
        return uplink.get_rules().status
    finally:
        uplink.close()


def test_a_code_and_an_address_make_a_configuration_that_the_cloud_knows(cloud: Cloud, url: str, file: Path) -> None:
    assert enrolled(file, code(cloud), "--cloud", url + "/") == 0
    config = load(file)
    assert (config.name, config.uplink.url) == ("gw-2", url)
    assert answer(file) == 200
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["gateway.toml"]


def test_in_a_configuration_that_is_there_nothing_else_changes(
    cloud: Cloud, url: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.parent.mkdir()
    file.write_text(BY_HAND)
    file.chmod(0o664)
    assert enrolled(file, code(cloud), "--cloud", url) == 0
    key = load(file).uplink.key
    changed = BY_HAND.replace('"gw-old"', '"gw-2"').replace("http://127.0.0.1:9", url)
    assert file.read_text() == changed.replace("'the-key-before'", f'"{key}"')
    assert answer(file) == 200
    assert file.stat().st_mode & 0o777 == 0o660
    said = capsys.readouterr().out
    assert "the cloud calls this gateway gw-2, not gw-old" in said
    assert key not in said


def test_a_gateway_gets_another_key_from_the_cloud_it_has(cloud: Cloud, url: str, file: Path) -> None:
    enrolled(file, code(cloud), "--cloud", url)
    before = load(file).uplink.key
    assert enrolled(file, code(cloud)) == 0
    assert load(file).uplink.key != before
    assert answer(file) == 200


def test_a_code_that_is_used_up_changes_nothing_and_says_what_to_do(
    cloud: Cloud, url: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    once = code(cloud)
    enrolled(file, once, "--cloud", url)
    before = file.read_text()
    assert enrolled(file, once) == 1
    assert "was used or is over: make another one with: aircue-cloud gateway enrol" in capsys.readouterr().err
    assert file.read_text() == before


def test_a_nodes_code_is_none_for_a_gateway(
    cloud: Cloud, url: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enrolled(file, code(cloud, "bathroom", "node"), "--cloud", url) == 1
    assert "this was the code of node bathroom, and is used up" in capsys.readouterr().err
    assert not file.exists()


def test_a_configuration_that_cannot_take_a_key_does_not_cost_the_code(
    cloud: Cloud, url: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.parent.mkdir()
    file.write_text(f'name = "gw-2"\ndata_dir = "spool"\nuplink = {{ url = "{url}", key = "the-key-before" }}\n')
    once = code(cloud)
    assert enrolled(file, once) == 2
    assert "no line [uplink] to put a key under" in capsys.readouterr().err
    file.unlink()
    assert enrolled(file, once, "--cloud", url) == 0


def test_without_a_cloud_the_code_stays_good(cloud: Cloud, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enrolled(file, code(cloud)) == 2
    assert "--cloud URL is missing" in capsys.readouterr().err
    assert enrolled(file, code(cloud), "--cloud", "http://127.0.0.1:9") == 1
    assert "is http://127.0.0.1:9 the cloud, and up? The code was not used" in capsys.readouterr().err
    assert not file.exists()
