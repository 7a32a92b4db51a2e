"""Runs in MicroPython: mounts the littlefs image whose path is given and prints what is on it."""

import os
import sys

import vfs

SIZE = 4096
with open(sys.argv[1], "rb") as file:  # noqa: PTH123 -- MicroPython has no pathlib
    image = bytearray(file.read())


class Blocks:
    def readblocks(self, number, buffer, offset=0):
        at = number * SIZE + offset
        buffer[:] = image[at : at + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        at = number * SIZE + offset
        image[at : at + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        return {4: len(image) // SIZE, 5: SIZE, 6: 0}.get(operation)


vfs.mount(vfs.VfsLfs2(Blocks(), progsize=256), "/flash")
print(",".join(sorted(os.listdir("/flash"))))  # noqa: PTH208
with open("/flash/aircue_node/deep/x.mpy", "rb") as file:  # noqa: PTH123
    print(len(file.read()))
with open("/flash/written", "w") as file:  # noqa: PTH123
    file.write("1")
vfs.umount("/flash")
with open(sys.argv[1], "wb") as file:  # noqa: PTH123
    file.write(image)
print("ok")
