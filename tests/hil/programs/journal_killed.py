"""Runs in MicroPython on a simulated flash in a file until it is killed: stores samples and says up to which one.

arguments: folder of the firmware, folder of the bench's modules, file of the flash, boot.
"""

import sys

sys.path[:0] = sys.argv[1:3]

import vfs  # noqa: E402
from flash import Flash  # noqa: E402

from aircue_node.journal import Journal  # noqa: E402

device = Flash(sys.argv[3], blocks=96)
vfs.mount(device.filesystem(), "/flash")
boot = int(sys.argv[4])
journal = Journal(boot, 24, 1)
journal.mount("/flash/journal", 262144)
print("found", len(journal), "erases", device.erases)
number = 0
while number < 2000:
    number += 1
    journal.append((number, number * 1000, 0, [number]))
    if number % 10 == 0:
        journal.flush(number * 1000, everything=True)
        print("stored", number)
