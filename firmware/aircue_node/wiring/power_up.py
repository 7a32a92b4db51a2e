"""What a board is asked and given once, while its program is put together; in memory only until then."""

import os
import sys

import machine

from aircue_node import identity, resets
from aircue_node.clock import Clock
from aircue_node.config import Settings, SettingsError
from aircue_node.unload import unload
from aircue_node.watchdog import Feeder, Watch
from aircue_node.wiring import buses, hardware

MYPY = False
if MYPY:
    from aircue_node.ports import Sensor

_RESETS = (
    ("PWRON_RESET", resets.POWER_ON),
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


def reset_cause() -> str:
    """Ports know different causes."""
    for name, text in _RESETS:
        if getattr(machine, name, None) == machine.reset_cause():
            return text
    return "unknown"


def identify() -> tuple[int, int]:
    """(installation, boot) of a boot that begins."""
    return identity.start(lambda: int.from_bytes(os.urandom(4), "big"))


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
            {row["id"]: buses.bus(row) for row in config.i2c},
            _input_pin,
            buses.read_dht,
            clock.sleep_ms,
            clock.uptime_ms,
            {row["id"]: buses.uart(row) for row in config.uart},
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


def guard(seconds: int, watch: Watch) -> object | None:
    """Starts the hardware's watchdog; from here on the board is reset when a task hangs. seconds: 0 for none. Gives
    what must be held: a timer that nobody holds is collected on the RP2040, and stopped with it."""
    if seconds == 0:
        return None
    timeout_ms = max(seconds, _SLOWEST_LOOKUP_S.get(sys.platform, 0)) * 1000
    dog = machine.WDT(timeout=min(timeout_ms, _LONGEST_WATCHDOG_MS.get(sys.platform, timeout_ms)))
    # Callbacks of a timer run while a name is looked up or a network is searched; tasks do not.
    timer = machine.Timer(-1 if sys.platform == "rp2" else 0)
    timer.init(period=_FEED_EVERY_MS, mode=machine.Timer.PERIODIC, callback=Feeder(watch, dog, hardware.ticks_ms).feed)
    return timer


def trust(config: Settings) -> object | None:
    """The TLS context of the settings, or None for plain TCP."""
    if not config.tls:
        return None
    from aircue_node import trust

    return trust.load(config.ca)
