"""The node's program, wired. start.py calls it where there are settings."""

import asyncio
import gc
import os
import sys
import time

import machine
import network
import ntptime

from aircue_node import identity, sensors, settings
from aircue_node.actions import Identify, Restart, Tuning, Wipe
from aircue_node.clock import Clock, Monotonic, network_time
from aircue_node.commands import Commands, LastNumber
from aircue_node.courier import Courier
from aircue_node.journal import Journal
from aircue_node.report import Report
from aircue_node.sampler import Sampler
from aircue_node.uplink import Link, Uplink
from aircue_node.wifi import Wifi

MYPY = False
if MYPY:
    from collections.abc import Callable
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


def _led(name: str) -> machine.Pin | None:
    """A pin's number, or the name that boards give to a LED that is on no pin."""
    return machine.Pin(int(name) if name.isdigit() else name, machine.Pin.OUT) if name else None


def _bus(row: dict[str, int]) -> machine.I2C:
    return machine.I2C(row["id"], scl=machine.Pin(row["scl"]), sda=machine.Pin(row["sda"]), freq=100_000)


def _uart(row: dict[str, int]) -> machine.UART:
    """Every sensor on a UART that the firmware knows speaks 9600 baud, 8N1."""
    return machine.UART(row["id"], baudrate=9600, tx=machine.Pin(row["tx"]), rx=machine.Pin(row["rx"]))


def _read_dht(pin: object, frame: bytearray) -> None:
    machine.dht_readinto(pin, frame)


def build(config: settings.Settings) -> list:  # type: ignore[type-arg]  # coroutines; MicroPython has no name for them
    """Everything this node runs side by side, made once."""
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

    sampler = Sampler(fitted, clock, config.interval_ms, deliver, _output_pin(config.strobe_pin), config.deadband)
    report = Report(installation, boot, sys.platform, _reset_cause(), fitted, sampler, journal, clock)
    tuning = Tuning(sampler, _change_settings)
    restart = Restart([], machine.reset)
    wipe = Wipe(_wipe_settings, restart)
    actions: dict[str, Callable[[dict[str, Any]], str | None]] = {
        "interval": tuning.interval,
        "deadband": tuning.deadband,
        "identify": Identify(_led(config.led_pin), config.node).command,
        "restart": restart.command,
        "wipe": wipe.command,
    }
    commands = Commands(config.key.encode(), installation, actions, LastNumber(installation))
    uplink = Uplink(
        Link(config.gateway, config.port, config.site, config.node, config.key),
        Wifi(network.WLAN(network.STA_IF), config.ssid, config.wifi_key),
        Courier(installation, boot, journal, commands, report, clock.dated),
        monotonic,
        lambda: _set_clock(clock),
        config.backlog_pause_ms,
    )
    running = [sampler.run(), uplink.run()]
    if config.button_pin >= 0:
        from aircue_node import button

        pin = machine.Pin(config.button_pin, machine.Pin.IN, machine.Pin.PULL_UP)
        running.append(button.watch(pin, monotonic, wipe.now))
    return running


def _change_settings(changes: dict[str, object]) -> None:
    settings.change(changes, settings.PATH)


def _wipe_settings() -> None:
    settings.wipe(settings.PATH)


def _collect_early() -> None:
    """Garbage is collected each time a quarter of the free heap was used, so that large free pieces remain."""
    gc.collect()
    gc.threshold(gc.mem_free() // 4 + gc.mem_alloc())


def _built(config: settings.Settings) -> list:  # type: ignore[type-arg]  # see build()
    """A pin or a bus that this board does not have is a wrong setting too."""
    try:
        return build(config)
    except settings.SettingsError:
        raise
    except ValueError as error:
        raise settings.SettingsError(f"settings.json: this board has no such pin or bus: {error}")


async def main() -> None:
    running = _built(settings.load(settings.PATH))
    _collect_early()
    await asyncio.gather(*running)


def run() -> None:
    """SettingsError where the settings cannot be used with this firmware; it does not come back otherwise."""
    asyncio.run(main())
