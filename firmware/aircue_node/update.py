"""The command `update`: brings another version into the folder that does not run, and starts it on trial.

A bundle is a folder on any web server: `manifest.json`, for each node its HMAC-SHA256 of exactly that text under the
node's key as `<node>.hmac`, and the files under the paths the manifest gives them. Nothing in it is secret, and nothing
is started that does not fit the manifest, so plain HTTP is enough. aircue_node/host/bundle.py makes one.

Loaded when the first such command comes. Errors: UpdateError, told as a note; the version that runs goes on.
"""

import asyncio
import gc
import hashlib
import json
import os
from binascii import hexlify

from aircue_node import contract
from aircue_node.http_get import HttpError, Place
from aircue_node.slots import UNFINISHED, make_folder

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from aircue_node.slots import Slots

MANIFEST = "manifest.json"
SIGNATURE = ".hmac"
FORMAT = 1
PACKAGE = "aircue_node/"
LONGEST_MANIFEST = 16384
_LONGEST_VERSION = 32
_LONGEST_PATH = 96
_HEX = 64
_SPARE_BYTES = 32768  # what the file system itself needs to write anything at all
_DIRECTORY = 0x4000
_PIECE = 1024


class UpdateError(Exception):
    """The update cannot be had, or must not be; the text says what was wrong, where, and what to do."""


class Manifest:
    """files: (size, SHA-256 in hexadecimal) by path. sequence grows with every release."""

    def __init__(self, version: str, sequence: int, files: dict[str, tuple[int, str]]) -> None:
        self.version = version
        self.sequence = sequence
        self.files = files


def parse_manifest(text: bytes) -> Manifest:
    try:
        fields = json.loads(text)
        files = {path: (size, digest) for path, size, digest in fields["files"]}
        manifest = Manifest(fields["version"], fields["sequence"], files)
        fits = fields["v"] == FORMAT and _is_version(manifest.version) and type(manifest.sequence) is int
    except (ValueError, TypeError, KeyError):
        fits = False
    if not fits or not files:
        raise UpdateError(f"{MANIFEST}: no manifest of format {FORMAT}: make the bundle anew for this firmware")
    for path, (size, digest) in files.items():
        if not (_is_inside(path) and type(size) is int and size >= 0 and _is_digest(digest)):
            raise UpdateError(f"{MANIFEST}: {path!r}, {size!r}, {digest!r} is no path in {PACKAGE}, size and SHA-256")
    return manifest


def refuse_older(manifest: Manifest, version: str, confirmed: int) -> None:
    """An old bundle is authentic for ever: what keeps it from coming back is the sequence. confirmed: the highest that
    worked on this board."""
    if manifest.version != version:
        raise UpdateError(f"{MANIFEST}: it is for version {manifest.version}, the command is for {version}")
    if manifest.sequence < confirmed:
        raise UpdateError(
            f"{MANIFEST}: sequence {manifest.sequence} is older than {confirmed}, which was confirmed here:"
            " make the bundle anew to go back to that version"
        )


