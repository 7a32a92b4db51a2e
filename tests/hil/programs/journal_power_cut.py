"""Runs in MicroPython: the power goes at every step of a journal's life on littlefs over a simulated flash.

arguments: folder of the firmware, folder of the bench's modules, bytes between two cuts within a program operation
(32: the program unit; 1: every byte), bytes of a program unit (32 or 256), part and number of parts (0 1: all).
"""

import os
import sys
from binascii import crc32

sys.path[:0] = sys.argv[1:3]

import vfs  # noqa: E402
from flash import BLOCK, Flash  # noqa: E402
from journal_story import Found, Story, complaints  # noqa: E402

STEP, UNIT, PART, PARTS = [int(text) for text in sys.argv[3:7]]
BLOCKS = 24
ROOM = bytearray(BLOCK)


def told():
    """A story on an empty flash: itself, and every operation of the flash."""
    log = []
    device = Flash(blocks=BLOCKS)
    vfs.mount(device.filesystem(UNIT), "/flash")
    base = bytes(device._store.image)
    device.log = log
    story = Story("/flash/journal", lambda: len(log))
    story.tell()
    print(f"story: samples {len(story.taken)} erases {device.erases} programs {len(log) - device.erases}")
    vfs.umount("/flash")
    return story, base, log


def fingerprint():
    """Of everything a journal can read."""
    try:
        names = sorted(os.listdir("/cut/journal"))  # noqa: PTH208 -- MicroPython has no pathlib
    except OSError:
        return ()
    return tuple([(name, crc_of("/cut/journal/" + name)) for name in names])


def crc_of(path):
    with open(path, "rb") as file:  # noqa: PTH123 -- MicroPython has no pathlib
        return crc32(memoryview(ROOM)[: file.readinto(ROOM)])


class Cuts:
    """Counts the points tried, opens each different state once."""

    def __init__(self, story, total):
        self.story = story
        self.tried = 0
        self._known = {}
        self._judged = set()
        self._device = Flash(blocks=BLOCKS)
        self._total = total
        self._at = 0

    def _move_to(self, operation):
        points = self.story.checkpoints
        while self._at + 1 < len(points) and points[self._at + 1].position <= operation:
            self._at += 1

    def _around(self):
        """The checkpoints before and after what happens now."""
        points = self.story.checkpoints
        return points[self._at], points[min(self._at + 1, len(points) - 1)]

    def look(self, image, operation):
        self.tried += 1
        state = self._state(image)
        if state not in self._known:
            self._known[state] = self._found(image)
        self._move_to(operation)
        if (state, self._at) in self._judged:
            return
        self._judged.add((state, self._at))
        before, after = self._around()
        wrong = complaints(self.story, before, after, self._known[state])
        if wrong:
            print(f"cut in operation {operation} of {self._total}:", "; ".join(wrong))
            sys.exit(1)

    def _state(self, image):
        """Mounted to be read only, so that the image needs no copy; in large pieces, which is quicker."""
        self._device._store.image = image
        self._device._store._view = memoryview(image)
        vfs.mount(vfs.VfsLfs2(self._device, progsize=UNIT, readsize=1024), "/cut")
        state = fingerprint()
        vfs.umount("/cut")
        return state

    def _found(self, image):
        """As a node finds it: opening a journal removes what a power cut left."""
        device = Flash(blocks=BLOCKS)
        device._store.write(0, image)
        vfs.mount(vfs.VfsLfs2(device, progsize=UNIT), "/cut")
        found = Found("/cut/journal")
        vfs.umount("/cut")
        return found

    @property
    def states(self):
        return len(self._known)


def cut_everywhere(story, image, log):
    cuts = Cuts(story, len(log))
    for index, (kind, at, data) in enumerate(log):
        mine = index % PARTS == PART
        if kind == "erase":
            erase(cuts, image, index, at * BLOCK, mine)
        else:
            program(cuts, image, index, at, data, mine)
    cuts.look(image, len(log))
    print(f"power cuts tried {cuts.tried} different states {cuts.states}")


def erase(cuts, image, index, address, mine):
    """Before it, with either half of the block erased, and (the next operation's first cut) after it."""
    view = memoryview(image)
    half = BLOCK // 2
    if mine:
        cuts.look(image, index)
        old = bytes(view[address : address + BLOCK])
        view[address : address + half] = b"\xff" * half
        cuts.look(image, index)
        view[address : address + BLOCK] = old[:half] + b"\xff" * half
        cuts.look(image, index)
    view[address : address + BLOCK] = b"\xff" * BLOCK


def program(cuts, image, index, address, data, mine):
    view = memoryview(image)
    for done in range(0, len(data), STEP):
        if mine:
            cuts.look(image, index)
        view[address + done : address + done + STEP] = data[done : done + STEP]


story, base, log = told()
cut_everywhere(story, bytearray(base), log)
