"""The node's program, wired. run() is what main.py calls; it comes back only where the settings are wrong."""

import asyncio
import gc
import os
import sys
import time

import machine
import network
import ntptime

from aircue_node import identity, resets, sensors, settings
from aircue_node.clock import Clock, Monotonic, network_time
from aircue_node.commands import Commands
from aircue_node.courier import Courier
from aircue_node.escalation import Escalation
from aircue_node.journal import Journal
from aircue_node.report import Report
from aircue_node.sampler import Sampler, channels
from aircue_node.uplink import Link, Uplink
from aircue_node.watchdog import Feeder, Watch
from aircue_node.wifi import Wifi

MYPY = False
if MYPY:
    from aircue_node.ports import Announcer, Channel

_RESETS = (
    ("PWRON_RESET", "power-on"),
    ("HARD_RESET", "hard"),
    ("WDT_RESET", "watchdog"),
    ("DEEPSLEEP_RESET", "deep-sleep"),
    ("SOFT_RESET", "soft"),
)
_FEED_EVERY_MS = 2000
# Seconds. On the ESP32 a name lookup lets no timer's callback run, and its watchdog may be as slow as that.
_SLOWEST_LOOKUP_S = {"esp32": 30}
# The RP2040's watchdog cannot count further (datasheet, 4.7).
_LONGEST_WATCHDOG_MS = {"rp2": 8388}
# On top of what is planned: the slowest sensors need seconds, a name lookup with a TLS handshake up to a minute.
_SAMPLE_ALLOWANCE_MS = 60_000
_UPLINK_ALLOWANCE_MS = 120_000
_CLOCK_GOOD_FOR_MS = 6 * 3_600_000
_CLOCK_RETRY_MS = 60_000


def _reset_cause() -> str:
    """Ports know different causes."""
    for name, text in _RESETS:
        if getattr(machine, name, None) == machine.reset_cause():
            return text
    return "unknown"


class NetworkTime:
    """Asks the network for the time, in the way of a connection that is made, so not more often than it helps. Without
    an answer the samples carry their uptime and the gateway dates them.

    for_tls: whether the board's own clock is set too, by which TLS judges certificates.
    """

    def __init__(self, clock: Clock, monotonic: Monotonic, for_tls: bool) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._for_tls = for_tls
        self._due_ms = 0
        self._retry_ms = _CLOCK_RETRY_MS

    def ask(self) -> None:
        if self._monotonic.ms() < self._due_ms:
            return
        try:
            self._set()
            self._due_ms = self._monotonic.ms() + _CLOCK_GOOD_FOR_MS
            self._retry_ms = _CLOCK_RETRY_MS
        except OSError as error:
            print("clock: no network time:", error)
            self._due_ms = self._monotonic.ms() + self._retry_ms
            self._retry_ms = min(self._retry_ms * 2, _CLOCK_GOOD_FOR_MS)

    def _set(self) -> None:
        if self._for_tls:
            ntptime.settime()
        self._clock.set(network_time(ntptime.time(), time.gmtime(0)[0]))


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


def restart(why: str, times: int = 1) -> None:
    """A reset that the next birth can explain."""
    resets.mark(why, times)
    machine.reset()


def _guard(seconds: int, watch: Watch) -> None:
    """Starts the hardware's watchdog; from here on the board is reset when a task hangs."""
    if seconds == 0:
        return
    timeout_ms = max(seconds, _SLOWEST_LOOKUP_S.get(sys.platform, 0)) * 1000
    dog = machine.WDT(timeout=min(timeout_ms, _LONGEST_WATCHDOG_MS.get(sys.platform, timeout_ms)))
    # Callbacks of a timer run while a name is looked up or a network is searched; tasks do not.
    timer = machine.Timer(-1 if sys.platform == "rp2" else 0)
    timer.init(period=_FEED_EVERY_MS, mode=machine.Timer.PERIODIC, callback=Feeder(watch, dog, _ticks_ms).feed)


def _announcer(
    config: settings.Settings, installation: int, sampler: Sampler, rows: "list[Channel]"
) -> "Announcer | None":
    if not config.discovery:
        return None
    from aircue_node import discovery

    return discovery.Announcer(config.site, config.node, installation, sys.platform, rows, sampler)


def _tls(config: settings.Settings) -> object | None:
    if not config.tls:
        return None
    from aircue_node import trust

    return trust.load(config.ca)


def build(config: settings.Settings) -> tuple[Sampler, Uplink]:
    """Everything this node runs, made once."""
    tls = _tls(config)
    cause, times = resets.take(_reset_cause())
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
    watch = Watch(time.ticks_diff)

    def tick_uplink() -> None:
        watch.tick("uplink", _ticks_ms(), _UPLINK_ALLOWANCE_MS)

    def deliver(sample: "tuple[int, int, int, list[int | None]]") -> None:
        allowance_ms = 2 * sampler.interval_ms // config.time_scale + _SAMPLE_ALLOWANCE_MS
        watch.tick("sampler", _ticks_ms(), allowance_ms)
        journal.append(sample)
        watch.tick("journal", _ticks_ms(), allowance_ms)
        uplink.wake()

    sampler = Sampler(fitted, clock, config.interval_ms, deliver, _output_pin(config.strobe_pin))
    report = Report(installation, boot, sys.platform, cause, fitted, sampler, journal, clock)
    commands = Commands(config.key.encode(), installation, sampler)
    escalation = Escalation(times if cause == resets.RADIO else 0)
    uplink = Uplink(
        Link(config.gateway, config.port, config.site, config.node, config.key, tls),
        Wifi(network.WLAN(network.STA_IF), config.ssid, config.wifi_key, tick_uplink),
        Courier(installation, boot, journal, commands, report, clock.dated),
        monotonic,
        NetworkTime(clock, monotonic, config.tls).ask,
        config.backlog_pause_ms,
        escalation,
        tick_uplink,
        report.refuse,
        lambda: restart(resets.RADIO, escalation.resets),
        _announcer(config, installation, sampler, channels(fitted)),
        config.status_s * 1000,
    )
    for task in ("sampler", "journal", "uplink"):
        watch.tick(task, _ticks_ms(), _UPLINK_ALLOWANCE_MS)
    _guard(config.watchdog_s, watch)
    return sampler, uplink


def _collect_early() -> None:
    """Garbage is collected each time a quarter of the free heap was used, so that large free pieces remain."""
    gc.collect()
    gc.threshold(gc.mem_free() // 4 + gc.mem_alloc())


async def main() -> None:
    sampler, uplink = build(settings.load("settings.json"))
    _collect_early()
    await asyncio.gather(sampler.run(), uplink.run())


def run() -> None:
    try:
        asyncio.run(main())
    except settings.SettingsError as error:
        print("settings:", error)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 -- told whole; a board has no other supervisor than a reset
        sys.print_exception(error)
        restart(resets.FAILURE)
