"""A simulated NOR flash for MicroPython's VfsLfs2: in memory, or in a file of the host that outlives a killed process.

    from flash import Flash
    device = Flash("/tmp/node.flash", blocks=256)
    vfs.mount(device.filesystem(), "/flash")

Blocks of 4096 bytes are erased whole to 0xFF; programming can only clear bits, and whoever tries to set one gets an
AssertionError. A file is written without buffering, so killing the process is a power cut between two operations; its
counters lie in <file>.counters, two numbers of 8 bytes (erases, bytes programmed). log: a list that gets every
operation, ("erase", block, b"") or ("program", address, data).
"""

import os
import struct

import vfs

BLOCK = 4096
_BLOCK_COUNT, _BLOCK_SIZE, _ERASE = 4, 5, 6
_ERASED = b"\xff" * BLOCK


class Flash:
    def __init__(self, path=None, blocks=256, log=None):
        self.blocks = blocks
        self.log = log
        self.erases = 0
        self.programmed = 0
        self._store = _Memory(blocks) if path is None else _File(path, blocks)
        self.erases, self.programmed = self._store.counters()

    def filesystem(self, progsize=32):
        """The file system on it, made where there is none. progsize: 32 on an ESP32, 256 on an RP2."""
        try:
            return vfs.VfsLfs2(self, progsize=progsize)
        except OSError:
            vfs.VfsLfs2.mkfs(self, progsize=progsize)
            return vfs.VfsLfs2(self, progsize=progsize)

    def readblocks(self, block, buf, offset=0):
        self._store.read(block * BLOCK + offset, buf)

    def writeblocks(self, block, buf, offset=None):
        """Without an offset the blocks are erased first."""
        if offset is None:
            for index in range(len(buf) // BLOCK):
                self._erase(block + index)
        self._program(block * BLOCK + (offset or 0), buf)

    def ioctl(self, op, arg):
        if op == _BLOCK_COUNT:
            return self.blocks
        if op == _BLOCK_SIZE:
            return BLOCK
        if op == _ERASE:
            self._erase(arg)
        return 0

    def _erase(self, block):
        if self.log is not None:
            self.log.append(("erase", block, b""))
        self._store.write(block * BLOCK, _ERASED)
        self.erases += 1
        self._store.count(self.erases, self.programmed)

    def _program(self, address, buf):
        before = bytearray(len(buf))
        self._store.read(address, before)
        assert not _sets_a_bit(before, buf), "flash: a bit was set at {} without an erase".format(address)
        if self.log is not None:
            self.log.append(("program", address, bytes(buf)))
        self._store.write(address, buf)
        self.programmed += len(buf)
        self._store.count(self.erases, self.programmed)


def _sets_a_bit(before, after):
    return int.from_bytes(after, "little") & ~int.from_bytes(before, "little") != 0


class _Memory:
    def __init__(self, blocks):
        self.image = bytearray(_ERASED * blocks)
        self._view = memoryview(self.image)

    def read(self, address, buf):
        buf[:] = self._view[address : address + len(buf)]

    def write(self, address, buf):
        self._view[address : address + len(buf)] = buf

    def counters(self):
        return 0, 0

    def count(self, erases, programmed):
        pass


class _File:
    """MicroPython's files on the host are not buffered."""

    def __init__(self, path, blocks):
        if _size(path) != blocks * BLOCK:
            with open(path, "wb") as file:
                for _ in range(blocks):
                    file.write(_ERASED)
        self._file = open(path, "r+b")  # noqa: SIM115 -- open as long as the board has power
        mode = "r+b" if _size(path + ".counters") == 16 else "w+b"
        self._counters = open(path + ".counters", mode)  # noqa: SIM115 -- see above

    def read(self, address, buf):
        self._file.seek(address)
        self._file.readinto(buf)

    def write(self, address, buf):
        self._file.seek(address)
        self._file.write(buf)

    def counters(self):
        self._counters.seek(0)
        found = self._counters.read(16)
        return struct.unpack("<QQ", found) if len(found) == 16 else (0, 0)

    def count(self, erases, programmed):
        self._counters.seek(0)
        self._counters.write(struct.pack("<QQ", erases, programmed))


def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return -1
