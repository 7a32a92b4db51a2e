"""What a board's own start does for a node on the bench that has a flash chip: mounts it, then runs main.py.

Environment: AIRCUE_BENCH_FLASH, the file of the simulated chip. settings.json is copied onto it from the folder the
program was started in, where the chip has none yet, as a flashed board has it.
"""

import os

import vfs
from flash import Flash

_MOUNT = "/flash"
_SETTINGS = "settings.json"


def _copy_settings(folder):
    if _SETTINGS in os.listdir(_MOUNT) or _SETTINGS not in os.listdir(folder):
        return
    with open(folder + "/" + _SETTINGS) as given, open(_MOUNT + "/" + _SETTINGS, "w") as kept:
        kept.write(given.read())


def start():
    folder = os.getcwd()
    vfs.mount(Flash(os.getenv("AIRCUE_BENCH_FLASH")).filesystem(), _MOUNT)
    _copy_settings(folder)
    os.chdir(_MOUNT)
    __import__("main").main()


if __name__ == "__main__":
    start()
