"""The boards' own file system, littlefs as MicroPython has it, on a disk in memory whose power goes at every write.

update_on_littlefs.py FIRMWARE. One story: a download, the first start on trial, its confirmation. Its writes and erases
are recorded; then the board starts on the disk as each prefix of them left it, with the next one half done or done, and
the story goes on to its end. Prints "cuts N", or what went wrong.
"""
# ruff: noqa: PTH116, PTH123, PTH208 -- MicroPython has no pathlib

import asyncio
import hashlib
import json
import os
import sys
from binascii import hexlify

import vfs

sys.path.insert(0, sys.argv[1])

import main as launcher
from aircue_node import command_codec, slots, update

BLOCK = 4096
BLOCKS = 40
KEY = b"secret"
SAME = b"in both versions" * 9
OLD = {"aircue_node/program.mpy": b"old program" * 200, "aircue_node/gone/x.mpy": b"x", "aircue_node/same.mpy": SAME}
NEW = {"aircue_node/program.mpy": b"new program" * 500, "aircue_node/gone.mpy": b"y", "aircue_node/same.mpy": SAME}


class Disk:
    """Keeps every write in `done`: (offset, bytes)."""

    def __init__(self, data=None):
        self.data = bytearray(data or BLOCK * BLOCKS)
        self.done = []

    def readblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        self.write(block * BLOCK + offset, bytes(buf))

    def ioctl(self, operation, argument):
        if operation == 6:
            self.write(argument * BLOCK, b"\xff" * BLOCK)
        return {4: BLOCKS, 5: BLOCK}.get(operation, 0)

    def write(self, at, data):
        self.data[at : at + len(data)] = data
        self.done.append((at, data))


class Web:
    """In the place of http_get: the files of a bundle without a network."""

    class HttpError(Exception):
        pass

    def __init__(self, files):
        self.files = files

    async def get(self, url, name, least, most, take):
        data = self.files[name]
        for at in range(0, len(data), 512):
            take(data[at : at + 512])


def mounted(disk):
    vfs.mount(disk, "/disk")
    os.chdir("/disk")


def unmounted():
    os.chdir("/")
    vfs.umount("/disk")


def written(folder, files):
    for path in files:
        parts = (folder + "/" + path).split("/")
        for end in range(1, len(parts)):
            update.make_folder("/".join(parts[:end]))
        with open("/".join(parts), "wb") as file:
            file.write(files[path])


def contents(folder, prefix=""):
    found = {}
    for name in os.listdir(folder):
        path = folder + "/" + name
        if os.stat(path)[0] & 0x4000:
            found.update(contents(path, prefix + name + "/"))
        else:
            with open(path, "rb") as file:
                found[prefix + name] = file.read()
    return found


def bundle():
    lines = [{"v": 1, "version": "0.2.0", "sequence": 5}]
    lines += [[path, len(NEW[path]), hexlify(hashlib.sha256(NEW[path]).digest()).decode()] for path in NEW]
    text = "".join([json.dumps(line) + "\n" for line in lines]).encode()
    files = dict(NEW)
    files["manifest.jsonl"] = text
    files["n.hmac"] = command_codec._hmac_sha256(KEY, [text]).encode()
    return files, hexlify(hashlib.sha256(text).digest()).decode()


def boot():
    """One start, on a folder that must be whole; the slots as the program finds them."""
    folder, state, ready = launcher.choose()
    assert all(contents(name) in (OLD, NEW) for name in ready), (folder, state)
    expected = NEW if folder == "b" and (state.get("trial") == "b" or state["active"] == "b") else OLD
    assert contents(folder) == expected, (folder, state)
    return slots.Slots(folder)


def go_on(digest):
    """The story from wherever the board is to its end."""
    node = boot()
    if node.folder == "a":
        asyncio.run(update.Updater("n", KEY, node, print, print).bring("http://x", "0.2.0", digest))
        node = boot()
    assert node.folder == "b", node.folder
    node.confirm()


def flashed():
    """A disk with the old version in both folders."""
    disk = Disk()
    vfs.VfsLfs2.mkfs(disk)
    mounted(disk)
    written("a", OLD)
    written("b", OLD)
    with open("slot", "w") as file:
        file.write('{"active": "a"}')
    unmounted()
    return bytes(disk.data)


def played(data, digest):
    """The story on a disk with these bytes; what it wrote."""
    disk = Disk(data)
    mounted(disk)
    go_on(digest)
    for _ in range(4):
        node = boot()
        assert (node.folder, node.on_trial, node.sequence) == ("b", False, 5)
    unmounted()
    return disk.done


def play():
    files, digest = bundle()
    update.http_get = Web(files)
    data = flashed()
    disk = Disk(data)
    done = played(data, digest)
    for at, piece in done:
        for length in (len(piece) // 2, len(piece)):
            cut = Disk(disk.data)
            cut.write(at, piece[:length])
            played(cut.data, digest)
        disk.write(at, piece)
    print("cuts", 2 * len(done))


update._SPARE_BYTES = 0  # the disk is a small one
play()
