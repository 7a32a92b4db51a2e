"""Takes an update with only so much heap free as a running node has left: update_alone.py LIMIT URL VERSION DIGEST.

What every node has loaded is loaded first; then ballast fills the heap down to LIMIT bytes. Prints "staged".
"""

import sys

sys.path.insert(0, "a")

import asyncio
import gc

from aircue_node import client, contract, slots

LIMIT, URL, VERSION, DIGEST = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


async def main():
    await asyncio.sleep(0)
    loaded = (client, contract, asyncio.open_connection, asyncio.wait_for, asyncio.Event)
    node = slots.Slots("a")
    gc.collect()
    kept_free = bytearray(LIMIT)
    ballast = []
    size = 4096
    while size >= 16:
        try:
            ballast.append(bytearray(size))
        except MemoryError:
            size //= 2
    del kept_free
    gc.collect()
    from aircue_node.update import Updater

    await Updater("bathroom", b"secret", node, print, print).bring(URL, VERSION, DIGEST)
    print("staged" if len(loaded) + len(ballast) else "")


asyncio.run(main())
