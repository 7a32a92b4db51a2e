"""Puts a node together that is always on. In memory only until it runs."""

import sys

from aircue_node import resets, sensors
from aircue_node.courier import Courier
from aircue_node.journal import Journal
from aircue_node.keeper import Keeper
from aircue_node.report import Report
from aircue_node.sampler import Sampler, channels
from aircue_node.slots import Slots, running
from aircue_node.wiring import hardware, power_up

MYPY = False
if MYPY:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from aircue_node.ports import Announcer, Carrier, Sensor
    from aircue_node.wiring.program import Node

    Fitted = list[tuple[Sensor, list[int]]]

_JOURNAL = "journal"
_BEGIN_WITHIN_MS = 120_000


def assemble(node: "Node") -> "list[Coroutine[Any, Any, None]]":
    """What is imported comes first, while memory is in one piece. Gives what is to run side by side."""
    carry = _LINES[node.config.uplink]()
    cause, times = resets.take(power_up.reset_cause())
    fitted = power_up.fit(node.config, node.clock)
    _measure(node, fitted, cause)
    node.line = carry(node, fitted, times if cause == resets.RADIO else 0)
    for used in ("i2c", "uart", "sensors"):
        delattr(node.config, used)
    return _jobs(node, fitted)


def _measure(node: "Node", fitted: "Fitted", cause: str) -> None:
    """What there is without any line."""
    config, clock, monotonic = node.config, node.clock, node.monotonic
    node.installation, boot = power_up.identify()
    node.slots = slots = Slots(running())
    node.led = power_up.led(config.led_pin)
    node.journal = journal = Journal(boot, config.journal_samples, len(channels(fitted)))
    strobe = power_up.output_pin(config.strobe_pin)
    node.sampler = Sampler(fitted, clock, config.interval_ms, node.deliver, strobe, config.deadband)
    node.report = report = Report(
        node.installation, boot, sys.platform, cause, fitted, node.sampler, journal, clock, slots
    )
    journal.mount(_JOURNAL, config.journal_bytes, report.birth_to_keep)
    node.courier = Courier(node.installation, boot, journal, node, report, clock.dated, slots.confirm)
    node.keeper = Keeper(journal, node.courier, clock, monotonic, node.tick_journal)


def _jobs(node: "Node", fitted: "Fitted") -> "list[Coroutine[Any, Any, None]]":
    for task in ("sampler", "journal", "uplink"):
        node.tick(task, _BEGIN_WITHIN_MS)
    found = [node.sampler.run(node.tick_sampler), node.line.run(), node.keeper.run()]
    found.append(node.slots.limit_trial(node.restart_soon))
    found.extend(sensors.jobs(fitted))
    if node.config.button_pin >= 0:
        from aircue_node import button

        pin = power_up.button(node.config.button_pin)
        found.append(button.watch(pin, node.monotonic, node.wipe))
    return found


def _mqtt() -> "Callable[[Node, Fitted, int], Carrier]":
    """A board without a radio has no network module, so what needs it is imported here."""
    import network

    from aircue_node.escalation import Escalation
    from aircue_node.uplink import Link, Uplink
    from aircue_node.wifi import Wifi

    def carry(node: "Node", fitted: "Fitted", resets_for_radio: int) -> "Carrier":
        config = node.config
        node.escalation = Escalation(resets_for_radio)
        return Uplink(
            Link(config.gateway, config.port, config.site, config.node, config.key, power_up.trust(config)),
            Wifi(network.WLAN(network.STA_IF), config.ssid, config.wifi_key, node.tick_uplink),
            node.courier,
            node.monotonic,
            hardware.NetworkTime(node.set_time, node.monotonic, config.tls).ask,
            config.backlog_pause_ms,
            node.escalation,
            node.tick_uplink,
            node.report.refuse,
            node.reset_for_radio,
            _announcer(node, fitted),
            config.status_s * 1000,
        )

    return carry


def _serial() -> "Callable[[Node, Fitted, int], Carrier]":
    from aircue_node.serial_line import SerialLine
    from aircue_node.wiring.console import Console

    def carry(node: "Node", _: "Fitted", __: int) -> "Carrier":
        config = node.config
        return SerialLine(
            Console(), node.topic, node.courier, node.monotonic, node.set_time, config.backlog_pause_ms,
            node.tick_uplink, config.status_s * 1000,
        )  # fmt: skip

    return carry


_LINES = {"mqtt": _mqtt, "serial": _serial}


def _announcer(node: "Node", fitted: "Fitted") -> "Announcer | None":
    config = node.config
    if not config.discovery:
        return None
    from aircue_node import discovery

    rows = channels(fitted)
    return discovery.Announcer(config.site, config.node, node.installation, sys.platform, rows, node.sampler)
