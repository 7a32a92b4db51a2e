"""Runs in MicroPython: bytes of heap that the journal takes, code and rows, with 120 rows of 8 values, on flash.

arguments: folder of the firmware, folder of the bench's modules, file of the flash.
"""

import gc
import sys

sys.path[:0] = sys.argv[1:3]

import vfs  # noqa: E402
from flash import Flash  # noqa: E402


def used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


def fill(journal, first, last):
    for number in range(first, last):
        journal.append((number, number * 30_000, 0, [2150 + number % 7] * 8))
        journal.flush(number * 30_000)


device = Flash(sys.argv[3], blocks=96)
vfs.mount(device.filesystem(), "/flash")
start = used()
from aircue_node.journal import Journal  # noqa: E402

loaded = used()
journal = Journal(1, 120, 8)
in_ram = used()
journal.mount("/flash/journal", 262144, lambda: b"x" * 600)
mounted = used()
fill(journal, 1, 500)
filled = used()
journal.start_session()
for _ in range(20):
    journal.take_backlog(12, 0)
sending = used()
print("code", loaded - start, "object", in_ram - loaded, "mounted", mounted - in_ram)
print("filled", filled - mounted, "window", sending - filled, "in all", sending - start)
