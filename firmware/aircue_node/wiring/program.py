"""The program of a node that is always on, wired. start.py calls run() where there are settings for it."""

import asyncio
import sys
import time

from aircue_node import contract, resets, sensors
from aircue_node.actions import Identify, Restart, Tuning, Wipe
from aircue_node.clock import Clock
from aircue_node.commands import Commands, LastNumber
from aircue_node.config import Settings, SettingsError
from aircue_node.courier import Courier
from aircue_node.journal import Journal
from aircue_node.keeper import Keeper
from aircue_node.report import Report
from aircue_node.sampler import Sampler, channels
from aircue_node.slots import Slots, running
from aircue_node.unload import unload
from aircue_node.watchdog import Watch
from aircue_node.wiring import hardware

MYPY = False
if MYPY:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from aircue_node.clock import Monotonic
    from aircue_node.ports import Announcer, Carrier, Sample
    from aircue_node.update import Updater

_JOURNAL = "journal"
# On top of what is planned: the slowest sensors need seconds, a name lookup with a TLS handshake up to a minute.
_SAMPLE_ALLOWANCE_MS = 60_000
_UPLINK_ALLOWANCE_MS = 120_000


class Parts:
    """What every line is built from."""

    def __init__(self, config: Settings, monotonic: "Monotonic", clock: Clock) -> None:
        self.config = config
        self.monotonic = monotonic
        self.clock = clock
        self.watch = Watch(time.ticks_diff)
        self.slots = Slots(running())
        self.cause, self.times = resets.take(hardware.reset_cause())
        self.installation, self.boot = hardware.identify()
        self.fitted = hardware.fit(config, clock)
        self.journal = Journal(self.boot, config.journal_samples, len(channels(self.fitted)))

    def tick(self, task: str, allowance_ms: int) -> None:
        self.watch.tick(task, hardware.ticks_ms(), allowance_ms)

    def tick_uplink(self) -> None:
        self.tick("uplink", _UPLINK_ALLOWANCE_MS)

    def set_time(self, epoch_s: int) -> None:
        self.clock.set(epoch_s)
        self.journal.date(epoch_s * 1000 - self.clock.uptime_ms())


class Node:
    """Everything that runs side by side, made once; what is imported comes first, while memory is in one piece."""

    def __init__(self, config: Settings) -> None:
        carry = _LINES[config.uplink]()
        monotonic = hardware.monotonic()
        clock = Clock(monotonic, config.time_scale)
        self.parts = parts = Parts(config, monotonic, clock)
        strobe = hardware.output_pin(config.strobe_pin)
        self.sampler = Sampler(parts.fitted, clock, config.interval_ms, self._deliver, strobe, config.deadband)
        self.report = Report(
            parts.installation, parts.boot, sys.platform, parts.cause, parts.fitted, self.sampler, parts.journal, clock,
            parts.slots,
        )  # fmt: skip
        parts.journal.mount(_JOURNAL, config.journal_bytes, self.report.birth_to_keep)
        commands = Commands(config.key.encode(), parts.installation, self._actions(), LastNumber(parts.installation))
        self.courier = Courier(
            parts.installation, parts.boot, parts.journal, commands, self.report, clock.dated, parts.slots.confirm
        )
        self.keeper = Keeper(parts.journal, self.courier, clock, monotonic, self._tick_journal)
        self.line = carry(self)

    def _deliver(self, sample: "Sample") -> None:
        """What is due goes to flash at once: the bound of what a power cut takes holds at any pace."""
        self.parts.journal.append(sample)
        self.parts.journal.flush(sample[1])
        self.line.wake()

    def _tick_journal(self) -> None:
        self.parts.tick("journal", _SAMPLE_ALLOWANCE_MS)

    def _actions(self) -> "dict[str, Callable[[dict[str, Any]], str | None]]":
        config = self.parts.config
        tuning = Tuning(self.sampler, hardware.change_settings)
        self.restart = Restart([self._store_all], self._reset)
        self.wipe = Wipe(hardware.wipe_settings, self.restart)
        return {
            "interval": tuning.interval,
            "deadband": tuning.deadband,
            "identify": Identify(hardware.led(config.led_pin), config.node).command,
            "restart": self.restart.command,
            "wipe": self.wipe.command,
            "update": _Update(config, self.parts.slots, self.report.refuse, self.restart.soon),
        }

    def _store_all(self) -> None:
        self.keeper.store_all()

    def _reset(self) -> None:
        hardware.restart(resets.COMMAND)

    def reset_for_radio(self, times: int) -> None:
        self._store_all()
        hardware.restart(resets.RADIO, times)

    def jobs(self) -> "list[Coroutine[Any, Any, None]]":
        parts = self.parts
        for task in ("sampler", "journal", "uplink"):
            parts.tick(task, _UPLINK_ALLOWANCE_MS)
        found = [self._sample(), self.line.run(), self.keeper.run(), parts.slots.limit_trial(self.restart.soon)]
        found.extend(sensors.jobs(parts.fitted))
        if parts.config.button_pin >= 0:
            from aircue_node import button

            pin = hardware.button(parts.config.button_pin)
            found.append(button.watch(pin, parts.monotonic, self.wipe.now))
        return found

    async def _sample(self) -> None:
        await self.sampler.run(self._tick_sampler)

    def _tick_sampler(self) -> None:
        planned_ms = 2 * self.sampler.interval_ms // self.parts.config.time_scale
        self.parts.tick("sampler", planned_ms + _SAMPLE_ALLOWANCE_MS)


