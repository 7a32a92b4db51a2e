"""Runs on the bench in MicroPython until its power is cut."""

import time

import machine

strobe = machine.Pin(2, machine.Pin.OUT)
while True:
    strobe.on()
    strobe.off()
    time.sleep_ms(5)
