"""The command `update`: brings another version into the folder that does not run, and starts it on trial.

A bundle is a folder on any web server: `manifest.jsonl`, its HMAC-SHA256 under each node's key as `<node>.hmac`, and
the files. A manifest's first line is {"v": 1, "version": "0.2.0", "sequence": 1763751000}, every other line a file,
["aircue_node/clock.mpy", size, SHA-256 in hexadecimal]. Nothing in it is secret, and nothing is started that does not
fit it, so plain HTTP is enough. aircue_node/host/bundle.py makes bundles.

It is loaded beside a running node, so the manifest stays on flash and is gone through line by line.
"""

import asyncio
import gc
import hashlib
import json
import os
from binascii import hexlify

from aircue_node import command_codec, http_get

MYPY = False
if MYPY:
    from collections.abc import Callable, Iterator
    from typing import Any

    from aircue_node.slots import Slots

MANIFEST = "manifest.jsonl"
SIGNATURE = ".hmac"
FORMAT = 1
PACKAGE = "aircue_node/"
LONGEST_MANIFEST = 16384
UNFINISHED = "unfinished"
_LONGEST_VERSION = 32
_LONGEST_PATH = 96
_HEX = 64
_SPARE_BYTES = 32768  # what the file system itself needs to write anything at all
_DIRECTORY = 0x4000
_PIECE = 512
_BLOCK = 4096


class UpdateError(Exception):
    """The update must not be taken; the text says what was wrong and where."""


class Updater:
    """node, key: whose signature is asked for. note(text, taken) is told how an update ended, and is the last that is
    heard of it, but for restart() after one that was taken. reserve: bytes of flash that others count on."""

    def __init__(
        self,
        node: str,
        key: bytes,
        slots: "Slots",
        note: "Callable[[str, bool], object]",
        restart: "Callable[[], object]",
        reserve: int = 0,
    ) -> None:
        self._node = node
        self._key = key
        self._slots = slots
        self._note = note
        self._restart = restart
        self._reserve = reserve
        self._task: asyncio.Task[None] | None = None

    def command(self, args: "dict[str, Any]") -> str | None:
        """Begins the download and returns None at once, or why there is none."""
        url, version, digest = args.get("url"), args.get("version"), args.get("manifest")
        if not isinstance(url, str) or not _is_version(version) or not _is_digest(digest):
            return "update: url, version and manifest (its SHA-256) are expected"
        if self._slots.folder is None:
            return "update: this node runs without the folders a and b: flash it anew"
        if self._slots.spare is None or (self._task is not None and not self._task.done()):
            return f"update: {self._slots.outcome if self._slots.on_trial else 'one is under way'}: send it again later"
        try:
            http_get.split(url)
        except http_get.HttpError as error:
            return f"update: {error}"
        self._task = asyncio.create_task(self._run(url, str(version), str(digest)))
        return None

    async def _run(self, url: str, version: str, digest: str) -> None:
        said = f"update {version} from {url}: "
        try:
            await self.bring(url, version, digest)
        except (UpdateError, http_get.HttpError) as error:
            self._tell(f"{said}refused: {error}", False)
        except (OSError, MemoryError) as error:
            self._tell(f"{said}failed, send it again: {error}", False)
        else:
            self._tell(said + "the trial begins", True)
            self._restart()

    def _tell(self, text: str, taken: bool) -> None:
        print(text)
        self._note(text, taken)

    async def bring(self, url: str, version: str, digest: str) -> None:
        """Until the last step the board starts what it started before; what came once need not come again."""
        gc.collect()
        await self._bring_manifest(url, digest)
        sequence = check(version, self._slots.sequence)
        folder = str(self._slots.spare)
        right, wrong = await sweep(folder, False)
        self._refuse_without_space(right, wrong)
        _open(folder)
        await sweep(folder, True)
        for path, size, expected in rows():
            if not _exists(f"{folder}/{path}"):
                await _fetch(url, folder, path, size, expected)
        if await sweep(folder, False) != (_size(), 0):
            raise UpdateError("flash does not hold what was written: it may be worn out")
        os.remove(f"{folder}/{UNFINISHED}")  # every file is there and right
        self._slots.stage(version, sequence)

    async def _bring_manifest(self, url: str, digest: str) -> None:
        """The one the command names, and signed with this node's key."""
        if await _save(url, MANIFEST, MANIFEST, 1, LONGEST_MANIFEST) != digest:
            raise UpdateError(f"{MANIFEST} is not the one the command names")
        name = self._node + SIGNATURE
        pieces: list[bytes] = []
        await http_get.get(url, name, _HEX, _HEX, pieces.append)
        signature = b"".join(pieces)
        with open(MANIFEST, "rb") as file:
            if max(signature) > 127 or not command_codec.is_signed(self._key, file, signature.decode()):
                raise UpdateError(f"{name} does not fit this node's key")

    def _refuse_without_space(self, right: int, wrong: int) -> None:
        status = os.statvfs(".")
        free = status[1] * status[4] + wrong
        needed = _size() - right + _SPARE_BYTES + self._reserve
        if free < needed:
            raise UpdateError(f"{needed} bytes of flash are needed, {free} are free")


