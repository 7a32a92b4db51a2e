"""Finds out which sensors are on an I2C bus: what answers where, asked by its own driver where two kinds share an
address."""

import gc
import sys

from aircue_node import sensors
from aircue_node.provisioning.presets import ADDRESSES
from aircue_node.sensors.errors import SensorError
from aircue_node.sensors.fitting import DRIVERS

MYPY = False
if MYPY:
    from aircue_node.ports import ScannedBus
    from aircue_node.sensors.fitting import Board


async def found_on(bus: "ScannedBus", board: "Board") -> dict[str, int]:
    """Address by driver. board: its bus 0 is the one that is scanned."""
    found: dict[str, int] = {}
    for address in bus.scan():
        candidates = [driver for driver in ADDRESSES.get(address, ()) if driver in DRIVERS]
        for driver in candidates:
            if driver not in found and (len(candidates) == 1 or await _reads(driver, address, board)):
                found[driver] = address
                break
    return found


async def _reads(driver: str, address: int, board: "Board") -> bool:
    loaded = list(sys.modules)
    try:
        await DRIVERS[driver](board, {"driver": driver, "bus": 0, "address": address}).read()
    except SensorError:
        return False
    finally:
        _forget([name for name in sys.modules if name not in loaded])
    return True


def _forget(modules: list[str]) -> None:
    """What was loaded for one driver alone is needed no more, and its memory is."""
    for name in modules:
        del sys.modules[name]
        package, _, leaf = name.rpartition(".")
        if package == sensors.__name__ and hasattr(sensors, leaf):
            delattr(sensors, leaf)
    gc.collect()
