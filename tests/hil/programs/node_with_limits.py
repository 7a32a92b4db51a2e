"""Runs on the bench in MicroPython: the whole node, with allowances and pauses short enough for a test, and with a task
that hangs after a while where the test asks for it. Environment: FIRMWARE, the firmware's folder; HANGS: sampler,
uplink, loop or error.
"""

import asyncio
import os
import sys
import time

sys.path.append(os.getenv("FIRMWARE"))

from aircue_node import escalation, resets, start, uplink
from aircue_node.sampler import Sampler
from aircue_node.wiring import power_up, program

program._SAMPLE_ALLOWANCE_MS = 1500
program._UPLINK_ALLOWANCE_MS = 12_000  # more than the 10 s that an answer to CONNECT may take
power_up._FEED_EVERY_MS = 200
escalation._LONGEST_PAUSE_MS[escalation.REFUSED] = 500
uplink._SETTLED_MS = 1000
_STANDS_FOR_MS = 1500


async def _for_ever():
    await asyncio.sleep(3600)


async def _sampler_hangs(self, tick):
    began = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), began) < _STANDS_FOR_MS:
        tick()
        self._deliver(await self.take())
        await asyncio.sleep_ms(50)
    await _for_ever()


async def _uplink_hangs(self):
    running = asyncio.create_task(_really_run(self))
    await asyncio.sleep_ms(_STANDS_FOR_MS)
    running.cancel()
    await _for_ever()


async def _loop_hangs(self, _tick):
    await asyncio.sleep_ms(_STANDS_FOR_MS)
    while True:
        pass


async def _fails(self, _tick):
    await asyncio.sleep_ms(_STANDS_FOR_MS)
    raise RuntimeError("a defect")


def _first_boot_only(cls, run):
    """The next boot is a healthy one, so that its birth can be heard."""
    if power_up.reset_cause() == resets.POWER_ON:
        cls.run = run


_really_run = uplink.Uplink.run
_WAYS = {
    "sampler": (Sampler, _sampler_hangs),
    "uplink": (uplink.Uplink, _uplink_hangs),
    "loop": (Sampler, _loop_hangs),
    "error": (Sampler, _fails),
}
if os.getenv("HANGS"):
    _first_boot_only(*_WAYS[os.getenv("HANGS")])
start.load(False)()