def _open(folder: str) -> None:
    """From here on the launcher does not start it. OSError where flash takes nothing."""
    make_folder(folder)
    with open(f"{folder}/{UNFINISHED}", "w"):
        pass


def make_folder(path: str) -> None:
    """OSError where it can neither be made nor is there."""
    try:
        os.mkdir(path)
    except OSError:
        os.stat(path)


def check(version: str, confirmed: int) -> int:
    """Whether the manifest on flash may be followed; its sequence. An old one is authentic for ever: what keeps it from
    coming back is that its sequence is below the one that was confirmed on this board."""
    with open(MANIFEST) as file:
        head = _json(file.readline())
    if not isinstance(head, dict) or head.get("v") != FORMAT or type(head.get("sequence")) is not int:
        raise UpdateError(f"{MANIFEST} is of no format this firmware knows")
    if head.get("version") != version:
        raise UpdateError(f"{MANIFEST} is for version {head.get('version')}")
    if head["sequence"] < confirmed:
        raise UpdateError(f"sequence {head['sequence']} is older than {confirmed}, which is confirmed: make it anew")
    for row in rows():
        if not _is_row(row):
            raise UpdateError(f"{MANIFEST}: {row!r} is no file of {PACKAGE} with size and SHA-256")
    return int(head["sequence"])


def rows() -> "Iterator[Any]":
    """[path, size, SHA-256] of each file in the manifest on flash."""
    with open(MANIFEST) as file:
        file.readline()
        for line in file:
            yield _json(line)


async def sweep(folder: str, remove: bool) -> tuple[int, int]:
    """(bytes on flash of the files that are as the manifest has them, of the others). remove: the others go, and so do
    empty folders: one named like a module would hide it."""
    right = wrong = 0
    for name in os.listdir(folder) if _exists(folder) else ():
        path = f"{folder}/{name}"
        if os.stat(path)[0] & _DIRECTORY:
            inner = await sweep(path, remove)
            right, wrong = right + inner[0], wrong + inner[1]
            if remove and not os.listdir(path):
                os.rmdir(path)
        elif await _is_right(path):
            right += _on_flash(path)
        elif name != UNFINISHED:
            wrong += _on_flash(path)
            if remove:
                os.remove(path)
    return right, wrong


async def _is_right(file: str) -> bool:
    """Reads it in pieces, so that sampling goes on. file: with the folder's name, which the manifest leaves out."""
    path = file.partition("/")[2]
    found = [row for row in rows() if row[0] == path]  # to its end, which closes the manifest
    if not found or os.stat(file)[6] != found[0][1]:
        return False
    return bool(await _digest(file) == found[0][2])


async def _digest(path: str) -> str:
    sha256 = hashlib.sha256()
    piece = bytearray(_PIECE)
    with open(path, "rb") as file:
        while count := file.readinto(piece):
            sha256.update(memoryview(piece)[:count])
            await asyncio.sleep(0)
    return hexlify(sha256.digest()).decode()


async def _fetch(url: str, folder: str, path: str, size: int, expected: str) -> None:
    """Straight into its place: the launcher does not look at the folder before it is whole."""
    target = f"{folder}/{path}"
    for end, character in enumerate(target):
        if character == "/":
            make_folder(target[:end])
    if await _save(url, path, target, size, size) != expected:
        os.remove(target)
        raise UpdateError(f"{path}: not the SHA-256 of the manifest")


async def _save(url: str, name: str, target: str, least: int, most: int) -> str:
    """Writes the server's file to flash; its SHA-256."""
    sha256 = hashlib.sha256()
    with open(target, "wb") as file:

        def take(piece: bytes) -> None:
            sha256.update(piece)
            file.write(piece)

        await http_get.get(url, name, least, most, take)
    return hexlify(sha256.digest()).decode()


def _size() -> int:
    return sum([_blocks(row[1]) for row in rows()])


def _on_flash(path: str) -> int:
    return _blocks(os.stat(path)[6])


def _blocks(size: int) -> int:
    """Bytes on flash of a file of that size; a file takes whole blocks."""
    return (size // _BLOCK + 1) * _BLOCK


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def _json(line: str) -> "Any":
    try:
        return json.loads(line)
    except ValueError:
        return None


def _is_version(text: "Any") -> bool:
    return isinstance(text, str) and 0 < len(text) <= _LONGEST_VERSION


def _is_digest(text: "Any") -> bool:
    return isinstance(text, str) and len(text) == _HEX and all([character in "0123456789abcdef" for character in text])


def _is_row(row: "Any") -> bool:
    if not isinstance(row, list) or len(row) != 3 or type(row[1]) is not int or row[1] < 0 or not _is_digest(row[2]):
        return False
    path = row[0]
    inside = isinstance(path, str) and path.startswith(PACKAGE) and len(path) <= _LONGEST_PATH
    return inside and all([part not in ("", ".", "..") for part in path.split("/")])
