"""A board's own parts as the node's programs take them: pins, buses, console, clock, watchdog, resets."""

import gc
import os
import select
import sys
import time

import machine

from aircue_node import identity, resets
from aircue_node.clock import Clock, Monotonic, network_time
from aircue_node.config import PATH, Settings, SettingsError
from aircue_node.sensors.bus import RecoveringBus, free
from aircue_node.unload import unload
from aircue_node.watchdog import Feeder, Watch

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import Sensor

_RESETS = (
    ("PWRON_RESET", resets.POWER_ON),
    ("HARD_RESET", "hard"),
    ("WDT_RESET", "watchdog"),
    ("DEEPSLEEP_RESET", "deep-sleep"),
    ("SOFT_RESET", "soft"),
)
_LONGEST_READ = 256
_FEED_EVERY_MS = 2000
# Seconds. On the ESP32 a name lookup lets no timer's callback run, and its watchdog may be as slow as that.
_SLOWEST_LOOKUP_S = {"esp32": 30}
# The RP2040's watchdog cannot count further (datasheet, 4.7).
_LONGEST_WATCHDOG_MS = {"rp2": 8388}
_CLOCK_GOOD_FOR_MS = 6 * 3_600_000
_CLOCK_RETRY_MS = 60_000
# A timer that nobody holds is collected on the RP2040, and stopped with it.
_kept: list[object] = []


def reset_cause() -> str:
    """Ports know different causes."""
    for name, text in _RESETS:
        if getattr(machine, name, None) == machine.reset_cause():
            return text
    return "unknown"


def restart(why: str, times: int = 1) -> None:
    """A reset that the next birth can explain."""
    try:
        resets.mark(why, times)
    except OSError as error:
        print("reset: its reason cannot be written:", error)
    machine.reset()


def identify() -> tuple[int, int]:
    """(installation, boot) of a boot that begins."""
    return identity.start(lambda: int.from_bytes(os.urandom(4), "big"))


def ticks_ms() -> int:
    return time.ticks_ms()  # type: ignore[return-value]  # the stubs make ticks a type of their own


def monotonic() -> Monotonic:
    return Monotonic(ticks_ms, time.ticks_diff)


def output_pin(number: int) -> machine.Pin | None:
    return _pin(number, machine.Pin.OUT) if number >= 0 else None


def led(name: str) -> machine.Pin | None:
    """A pin's number, or the name that boards give to a LED that is on no pin."""
    return _pin(int(name) if name.isdigit() else name, machine.Pin.OUT) if name else None


def button(number: int) -> machine.Pin:
    return _pin(number, machine.Pin.IN, machine.Pin.PULL_UP)


def _pin(place: "int | str", mode: int, pull: int = -1) -> machine.Pin:
    try:
        return machine.Pin(place, mode, pull)
    except ValueError as error:
        raise _not_here(error)


def _not_here(error: ValueError) -> SettingsError:
    return SettingsError(f"settings.json: this board has no such pin or bus: {error}")


def fit(config: Settings, clock: Clock) -> "list[tuple[Sensor, list[int]]]":
    """The sensors of the settings on this board's buses and pins. A pin or a bus that it has not is a wrong setting."""
    from aircue_node.sensors import fitting

    try:
        board = fitting.Board(
            {row["id"]: _bus(row) for row in config.i2c},
            _input_pin,
            _read_dht,
            clock.sleep_ms,
            clock.uptime_ms,
            {row["id"]: _uart(row) for row in config.uart},
            _analog_pin,
        )
        return fitting.build(config.sensors, board)
    except SettingsError:
        raise
    except ValueError as error:
        raise _not_here(error)
    finally:
        unload("aircue_node.sensors.fitting")


def _input_pin(number: int) -> object:
    return machine.Pin(number, machine.Pin.IN)


def _analog_pin(number: int) -> machine.ADC:
    return machine.ADC(machine.Pin(number))


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


class Console:
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


class NetworkTime:
    """Asks the network for the time, in the way of a connection that is made, so not more often than it helps. Without
    an answer the samples carry their uptime and the gateway dates them.

    tell: takes the epoch's seconds. for_tls: whether the board's own clock is set too, by which TLS judges
    certificates.
    """

    def __init__(self, tell: "Callable[[int], None]", clock: Monotonic, for_tls: bool) -> None:
        self._tell = tell
        self._clock = clock
        self._for_tls = for_tls
        self._due_ms = 0
        self._retry_ms = _CLOCK_RETRY_MS

    def ask(self) -> None:
        if self._clock.ms() < self._due_ms:
            return
        try:
            self._set()
            self._due_ms = self._clock.ms() + _CLOCK_GOOD_FOR_MS
            self._retry_ms = _CLOCK_RETRY_MS
        except OSError as error:
            print("clock: no network time:", error)
            self._due_ms = self._clock.ms() + self._retry_ms
            self._retry_ms = min(self._retry_ms * 2, _CLOCK_GOOD_FOR_MS)

    def _set(self) -> None:
        """A board without a radio never comes here, and may have no such module."""
        import ntptime

        if self._for_tls:
            ntptime.settime()
        self._tell(network_time(ntptime.time(), time.gmtime(0)[0]))


def guard(seconds: int, watch: Watch) -> None:
    """Starts the hardware's watchdog; from here on the board is reset when a task hangs. seconds: 0 for none."""
    if seconds == 0:
        return
    timeout_ms = max(seconds, _SLOWEST_LOOKUP_S.get(sys.platform, 0)) * 1000
    dog = machine.WDT(timeout=min(timeout_ms, _LONGEST_WATCHDOG_MS.get(sys.platform, timeout_ms)))
    # Callbacks of a timer run while a name is looked up or a network is searched; tasks do not.
    timer = machine.Timer(-1 if sys.platform == "rp2" else 0)
    timer.init(period=_FEED_EVERY_MS, mode=machine.Timer.PERIODIC, callback=Feeder(watch, dog, ticks_ms).feed)
    _kept.append(timer)


def trust(config: Settings) -> object | None:
    """The TLS context of the settings, or None for plain TCP."""
    if not config.tls:
        return None
    from aircue_node import trust

    return trust.load(config.ca)


def change_settings(changes: dict[str, object]) -> None:
    from aircue_node import settings

    try:
        settings.change(changes, PATH)
    finally:
        unload("aircue_node.settings")


def wipe_settings() -> None:
    from aircue_node import settings

    settings.wipe(PATH)


def collect_early() -> None:
    """Garbage is collected each time a quarter of the free heap was used, so that large free pieces remain."""
    gc.collect()
    gc.threshold(gc.mem_free() // 4 + gc.mem_alloc())
