"""Runs in MicroPython: counts its starts in a file, and says how often it has begun and why."""

import json

import machine

try:
    with open("starts") as file:  # noqa: PTH123
        starts = int(file.read()) + 1
except OSError:
    starts = 1
with open("starts", "w") as file:  # noqa: PTH123
    file.write(str(starts))
print(json.dumps({"starts": starts, "power-on": machine.reset_cause() == machine.PWRON_RESET}))
if starts == 1:
    machine.reset()
