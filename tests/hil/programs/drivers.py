"""Runs on the bench in MicroPython: reads the sensors of settings.json with the firmware's own drivers, as often as
settings.json says under "reads", and prints what they give, one JSON a line."""

import asyncio
import json
import time

import machine

from aircue_node.clock import Clock, Monotonic
from aircue_node.sensors import fitting, jobs
from aircue_node.sensors.bus import RecoveringBus, free
from aircue_node.sensors.errors import SensorError

with open("settings.json") as file:  # noqa: PTH123 -- MicroPython has no pathlib
    given = json.load(file)
clock = Clock(Monotonic(time.ticks_ms, time.ticks_diff), given["time_scale"])
strobe = machine.Pin(given["strobe_pin"], machine.Pin.OUT)


def bus(row):
    def open_bus():
        return machine.I2C(row["id"], scl=machine.Pin(row["scl"]), sda=machine.Pin(row["sda"]), freq=100_000)

    def free_bus():
        scl, sda = [machine.Pin(row[name], machine.Pin.OPEN_DRAIN, value=1) for name in ("scl", "sda")]
        print("freed" if free(scl, sda, time.sleep_us) else "held")

    return RecoveringBus(open_bus, free_bus)


def uart(row):
    return lambda: machine.UART(row["id"], baudrate=9600, tx=machine.Pin(row["tx"]), rx=machine.Pin(row["rx"]))


board = fitting.Board(
    {row["id"]: bus(row) for row in given["i2c"]},
    lambda number: machine.Pin(number, machine.Pin.IN),
    machine.dht_readinto,
    clock.sleep_ms,
    clock.uptime_ms,
    {row["id"]: uart(row) for row in given["uart"]},
    lambda number: machine.ADC(machine.Pin(number)),
)
fitted = fitting.build(given["sensors"], board)


async def read(sensor):
    try:
        return await sensor.read()
    except SensorError as error:
        return str(error)


async def main():
    running = [asyncio.create_task(job) for job in jobs(fitted)]
    for _ in range(given["reads"]):
        await clock.sleep_ms(given["pause_ms"])
        strobe.on()
        told = {}
        for sensor, _ in fitted:
            told[sensor.name] = await read(sensor)
        strobe.off()
        print(json.dumps(told))
    for job in running:
        job.cancel()


asyncio.run(main())
print("end")
