"""The node's program, wired. run() is what main.py calls; it comes back only where the settings are wrong."""

import asyncio
import gc
import os
import select
import sys
import time

import machine

from aircue_node import contract, identity, sensors, settings
from aircue_node.clock import Clock, Monotonic, network_time
from aircue_node.commands import Commands
from aircue_node.courier import Courier
from aircue_node.journal import Journal
from aircue_node.report import Report
from aircue_node.sampler import Sampler

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.battery_node import BatteryNode
    from aircue_node.ports import Carrier, Sensor
    from aircue_node.visit import Visit

    Carry = Callable[[settings.Settings, Courier, Monotonic, Clock], Carrier]

_LONGEST_READ = 256
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
    import ntptime

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


def _bus(row: dict[str, int]) -> machine.I2C:
    return machine.I2C(row["id"], scl=machine.Pin(row["scl"]), sda=machine.Pin(row["sda"]), freq=100_000)


def _uart(row: dict[str, int]) -> machine.UART:
    """Every sensor on a UART that the firmware knows speaks 9600 baud, 8N1."""
    return machine.UART(row["id"], baudrate=9600, tx=machine.Pin(row["tx"]), rx=machine.Pin(row["rx"]))


def _read_dht(pin: object, frame: bytearray) -> None:
    machine.dht_readinto(pin, frame)


class _Console:
    """The console a board shares with its program's output: USB, or a UART where the board has no USB of its own."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def read(self) -> bytes:
        """Byte by byte: a port waits until it has all that was asked for."""
        data = bytearray()
        while len(data) < _LONGEST_READ and self._poll.poll(0):
            byte = sys.stdin.buffer.read(1)
            if not byte:
                break
            data.extend(byte)
        return bytes(data)

    def write(self, data: bytes) -> object:
        return sys.stdout.buffer.write(data)


def _mqtt() -> "Carry":
    """A board without a radio has no network module, so what needs it is imported here."""
    import network

    from aircue_node.uplink import Link, Uplink
    from aircue_node.wifi import Wifi

    def carry(config: settings.Settings, courier: Courier, monotonic: Monotonic, clock: Clock) -> "Carrier":
        return Uplink(
            Link(config.gateway, config.port, config.site, config.node, config.key),
            Wifi(network.WLAN(network.STA_IF), config.ssid, config.wifi_key),
            courier,
            monotonic,
            lambda: _set_clock(clock),
            config.backlog_pause_ms,
        )

    return carry


def _serial() -> "Carry":
    from aircue_node.serial_line import SerialLine

    def carry(config: settings.Settings, courier: Courier, monotonic: Monotonic, clock: Clock) -> "Carrier":
        def topic(leaf: str) -> str:
            return contract.topic(config.site, config.node, leaf)

        return SerialLine(_Console(), topic, courier, monotonic, clock.set, config.backlog_pause_ms)

    return carry


_LINES = {"mqtt": _mqtt, "serial": _serial}


def _identify() -> tuple[int, int]:
    return identity.start(lambda: int.from_bytes(os.urandom(4), "big"))


def _fit(config: settings.Settings, clock: Clock) -> "list[tuple[Sensor, list[int]]]":
    board = sensors.Board(
        {row["id"]: _bus(row) for row in config.i2c},
        _input_pin,
        _read_dht,
        clock.sleep_ms,
        clock.uptime_ms,
        {row["id"]: _uart(row) for row in config.uart},
        _analog_pin,
    )
    return sensors.build(config.sensors, board)


def build(config: settings.Settings) -> "tuple[Sampler, Carrier]":
    """Everything this node runs, made once; what is imported comes first, while memory is in one piece."""
    carry = _LINES[config.uplink]()
    installation, boot = _identify()
    monotonic = Monotonic(_ticks_ms, time.ticks_diff)
    clock = Clock(monotonic, config.time_scale)
    fitted = _fit(config, clock)
    journal = Journal(boot, config.journal_samples)

    def deliver(sample: "tuple[int, int, int, list[int | None]]") -> None:
        journal.append(sample)
        line.wake()

    sampler = Sampler(fitted, clock, config.interval_ms, deliver, _output_pin(config.strobe_pin))
    report = Report(installation, boot, sys.platform, _reset_cause(), fitted, sampler, journal, clock)
    commands = Commands(config.key.encode(), installation, sampler)
    courier = Courier(installation, boot, journal, commands, report, clock.dated)
    line = carry(config, courier, monotonic, clock)
    return sampler, line


def build_sleeper(config: settings.Settings) -> "BatteryNode":
    """The same for one run of a node that sleeps between samples."""
    import network

    from aircue_node.battery_node import BatteryNode, Board

    if not hasattr(machine.RTC, "memory"):
        raise settings.SettingsError("settings.json: sleep is true, but only an ESP32 has a memory that outlasts it")
    monotonic = Monotonic(_ticks_ms, time.ticks_diff)

    def visit(courier: Courier, clock: Clock, received: "Callable[[str, bytes], None]") -> "Visit":
        from aircue_node.uplink import Link
        from aircue_node.visit import Visit
        from aircue_node.wifi import Wifi

        return Visit(
            Link(config.gateway, config.port, config.site, config.node, config.key),
            Wifi(network.WLAN(network.STA_IF), config.ssid, config.wifi_key),
            courier,
            monotonic,
            lambda: _set_clock(clock),
            received,
        )

    board = Board(
        sys.platform,
        machine.RTC(),
        _reset_cause(),
        _identify,
        monotonic,
        lambda: time.time_ns() // 1_000_000 * config.time_scale,
        lambda clock: _fit(config, clock),
        _output_pin(config.strobe_pin),
        lambda boot, samples, width, birth: Journal(boot, samples),
        visit,
    )
    return BatteryNode(config, board)


def _collect_early() -> None:
    """Garbage is collected each time a quarter of the free heap was used, so that large free pieces remain."""
    gc.collect()
    gc.threshold(gc.mem_free() // 4 + gc.mem_alloc())


async def main(config: settings.Settings) -> None:
    sampler, line = build(config)
    _collect_early()
    await asyncio.gather(sampler.run(), line.run())


def _run_and_sleep(config: settings.Settings) -> None:
    """Ends in deep sleep after an error too: a reset would lose what the RTC's memory holds."""
    ms = config.interval_ms
    try:
        node = build_sleeper(config)
        _collect_early()
        ms = asyncio.run(node.run())
    except settings.SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 -- told whole; the next run begins a new boot
        sys.print_exception(error)
    machine.deepsleep(ms)


def run() -> None:
    try:
        config = settings.load("settings.json")
        if config.sleep:
            _run_and_sleep(config)
        asyncio.run(main(config))
    except settings.SettingsError as error:
        print("settings:", error)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 -- told whole; a board has no other supervisor than a reset
        sys.print_exception(error)
        machine.reset()
