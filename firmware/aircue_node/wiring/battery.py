"""The program of a node that sleeps between samples, wired: one run of it, from waking to lying down."""

import asyncio
import sys
import time

import machine
import network

from aircue_node.battery_node import BatteryNode, Board
from aircue_node.commands import Commands, LastNumber
from aircue_node.config import Settings, SettingsError
from aircue_node.journal import Journal
from aircue_node.slots import Slots, running
from aircue_node.tuning import Tuning
from aircue_node.wiring import hardware, power_up

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from aircue_node.clock import Clock
    from aircue_node.courier import Courier
    from aircue_node.sampler import Sampler
    from aircue_node.visit import Visit

_JOURNAL = "journal"


def run(config: Settings) -> None:
    """Ends in deep sleep after an error too: a reset would lose what the RTC's memory holds."""
    ms = config.interval_ms
    try:
        node = BatteryNode(config, _board(config))
        hardware.collect_early()
        ms = asyncio.run(node.run())
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 -- told whole; the next run begins a new boot
        sys.print_exception(error)
    machine.deepsleep(ms)


def _board(config: Settings) -> Board:
    if not hasattr(machine.RTC, "memory"):
        raise SettingsError("settings.json: sleep is true, but only an ESP32 has a memory that outlasts it")
    monotonic = hardware.monotonic()

    def visit(courier: "Courier", clock: "Clock", received: "Callable[[str, bytes], None]") -> "Visit":
        """Its modules are loaded for one alone: most runs need none."""
        from aircue_node.uplink import Link
        from aircue_node.visit import Visit
        from aircue_node.wifi import Wifi

        return Visit(
            Link(config.gateway, config.port, config.site, config.node, config.key, power_up.trust(config)),
            Wifi(network.WLAN(network.STA_IF), config.ssid, config.wifi_key),
            courier,
            monotonic,
            hardware.NetworkTime(clock.set, monotonic, config.tls).ask,
            received,
        )

    def open_journal(boot: int, samples: int, width: int, birth: "Callable[[], bytes]") -> Journal:
        journal = Journal(boot, samples, width)
        journal.mount(_JOURNAL, config.journal_bytes, birth)
        return journal

    def commands(installation: int, sampler: "Sampler") -> Commands:
        """A node that is gone in a second can be told its interval; anything else wants it awake."""
        interval: Callable[[dict[str, Any]], str | None] = Tuning(sampler, hardware.change_settings).interval
        return Commands(config.key.encode(), installation, {"interval": interval}, LastNumber(installation))

    return Board(
        sys.platform,
        machine.RTC(),
        power_up.reset_cause(),
        power_up.identify,
        monotonic,
        lambda: time.time_ns() // 1_000_000 * config.time_scale,
        lambda clock: power_up.fit(config, clock),
        power_up.output_pin(config.strobe_pin),
        open_journal,
        visit,
        commands,
        Slots(running()),
    )
