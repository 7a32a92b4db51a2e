"""Runs in MicroPython on a chip with a watchdog: starts it and does not feed it; says why it began again."""

import json
import time

import machine

cause = machine.reset_cause()
print(json.dumps({"watchdog": cause == machine.WDT_RESET}), time.ticks_ms())
if cause != machine.WDT_RESET:
    watchdog = machine.WDT(timeout=2000)
    for _ in range(3):
        time.sleep(1)
        watchdog.feed()
    print(json.dumps({"fed": True}))
    time.sleep(60)
    print(json.dumps({"survived": True}))
