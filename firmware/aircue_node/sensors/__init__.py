"""Sensor drivers, one file a sensor family: a pure decode() and a thin async class around the bus or the pin.

A new sensor is a new file and a row in fitting.DRIVERS.
"""

MYPY = False
if MYPY:
    from collections.abc import Coroutine
    from typing import Any

    from aircue_node.ports import Sensor


def jobs(fitted: "list[tuple[Sensor, list[int]]]") -> "list[Coroutine[Any, Any, None]]":
    """What runs beside the sampler, for the sensors that must be asked more often than samples are taken."""
    return [sensor.run() for sensor, _ in fitted if hasattr(sensor, "run")]
