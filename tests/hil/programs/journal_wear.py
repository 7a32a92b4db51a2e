"""Runs in MicroPython: a day offline, a sample each 30 s, on littlefs over a simulated flash; then the line is back.

arguments: folder of the firmware, folder of the bench's modules, quantities, bytes of a program unit (32 or 256).
"""

import sys

sys.path[:0] = sys.argv[1:3]

import vfs  # noqa: E402
from flash import Flash  # noqa: E402

from aircue_node.journal import Journal  # noqa: E402

WIDTH, UNIT = int(sys.argv[3]), int(sys.argv[4])
SAMPLES = 2880

device = Flash(blocks=256)
vfs.mount(device.filesystem(UNIT), "/flash")
formatted = device.erases
journal = Journal(1, 120, WIDTH)
journal.mount("/flash/journal", 262144, lambda: b"x" * 600)
walk = [2150] * WIDTH
for number in range(1, SAMPLES + 1):
    uptime_ms = number * 30_000
    for index in range(WIDTH):
        walk[index] += (number * 7919 + index * 104729) % 21 - 10
    journal.append((number, uptime_ms, 1_700_000_000 + number * 30, list(walk)))
    journal.flush(uptime_ms)
offline = device.erases - formatted
blocks = sum([1 for row in __import__("os").ilistdir("/flash/journal")])
journal.start_session()
while True:
    boot, samples, _ = journal.take_backlog(12, 0)
    if not samples:
        break
    journal.ack(boot, [(samples[0][0], samples[-1][0])])
drained = device.erases - formatted - offline
print("lost", sum([row[3] for row in journal.loss]), "left", len(journal), "files", blocks)
print("readings", SAMPLES * WIDTH, "erases offline", offline, "draining", drained)
