"""Runs in MicroPython: imports every module of the firmware's package and says which, and on what.

They are forgotten when memory runs short: the node's program, its battery twin and the setup never share it.
"""

import gc
import json
import os
import sys

ENOUGH = 96 * 1024  # bytes, for the largest program of them
HOST_ONLY = ("ports.py", "host")  # for the type checker, and for the computer that flashes


def names(folder, prefix):
    for entry in os.ilistdir(folder):
        name, kind = entry[0], entry[1]
        if name in HOST_ONLY:
            continue
        if kind == 0x4000 and not name.startswith("_"):
            yield from names(folder + "/" + name, prefix + "." + name)
        elif name.endswith((".py", ".mpy")) and not name.startswith("_"):
            yield prefix + "." + name.split(".")[0]


def forget():
    """The package leaves the memory."""
    for name in list(sys.modules):
        if name.split(".")[0] == "aircue_node":
            del sys.modules[name]
    gc.collect()


def where():
    """The folder of the package: on a board in the root, on a computer beside this program."""
    for folder in sys.path:
        path = (folder or "") + "/aircue_node"
        try:
            os.stat(path)  # noqa: PTH116
            return path
        except OSError:
            pass
    return "aircue_node"


found = sorted(set(names(where(), "aircue_node")))
for name in found:
    if gc.mem_free() < ENOUGH:
        forget()
    __import__(name)
print(json.dumps({"implementation": sys.implementation.name, "modules": found}))
