"""Runs on the bench in MicroPython: reads three sensors at bus level and prints what the wire said, one JSON a line."""

import json
import time

import machine

SAMPLES = 5
strobe = machine.Pin(2, machine.Pin.OUT)
bus = machine.I2C(0, scl=machine.Pin(5), sda=machine.Pin(4), freq=100_000)
dht_pin = machine.Pin(15, machine.Pin.IN)
frame, answer = bytearray(5), bytearray(9)


def tell(sensor, data):
    print(json.dumps({"sensor": sensor, "data": data.hex()}))


time.sleep_ms(20)  # the world runs 240 times as fast: the sensors' second of power-up is over
print(json.dumps({"scan": bus.scan()}))
bus.writeto(0x62, b"\x21\xb1")
time.sleep_ms(100)
for _ in range(SAMPLES):
    strobe.on()
    bus.writeto(0x44, b"\xfd")
    time.sleep_ms(5)
    tell("sht4x", bus.readfrom(0x44, 6))
    bus.writeto(0x62, b"\xe4\xb8")
    time.sleep_ms(2)
    ready = bus.readfrom(0x62, 3)
    if (ready[0] << 8 | ready[1]) & 0x07FF:
        bus.writeto(0x62, b"\xec\x05")
        time.sleep_ms(2)
        bus.readfrom_into(0x62, answer)
        tell("scd4x", bytes(answer))
    machine.dht_readinto(dht_pin, frame)
    tell("dht22", bytes(frame))
    strobe.off()
    time.sleep_ms(60)
