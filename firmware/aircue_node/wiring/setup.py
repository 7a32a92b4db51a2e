"""Setting up, wired to a board. run() comes back only by an error or a Ctrl-C on the serial line."""

import asyncio
import binascii
import gc
import os
import socket
import sys
import time

import machine
import micropython
import network

from aircue_node import __version__, settings, settings_file
from aircue_node.clock import Clock, Monotonic
from aircue_node.config import PATH
from aircue_node.provisioning import defaults, presets, probe
from aircue_node.provisioning.console import Console
from aircue_node.provisioning.portal import Portal, answer_names
from aircue_node.provisioning.radio import Radio
from aircue_node.provisioning.setup import Setup
from aircue_node.sensors import fitting

_EVERYWHERE = "0.0.0.0"
_CTRL_C = 3
_WAITING = 4
# A second after its power came, every sensor answers.
_AWAKE_S = 1
# Garbage is collected before it lies between everything else.
_COLLECT_EVERY = 8192


def run(reason: str) -> None:
    """reason: why the settings cannot be used; "" where there are none."""
    # Every Improv call has a byte 3 in it; the console recognises a Ctrl-C that stands alone.
    micropython.kbd_intr(-1)
    try:
        asyncio.run(_serve(reason))
    finally:
        micropython.kbd_intr(_CTRL_C)


async def _serve(reason: str) -> None:
    given = defaults.load()
    setup = _setup(given, reason)
    radio = Radio(network.WLAN(network.AP_IF), network.WLAN(network.STA_IF), setup.name, given.ap_key, _secured())
    clock = Clock(Monotonic(_ticks_ms, time.ticks_diff))

    async def look() -> None:
        setup.saw(radio.scan(), await _found(setup, clock))
        gc.collect()

    portal = Portal(setup, radio, look, _save, machine.reset, given.http_port)
    console = Console(setup, radio, _write, portal.url, ("aircue", __version__, _machine_name()))
    await asyncio.sleep(_AWAKE_S)
    await look()
    gc.threshold(_COLLECT_EVERY)
    await asyncio.start_server(portal.serve, _EVERYWHERE, given.http_port, backlog=_WAITING)
    print("setup: join the Wi-Fi", setup.name, "and open", portal.url(radio.own_address))
    names = _name_line(radio.own_address, given.dns_port)
    await asyncio.gather(console.run(_reading(), clock.uptime_ms), answer_names(names, radio.own_address))


def _setup(given: defaults.Defaults, reason: str) -> Setup:
    base = dict(given.settings)
    base.update(settings.sound(settings_file.readable(PATH)))
    ident = binascii.hexlify(machine.unique_id()).decode().upper()
    key = binascii.hexlify(os.urandom(16)).decode()
    return Setup("Aircue-" + ident[-4:], presets.of_board(sys.platform, _machine_name()), base, reason, key)


def _machine_name() -> str:
    return str(getattr(sys.implementation, "_machine", sys.platform))


def _secured() -> int:
    """What this port calls WPA2 of an access point."""
    names = ("SEC_WPA2", "SEC_WPA_WPA2")
    return next(iter([getattr(network.WLAN, name) for name in names if hasattr(network.WLAN, name)]), 3)


async def _found(setup: Setup, clock: Clock) -> dict[str, int]:
    """Sensors on the I2C pins of the form; none where those are no I2C pins."""
    fields = setup.fields
    try:
        sda, scl = int(fields.get("sda", setup.preset.sda)), int(fields.get("scl", setup.preset.scl))
        bus = machine.I2C(0, scl=machine.Pin(scl), sda=machine.Pin(sda), freq=100_000)
        board = fitting.Board({0: bus}, machine.Pin, _no_line, clock.sleep_ms, clock.uptime_ms, {}, machine.ADC)
        return await probe.found_on(bus, board)
    except (OSError, ValueError, MemoryError) as error:
        print("setup: I2C not scanned:", error)
        return {}


def _no_line(pin: object, frame: bytearray) -> None:
    """No sensor on a wire of its own is asked here."""


def _save(fields: dict[str, object]) -> None:
    settings.save(fields, PATH)


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)


def _reading():  # type: ignore[no-untyped-def]  # a coroutine function; MicroPython has no name for it
    """Gives a function that waits for one byte of the console, however it is connected."""
    reader = asyncio.StreamReader(sys.stdin.buffer)

    async def read() -> bytes:
        return await reader.read(1)

    return read


def _name_line(address: str, port: int) -> socket.socket:
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(socket.getaddrinfo(address, port)[0][-1])
    line.setblocking(False)
    return line


def _ticks_ms() -> int:
    return time.ticks_ms()  # type: ignore[return-value]  # the stubs make ticks a type of their own
