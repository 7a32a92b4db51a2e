"""Runs on the bench in MicroPython: prints the mean time of a pin and of an I2C request, in microseconds."""

import time

import machine

pin, bus = machine.Pin(2, machine.Pin.OUT), machine.I2C(0)
TIMES = 500


def mean_us(call, *arguments):
    began = time.ticks_us()
    for _ in range(TIMES):
        call(*arguments)
    return time.ticks_diff(time.ticks_us(), began) // TIMES


print(mean_us(pin.value, 1), mean_us(bus.writeto, 0x44, b""))
