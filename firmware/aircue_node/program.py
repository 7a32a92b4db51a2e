"""The node's program, wired. run() is what main.py calls; it comes back only where the settings are wrong."""

import asyncio
import gc
import os
import sys
import time

import machine
import network
import ntptime

from aircue_node import identity, sensors, settings
from aircue_node.clock import Clock, Monotonic, network_time
from aircue_node.commands import Commands
from aircue_node.courier import Courier
from aircue_node.journal import Journal
from aircue_node.report import Report
from aircue_node.sampler import Sampler
from aircue_node.sensors.bus import RecoveringBus, free
from aircue_node.uplink import Link, Uplink
from aircue_node.wifi import Wifi

MYPY = False
if MYPY:
    from collections.abc import Callable, Coroutine
    from typing import Any

_RESETS = (
    ("PWRON_RESET", "power-on"),
    ("HARD_RESET", "hard"),
    ("WDT_RESET", "watchdog"),
    ("DEEPSLEEP_RESET", "deep-sleep"),
    ("SOFT_RESET", "soft"),
)


def _reset_cause() -> str:
    """Ports know different causes."""
    for name, text in _RESETS:
        if getattr(machine, name, None) == machine.reset_cause():
            return text
    return "unknown"


def _set_clock(clock: Clock) -> None:
    """Asks the network for the time; without an answer the samples carry their uptime and the gateway dates them."""
    try:
        clock.set(network_time(ntptime.time(), time.gmtime(0)[0]))
    except OSError as error:
        print("clock: no network time:", error)


def _ticks_ms() -> int:
    return time.ticks_ms()  # type: ignore[return-value]  # the stubs make ticks a type of their own


def _input_pin(number: int) -> object:
    return machine.Pin(number, machine.Pin.IN)


def _analog_pin(number: int) -> machine.ADC:
    return machine.ADC(machine.Pin(number))


def _output_pin(number: int) -> machine.Pin | None:
    return machine.Pin(number, machine.Pin.OUT) if number >= 0 else None


def _bus(row: dict[str, int]) -> RecoveringBus:
    def open_bus() -> machine.I2C:
        return machine.I2C(row["id"], scl=machine.Pin(row["scl"]), sda=machine.Pin(row["sda"]), freq=100_000)

    def free_bus() -> None:
        scl, sda = (machine.Pin(row[name], machine.Pin.OPEN_DRAIN, value=1) for name in ("scl", "sda"))
        print("i2c:", row["id"], "freed" if free(scl, sda, time.sleep_us) else "is held low: look for a short")

    return RecoveringBus(open_bus, free_bus)


def _uart(row: dict[str, int]) -> "Callable[[], machine.UART]":
    """Every sensor on a UART that the firmware knows speaks 9600 baud, 8N1."""

    def open_uart() -> machine.UART:
        return machine.UART(row["id"], baudrate=9600, tx=machine.Pin(row["tx"]), rx=machine.Pin(row["rx"]))

    return open_uart


def _read_dht(pin: object, frame: bytearray) -> None:
    machine.dht_readinto(pin, frame)


def build(config: settings.Settings) -> "list[Coroutine[Any, Any, None]]":
    """Everything this node runs, made once."""
    installation, boot = identity.start(lambda: int.from_bytes(os.urandom(4), "big"))
    monotonic = Monotonic(_ticks_ms, time.ticks_diff)
    clock = Clock(monotonic, config.time_scale)
    board = sensors.Board(
        {row["id"]: _bus(row) for row in config.i2c},
        _input_pin,
        _read_dht,
        clock.sleep_ms,
        clock.uptime_ms,
        {row["id"]: _uart(row) for row in config.uart},
        _analog_pin,
    )
    fitted = sensors.build(config.sensors, board)
    journal = Journal(boot, config.journal_samples)

    def deliver(sample: "tuple[int, int, int, list[int | None]]") -> None:
        journal.append(sample)
        uplink.wake()

    sampler = Sampler(fitted, clock, config.interval_ms, deliver, _output_pin(config.strobe_pin))
    report = Report(installation, boot, sys.platform, _reset_cause(), fitted, sampler, journal, clock)
    commands = Commands(config.key.encode(), installation, sampler)
    uplink = Uplink(
        Link(config.gateway, config.port, config.site, config.node, config.key),
        Wifi(network.WLAN(network.STA_IF), config.ssid, config.wifi_key),
        Courier(installation, boot, journal, commands, report, clock.dated),
        monotonic,
        lambda: _set_clock(clock),
        config.backlog_pause_ms,
    )
    return [sampler.run(), uplink.run()] + sensors.jobs(fitted)  # noqa: RUF005 -- MicroPython has no stars in lists


def _collect_early() -> None:
    """Garbage is collected each time a quarter of the free heap was used, so that large free pieces remain."""
    gc.collect()
    gc.threshold(gc.mem_free() // 4 + gc.mem_alloc())


async def main() -> None:
    tasks = build(settings.load("settings.json"))
    _collect_early()
    await asyncio.gather(*tasks)


def run() -> None:
    try:
        asyncio.run(main())
    except settings.SettingsError as error:
        print("settings:", error)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 -- told whole; a board has no other supervisor than a reset
        sys.print_exception(error)
        machine.reset()