class Updater:
    """node, key: whose signature is asked for. note(text) tells the gateway; restart() ends this start, journal and
    all; reserve: bytes of flash that others count on."""

    def __init__(
        self,
        node: str,
        key: bytes,
        slots: "Slots",
        note: "Callable[[str], object]",
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
            return "update: url, version and manifest (its SHA-256 in hexadecimal) are expected"
        if self._slots.folder is None:
            return "update: this node runs without the folders a and b: flash it once with aircue-flash"
        if self._slots.spare is None:
            return f"update: {self._slots.outcome}: send it again when that is decided"
        if self._task is not None and not self._task.done():
            return "update: one is under way: wait for its note"
        try:
            place = Place(url)
        except HttpError as error:
            return f"update: {error}"
        self._task = asyncio.create_task(self._run(place, str(version), str(digest)))
        return None

    async def _run(self, place: Place, version: str, digest: str) -> None:
        try:
            await self.bring(place, version, digest)
        except (UpdateError, HttpError) as error:
            self._tell(f"{version} refused: {error}")
        except (OSError, MemoryError) as error:
            self._tell(f"{version} failed: {type(error).__name__} {error}: send it again")
        else:
            self._tell(f"{version} is complete, its trial begins")
            self._restart()

    def _tell(self, text: str) -> None:
        print("update:", text)
        self._note("update: " + text)

    async def bring(self, place: Place, version: str, digest: str) -> None:
        """Until the last step the board starts what it started before; what came once need not come again."""
        gc.collect()
        manifest = await self._manifest(place, digest)
        refuse_older(manifest, version, self._slots.sequence)
        folder = str(self._slots.spare)
        right, wrong = await _compare(folder, manifest)
        missing = [path for path in manifest.files if path not in right]
        self._refuse_without_space(missing, wrong, manifest)
        self._slots.open_spare()
        _remove(folder, wrong)
        for path in missing:
            await _fetch(place, folder, path, manifest)
        await _verify(folder, manifest)
        self._slots.close_spare()
        self._slots.stage(manifest.version, manifest.sequence)

    async def _manifest(self, place: Place, digest: str) -> Manifest:
        """The one the command names, and signed with this node's key."""
        text = await _text(place, MANIFEST, 1, LONGEST_MANIFEST)
        if _hex(hashlib.sha256(text)) != digest:
            raise UpdateError(f"{MANIFEST}: not the one the command names: send the SHA-256 of the one that lies there")
        name = self._node + SIGNATURE
        signature = await _text(place, name, _HEX, _HEX)
        if not contract.is_signed(self._key, text, "".join([chr(byte) for byte in signature])):
            raise UpdateError(f"{name}: does not fit this node's key: make the bundle with the key the gateway has")
        return parse_manifest(text)

    def _refuse_without_space(self, missing: list[str], wrong: list[str], manifest: Manifest) -> None:
        """What is removed first counts as free already. A file takes whole blocks."""
        status = os.statvfs(".")
        block = status[1]
        free = block * status[4] + sum([_blocks(os.stat(path)[6], block) for path in wrong])
        needed = sum([_blocks(manifest.files[path][0], block) for path in missing]) + _SPARE_BYTES + self._reserve
        if free < needed:
            raise UpdateError(f"{needed} bytes of flash are needed, {free} are free: remove files from the board")


async def _text(place: Place, name: str, least: int, most: int) -> bytes:
    pieces: list[bytes] = []
    await place.get(name, least, most, pieces.append)
    return b"".join(pieces)


async def _fetch(place: Place, folder: str, path: str, manifest: Manifest) -> None:
    """Straight into its place: the launcher does not look at the folder before it is whole."""
    size, digest = manifest.files[path]
    sha256 = hashlib.sha256()
    target = folder + "/" + path
    _make_folders(target)
    with open(target, "wb") as file:

        def take(piece: bytes) -> None:
            sha256.update(piece)
            file.write(piece)

        await place.get(path, size, size, take)
    if _hex(sha256) != digest:
        os.remove(target)
        raise UpdateError(f"{path}: its SHA-256 is not the manifest's: put the bundle there as it was made")


async def _verify(folder: str, manifest: Manifest) -> None:
    """Reads back what flash holds."""
    right, wrong = await _compare(folder, manifest)
    if wrong or len(right) != len(manifest.files):
        raise UpdateError(f"{folder}: flash does not hold what was written: send it again; flash may be worn out")


async def _compare(folder: str, manifest: Manifest) -> tuple[list[str], list[str]]:
    """(paths of the manifest that are right in the folder, files that do not belong there, with the folder's name)."""
    right, wrong = [], []
    for file in _walk(folder):
        path = file[len(folder) + 1 :]
        size, digest = manifest.files.get(path, (-1, ""))
        if os.stat(file)[6] == size and await _digest(file) == digest:
            right.append(path)
        elif path != UNFINISHED:
            wrong.append(file)
    return right, wrong


async def _digest(path: str) -> str:
    """In pieces, so that sampling goes on."""
    sha256 = hashlib.sha256()
    piece = bytearray(_PIECE)
    with open(path, "rb") as file:
        while count := file.readinto(piece):
            sha256.update(memoryview(piece)[:count])
            await asyncio.sleep(0)
    return _hex(sha256)


def _remove(folder: str, files: list[str]) -> None:
    """Empty folders go too: one named like a module would hide it."""
    for path in files:
        os.remove(path)
    for path in _folders(folder):
        if not os.listdir(path):
            os.rmdir(path)


def _walk(folder: str) -> list[str]:
    """Every file below a folder, the folder's own name included; none where there is no such folder."""
    found: list[str] = []
    for path in _below(folder):
        if _is_folder(path):
            found.extend(_walk(path))
        else:
            found.append(path)
    return found


def _folders(folder: str) -> list[str]:
    """Every folder below one, the innermost first."""
    found: list[str] = []
    for path in _below(folder):
        if _is_folder(path):
            found.extend(_folders(path))
            found.append(path)
    return found


def _below(folder: str) -> list[str]:
    try:
        return [folder + "/" + name for name in os.listdir(folder)]
    except OSError:
        return []


def _is_folder(path: str) -> bool:
    return bool(os.stat(path)[0] & _DIRECTORY)


def _make_folders(path: str) -> None:
    """Those a file needs to lie in."""
    for end, character in enumerate(path):
        if character == "/":
            make_folder(path[:end])


def _blocks(size: int, block: int) -> int:
    return (size + block - 1) // block * block


def _is_version(text: "Any") -> bool:
    return isinstance(text, str) and 0 < len(text) <= _LONGEST_VERSION


def _is_digest(text: "Any") -> bool:
    return isinstance(text, str) and len(text) == _HEX and all([character in "0123456789abcdef" for character in text])


def _is_inside(path: "Any") -> bool:
    if not isinstance(path, str) or not path.startswith(PACKAGE) or len(path) > _LONGEST_PATH:
        return False
    return all([part not in ("", ".", "..") for part in path.split("/")])


def _hex(sha256: "Any") -> str:
    return hexlify(sha256.digest()).decode()
