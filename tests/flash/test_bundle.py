"""aircue-flash bundle: what it makes and says is what a node's own update takes, from Python's own web server."""

import asyncio
import functools
import json
import re
import shlex
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.flash.stage import write_firmware
from tests.node import board

from aircue_node.host import cli
from aircue_node.host.image import build_image
from aircue_node.slots import Slots
from aircue_node.update import Updater

KEYS = {"bathroom": "correct horse", "kitchen": "battery staple"}
GATEWAY = 'name = "g"\n' + "".join(
    f'[[nodes]]\nid = "{node}"\nsite = "home-1"\nkey = "{KEYS[node]}"\n' for node in KEYS
)
SETTINGS = {"site": "home-1", "node": "attic", "key": "a third secret", "gateway": "10.0.0.1", "sensors": []}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_firmware(tmp_path / "source", "0.2.0")


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(GATEWAY)
    return path


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """Python's own server with the folder out/; its address."""
    handler = functools.partial(_Quiet, directory=str(tmp_path / "out"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- as the base class has it
        """Keeps the test's output its own."""


def bundle(source: Path, out: Path, *more: str | Path) -> int:
    return cli.main(["bundle", "--source", str(source), "--out", str(out), *map(str, more)])


def told(printed: str) -> dict[str, dict[str, str]]:
    """The arguments of each node's command, by node."""
    rows = [shlex.split(line) for line in printed.splitlines() if line.startswith("aircue-gateway ")]
    assert all(row[1] == "command" and row[3] == "update" for row in rows)
    return {row[2]: dict(word.split("=", 1) for word in row[4:]) for row in rows}


@pytest.mark.parametrize("node", KEYS)
def test_a_node_takes_the_update_with_the_command_that_was_printed(
    node: str, source: Path, gateway: Path, web: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert bundle(source, tmp_path / "out", "--keys", gateway, "--url", web) == 0
    args = told(capsys.readouterr().out)[node]
    assert args["url"] == web
    root = tmp_path / "board"
    board.install(board.image("0.1.0"), root / "a")
    monkeypatch.chdir(root)
    assert notes_of_update(node, args) == [f"update 0.2.0 from {web}: the trial begins"]
    image = build_image(source)
    assert board.contents(root / "b") == {file.path: file.data for file in image.program}
    assert json.loads((root / "slot").read_text())["trial"] == "b"


def notes_of_update(node: str, args: dict[str, str]) -> list[str]:
    notes: list[str] = []

    async def update() -> None:
        ended = asyncio.Event()

        def note(text: str, _taken: bool) -> None:
            notes.append(text)
            ended.set()

        updater = Updater(node, KEYS[node].encode(), Slots("a"), note, lambda: None)
        assert updater.command(args) is None
        await asyncio.wait_for(ended.wait(), 20)

    asyncio.run(update())
    return notes


def test_a_node_that_the_bundle_was_not_signed_for_refuses_it(
    source: Path, gateway: Path, web: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert bundle(source, tmp_path / "out", "--keys", gateway, "--node", "kitchen", "--url", web) == 0
    commands = told(capsys.readouterr().out)
    assert list(commands) == ["kitchen"]
    root = tmp_path / "board"
    board.install(board.image("0.1.0"), root / "a")
    monkeypatch.chdir(root)
    [note] = notes_of_update("bathroom", commands["kitchen"])
    assert "refused: bathroom.hmac: " in note


def test_keys_come_from_gateways_and_from_nodes_settings_and_the_sequence_is_the_time_or_what_was_asked_for(
    source: Path, gateway: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.json").write_text(json.dumps(SETTINGS))
    monkeypatch.setattr("time.time", lambda: 1_763_751_000.9)
    files = ["--keys", gateway, "--settings", tmp_path / "settings.json"]
    assert bundle(source, tmp_path / "one", *files) == 0
    assert bundle(source, tmp_path / "two", *files, "--sequence", "7") == 0
    assert sorted(path.stem for path in (tmp_path / "one").glob("*.hmac")) == ["attic", "bathroom", "kitchen"]
    heads = [json.loads((tmp_path / name / "manifest.jsonl").read_text().splitlines()[0]) for name in ("one", "two")]
    assert [head["sequence"] for head in heads] == [1_763_751_000, 7]
    assert set(told(capsys.readouterr().out)) == {"attic", "bathroom", "kitchen"}


REFUSED = {
    "nobody named": ([], "no node is named"),
    "no such node": (["--keys", "gateway.toml", "--node", "attic"], "no key for attic: there are keys for bathroom, k"),
    "no such file": (["--keys", "nowhere.toml"], "nowhere.toml: No such file or directory"),
    "no TOML": (["--keys", "settings.json"], "settings.json: .*TOML is expected"),
    "nodes without keys": (["--keys", "keyless.toml"], "keyless.toml: \\[\\[nodes\\]\\] is expected"),
    "no settings": (["--settings", "gateway.toml"], "gateway.toml: settings.json is not JSON"),
    "no text": (["--settings", "binary"], "binary: 'utf-8' codec"),
    "a url no node takes": (["--keys", "gateway.toml", "--url", "https://x"], "--url https://x: url must be http://"),
    "a full folder": (["--keys", "gateway.toml", "--out", "source"], "source is not empty"),
    "no firmware folder": (["--keys", "gateway.toml", "--source", "full"], "full holds no main.py"),
}


@pytest.mark.parametrize(("given", "named"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_bundle_is_refused_with_its_reason_and_without_a_key(
    given: list[str], named: str, source: Path, gateway: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.json").write_text(json.dumps(SETTINGS))
    (tmp_path / "keyless.toml").write_text('[[nodes]]\nid = "bathroom"\nkey = 7\n')
    (tmp_path / "binary").write_bytes(b"\xff")
    assert bundle(source, tmp_path / "out", *given) == 2
    printed = capsys.readouterr()
    assert re.search(named, printed.err)
    assert printed.out == ""
    assert not any(key in printed.err for key in KEYS.values())
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(
    source: Path, gateway: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert bundle(source, tmp_path / "file" / "out", "--keys", gateway) == 1
    assert f"{tmp_path}/file/out: " in capsys.readouterr().err
