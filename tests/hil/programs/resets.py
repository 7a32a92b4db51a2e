"""Runs on the bench in MicroPython: resets itself once, skipping every finally block, and says why it started."""

import machine

print("cause", machine.reset_cause(), "id", machine.unique_id().hex())
if machine.reset_cause() == machine.PWRON_RESET:
    try:
        machine.reset()
    finally:
        print("finally")
print("end")
