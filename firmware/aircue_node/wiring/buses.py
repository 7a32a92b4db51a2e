"""Buses as drivers hold them: what opens them anew is kept for as long as the program runs."""

import time

import machine

from aircue_node.sensors.bus import RecoveringBus, free

MYPY = False
if MYPY:
    from collections.abc import Callable


def bus(row: dict[str, int]) -> RecoveringBus:
    def open_bus() -> machine.I2C:
        return machine.I2C(row["id"], scl=machine.Pin(row["scl"]), sda=machine.Pin(row["sda"]), freq=100_000)

    def free_bus() -> None:
        scl, sda = (machine.Pin(row[name], machine.Pin.OPEN_DRAIN, value=1) for name in ("scl", "sda"))
        print("i2c:", row["id"], "freed" if free(scl, sda, time.sleep_us) else "is held low: look for a short")

    return RecoveringBus(open_bus, free_bus)


def uart(row: dict[str, int]) -> "Callable[[], machine.UART]":
    """Every sensor on a UART that the firmware knows speaks 9600 baud, 8N1."""

    def open_uart() -> machine.UART:
        return machine.UART(row["id"], baudrate=9600, tx=machine.Pin(row["tx"]), rx=machine.Pin(row["rx"]))

    return open_uart


def read_dht(pin: object, frame: bytearray) -> None:
    machine.dht_readinto(pin, frame)
