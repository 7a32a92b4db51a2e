"""Runs on the bench in MicroPython: prints the error numbers a driver sees when something fails."""

import machine
import ntptime


def number_of(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    return 0


bus = machine.I2C(0)
print("absent", number_of(bus.writeto, 0x29, b"\x00"))
print("too early", number_of(bus.readfrom, 0x44, 6))
print("no dht", number_of(machine.dht_readinto, machine.Pin(3), bytearray(5)))
print("short frame", number_of(machine.dht_readinto, machine.Pin(15), bytearray(5)))
print("offline", number_of(ntptime.time))
