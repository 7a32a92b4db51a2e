"""Makes an update for nodes in the field: a bundle, a folder that any web server can give them.

    manifest.jsonl           version, sequence, and path, size and SHA-256 of every file, a line each
    <node>.hmac              the manifest's HMAC-SHA256 under that node's key, in hexadecimal
    aircue_node/...          the program, as it goes into a node's folder a or b

aircue_node/update.py is the reader. A bundle serves every node it was signed for.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from aircue_node.update import FORMAT, LONGEST_MANIFEST, MANIFEST, PACKAGE, SIGNATURE

ENTRY = "aircue_node/start"


class ImageFile(Protocol):
    @property
    def path(self) -> str: ...

    @property
    def data(self) -> bytes: ...

    @property
    def sha256(self) -> str: ...


class Image(Protocol):
    """What a board gets; the files outside of the package (the launcher) are no part of an update."""

    @property
    def files(self) -> Sequence[ImageFile]: ...

    @property
    def version(self) -> str: ...


class BundleError(Exception):
    """What was asked for makes no bundle that a node would take."""


def write_bundle(folder: Path, image: Image, keys: Mapping[str, str], sequence: int) -> dict[str, str]:
    """Writes the bundle, the manifest last, and gives the arguments of the command `update`, all but its url.

    keys: by node. sequence: a node refuses one lower than it has confirmed; the time of building, in seconds, will do.
    Raises BundleError; OSError where the folder cannot be written.
    """
    text = manifest(image, sequence)
    _refuse(folder, image, keys, text)
    for file in program(image):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    for node, key in keys.items():
        (folder / (node + SIGNATURE)).write_text(signature(text, key))
    (folder / MANIFEST).write_bytes(text)
    return {"version": image.version, "manifest": hashlib.sha256(text).hexdigest()}


def manifest(image: Image, sequence: int) -> bytes:
    head = {"v": FORMAT, "version": image.version, "sequence": sequence}
    rows = [[file.path, len(file.data), file.sha256] for file in program(image)]
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in (head, *rows)).encode()


def signature(text: bytes, key: str) -> str:
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest()


def program(image: Image) -> list[ImageFile]:
    return [file for file in image.files if file.path.startswith(PACKAGE)]


def _refuse(folder: Path, image: Image, keys: Mapping[str, str], text: bytes) -> None:
    if len(text) > LONGEST_MANIFEST:
        raise BundleError(f"the manifest has {len(text)} bytes, nodes take {LONGEST_MANIFEST}: too many files")
    if not any(Path(file.path).with_suffix("").as_posix() == ENTRY for file in image.files):
        raise BundleError(f"the image has no {ENTRY}, which the launcher starts: build it from the firmware folder")
    if any("/" in node for node in keys):
        raise BundleError(f"a node's id has no slash: {', '.join(sorted(keys))}")
    if folder.exists() and any(folder.iterdir()):
        raise BundleError(f"{folder} is not empty: name a new folder, a bundle that nodes fetch must not change")