def _mqtt() -> "Callable[[Node], Carrier]":
    """A board without a radio has no network module, so what needs it is imported here."""
    import network

    from aircue_node.escalation import Escalation
    from aircue_node.uplink import Link, Uplink
    from aircue_node.wifi import Wifi

    def carry(node: Node) -> "Carrier":
        parts = node.parts
        config = parts.config
        escalation = Escalation(parts.times if parts.cause == resets.RADIO else 0)
        return Uplink(
            Link(config.gateway, config.port, config.site, config.node, config.key, hardware.trust(config)),
            Wifi(network.WLAN(network.STA_IF), config.ssid, config.wifi_key, parts.tick_uplink),
            node.courier,
            parts.monotonic,
            hardware.NetworkTime(parts.set_time, parts.monotonic, config.tls).ask,
            config.backlog_pause_ms,
            escalation,
            parts.tick_uplink,
            node.report.refuse,
            lambda: node.reset_for_radio(escalation.resets),
            _announcer(node),
            config.status_s * 1000,
        )

    return carry


def _serial() -> "Callable[[Node], Carrier]":
    from aircue_node.serial_line import SerialLine

    def carry(node: Node) -> "Carrier":
        parts = node.parts
        config = parts.config

        def topic(leaf: str) -> str:
            return contract.topic(config.site, config.node, leaf)

        return SerialLine(
            hardware.Console(), topic, node.courier, parts.monotonic, parts.set_time, config.backlog_pause_ms,
            parts.tick_uplink, config.status_s * 1000,
        )  # fmt: skip

    return carry


_LINES = {"mqtt": _mqtt, "serial": _serial}


def _announcer(node: Node) -> "Announcer | None":
    parts = node.parts
    config = parts.config
    if not config.discovery:
        return None
    from aircue_node import discovery

    rows = channels(parts.fitted)
    return discovery.Announcer(config.site, config.node, parts.installation, sys.platform, rows, node.sampler)


class _Update:
    """The command `update`. Its modules are loaded with the first one, and go again when it was in vain."""

    def __init__(
        self,
        config: Settings,
        slots: Slots,
        note: "Callable[[str], object]",
        restart: "Callable[[], object]",
    ) -> None:
        self._config = config
        self._slots = slots
        self._note = note
        self._restart = restart
        self._updater: Updater | None = None

    def __call__(self, args: "dict[str, Any]") -> str | None:
        try:
            return self._loaded().command(args)
        except MemoryError:
            return "update: there is no memory for it now: restart the node, then send it again"

    def _loaded(self) -> "Updater":
        if self._updater is None:
            from aircue_node.update import Updater

            node, key = self._config.node, self._config.key.encode()
            reserve = self._config.journal_bytes
            self._updater = Updater(node, key, self._slots, self._ended, self._restart, reserve)
        return self._updater

    def _ended(self, text: str, taken: bool) -> None:
        """After one that was taken the node restarts."""
        if taken:
            return
        self._updater = None
        unload("aircue_node.update", "aircue_node.http_get")
        self._note(text)


async def _main(node: Node) -> None:
    jobs = node.jobs()
    hardware.collect_early()
    hardware.guard(node.parts.config.watchdog_s, node.parts.watch)
    await asyncio.gather(*jobs)


def run(config: Settings) -> None:
    """SettingsError where the settings cannot be used with this firmware; it does not come back otherwise."""
    node = Node(config)
    try:
        asyncio.run(_main(node))
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 -- told whole; a board has no other supervisor than a reset
        sys.print_exception(error)
        node.keeper.store_all()
        hardware.restart(resets.FAILURE)
