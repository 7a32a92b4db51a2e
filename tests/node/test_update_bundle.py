"""Bundles: what the computer makes is what a node takes."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from tests.node import board
from tests.node.board import File, Image

from aircue_node.host.bundle import BundleError, write_bundle

IMAGE = board.image("0.2.0", sensors__dht=b"driver")


def test_a_bundle_holds_the_program_its_manifest_and_a_signature_for_each_node(tmp_path: Path) -> None:
    made = write_bundle(tmp_path / "new" / "bundle", IMAGE, {"bathroom": "one", "küche": "two"}, 1763751000)
    there = board.contents(tmp_path / "new" / "bundle")
    text = there.pop("manifest.jsonl")
    assert made == {"version": "0.2.0", "manifest": hashlib.sha256(text).hexdigest()}
    for node, key in (("bathroom", b"one"), ("küche", b"two")):
        assert there.pop(f"{node}.hmac").decode() == hmac.digest(key, text, "sha256").hex()
    assert there == board.files_of(IMAGE)
    head, *rows = map(json.loads, text.splitlines())
    assert head == {"v": 1, "version": "0.2.0", "sequence": 1763751000}
    assert rows == [[path, len(data), hashlib.sha256(data).hexdigest()] for path, data in sorted(there.items())]


def test_the_launcher_is_no_part_of_an_update(tmp_path: Path) -> None:
    flashed = Image(files=(*IMAGE.files, File(path="main.py", data=b"launcher")), version="0.2.0")
    write_bundle(tmp_path, flashed, {}, 1)
    assert not (tmp_path / "main.py").exists()
    assert b"main.py" not in (tmp_path / "manifest.jsonl").read_bytes()


def test_an_image_without_a_program_makes_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="aircue_node/start"):
        write_bundle(tmp_path, Image(files=IMAGE.files[:1], version="0.2.0"), {}, 1)
    assert list(tmp_path.iterdir()) == []


def test_an_image_of_too_many_files_makes_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nodes take 16384"):
        write_bundle(tmp_path, board.image("0.2.0", **{f"module_{n}": b"" for n in range(200)}), {}, 1)


def test_a_bundle_is_never_written_over_another(tmp_path: Path) -> None:
    write_bundle(tmp_path, IMAGE, {}, 1)
    with pytest.raises(BundleError, match="not empty"):
        write_bundle(tmp_path, IMAGE, {}, 2)


def test_a_node_that_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no slash"):
        write_bundle(tmp_path / "bundle", IMAGE, {"../x": "key"}, 1)
