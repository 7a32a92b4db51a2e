"""The node's program, wired: MicroPython runs this file after boot."""

import asyncio
import gc
import os
import sys
import time

import machine
import network
import ntptime

from aircue_node import __version__, contract, identity, sensors, settings
from aircue_node.clock import Clock, Monotonic, network_time
from aircue_node.commands import Commands
from aircue_node.journal import Journal
from aircue_node.sampler import Sampler, channels
from aircue_node.uplink import Link, Uplink
from aircue_node.wifi import Wifi

_RESETS = {
    getattr(machine, name): text
    for name, text in (
        ("PWRON_RESET", "power-on"),
        ("HARD_RESET", "hard"),
        ("WDT_RESET", "watchdog"),
        ("DEEPSLEEP_RESET", "deep-sleep"),
        ("SOFT_RESET", "soft"),
    )
    if hasattr(machine, name)
}


def _set_clock(clock: Clock) -> None:
    """Asks the network for the time; without an answer the samples carry their uptime and the gateway dates them."""
    try:
        clock.set(network_time(ntptime.time(), time.gmtime(0)[0]))
    except OSError as error:
        print("clock: no network time:", error)


def _input_pin(number: int) -> machine.Pin:
    return machine.Pin(number, machine.Pin.IN)


def _bus(row: dict[str, int]) -> machine.I2C:
    pins = {name: machine.Pin(row[name]) for name in ("scl", "sda") if name in row}
    return machine.I2C(row["id"], freq=100_000, **pins)


def build(config: settings.Settings) -> tuple[Sampler, Uplink]:
    """Everything this node runs, made once."""
    installation, boot = identity.start(lambda: int.from_bytes(os.urandom(4), "big"))
    monotonic = Monotonic(time.ticks_ms, time.ticks_diff)
    clock = Clock(monotonic, config.time_scale)
    buses = {row["id"]: _bus(row) for row in config.i2c}
    board = sensors.Board(buses, _input_pin, getattr(machine, "dht_readinto", None), clock.sleep_ms)
    fitted = sensors.build(config.sensors, board)
    journal = Journal(boot, config.journal_samples)
    strobe = machine.Pin(config.strobe_pin, machine.Pin.OUT) if config.strobe_pin >= 0 else None

    def deliver(sample: "tuple[int, int, int, list[int | None]]") -> None:
        journal.append(sample)
        uplink.wake()

    sampler = Sampler(fitted, clock, config.interval_ms, deliver, strobe)
    link = Link(config.gateway, config.port, config.site, config.node, config.key, installation, boot)

    def birth() -> bytes:
        return contract.encode_birth(
            __version__,
            sys.platform,
            installation,
            boot,
            sampler.interval_ms,
            _RESETS.get(machine.reset_cause(), "unknown"),
            channels(fitted),
            [(sensor.name, sampler.states.get(sensor.name, "unknown")) for sensor, _ in fitted],
            journal.loss,
        )

    def status() -> bytes:
        gc.collect()
        return contract.encode_status(
            installation, boot, clock.uptime_ms(), gc.mem_free(), len(journal), journal.loss, sampler.faults
        )

    uplink = Uplink(
        link,
        Wifi(network.WLAN(network.STA_IF), config.ssid, config.wifi_key),
        journal,
        Commands(config.key.encode(), installation, sampler),
        monotonic,
        birth,
        status,
        lambda: _set_clock(clock),
        config.backlog_pause_ms,
    )
    return sampler, uplink


async def main() -> None:
    sampler, uplink = build(settings.load("settings.json"))
    await asyncio.gather(sampler.run(), uplink.run())


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except settings.SettingsError as error:
        print("settings:", error)
        sys.exit(1)
