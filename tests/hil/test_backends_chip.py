"""What spares the emulator of a Pico W most of its work: a program on the chip sees the same without it."""

import asyncio
from pathlib import Path

import pytest

from aircue_hil.backends import flash_image
from aircue_hil.backends.air_bridge import SSID
from aircue_hil.backends.chip import Chip

PATIENCE_S = 400.0
PROGRAM = b"""
import network, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
print(wlan.config("mac").hex(), [found[0] for found in wlan.scan()])
began = time.ticks_us()
while time.ticks_diff(time.ticks_us(), began) < 5000:
    pass
print("waited", 5000 <= time.ticks_diff(time.ticks_us(), began) < 6000)
print("end")
"""


@pytest.mark.hil
@pytest.mark.pico_w
def test_a_program_that_scans_and_waits_sees_the_same_with_the_short_cuts_and_without(pico_w_image: Path) -> None:
    whole = asyncio.run(_said(pico_w_image, step_by_step=False))
    assert SSID.encode() in whole
    assert b"waited True" in whole
    assert asyncio.run(_said(pico_w_image, step_by_step=True)) == whole


async def _said(image: Path, *, step_by_step: bool) -> bytes:
    """What the program writes to the console up to its end."""
    said = bytearray()
    chip = Chip(image, None, heard=said.extend, restarted=lambda: None, step_by_step=step_by_step)
    files = flash_image.pack({"main.py": PROGRAM}, block_size=chip.block_size, block_count=chip.block_count)
    chip.write_files(files)
    chip.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while b"end\r\n" not in said:  # noqa: ASYNC110 -- the chip says when
                await asyncio.sleep(0.05)
    finally:
        await chip.stop()
    return bytes(said).partition(b"end\r\n")[0]
