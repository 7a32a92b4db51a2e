"""The program of a node that is always on: what its parts ask of each other while it runs.

start.py calls run() where there are settings for it. What puts the parts together (assembly.py) and what a command can
do (orders.py) is in memory only while it does.
"""

import asyncio
import gc
import sys
import time

from aircue_node import contract, resets
from aircue_node.clock import Clock
from aircue_node.config import Settings, SettingsError
from aircue_node.unload import unload
from aircue_node.watchdog import Watch
from aircue_node.wiring import hardware

MYPY = False
if MYPY:
    from collections.abc import Coroutine
    from typing import Any

    from aircue_node.courier import Courier
    from aircue_node.escalation import Escalation
    from aircue_node.journal import Journal
    from aircue_node.keeper import Keeper
    from aircue_node.ports import Carrier, OutputPin, Sample
    from aircue_node.report import Report
    from aircue_node.restart import Restart
    from aircue_node.sampler import Sampler
    from aircue_node.slots import Slots
    from aircue_node.update import Updater

# On top of what is planned: the slowest sensors need seconds, a name lookup with a TLS handshake up to a minute.
_SAMPLE_ALLOWANCE_MS = 60_000
_UPLINK_ALLOWANCE_MS = 120_000
_FOR_A_COMMAND = ["aircue_node." + name for name in ("wiring.orders", "tuning", "identify", "commands", "quantities")]


class Node:
    """Everything that runs side by side. escalation: where there is a radio; timer: held for the watchdog's sake;
    shown: see identify.Identify."""

    installation: int
    slots: "Slots"
    led: "OutputPin | None"
    journal: "Journal"
    sampler: "Sampler"
    report: "Report"
    courier: "Courier"
    keeper: "Keeper"
    line: "Carrier"
    escalation: "Escalation"
    timer: object

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.monotonic = hardware.monotonic()
        self.clock = Clock(self.monotonic, config.time_scale)
        self.watch = Watch(time.ticks_diff)
        self.shown: list[asyncio.Task[None]] = []
        self.updater: Updater | None = None
        self._ending: Restart | None = None

    def deliver(self, sample: "Sample") -> None:
        """What is due goes to flash at once: the bound of what a power cut takes holds at any pace."""
        self.journal.append(sample)
        self.journal.flush(sample[1])
        self.line.wake()

    def set_time(self, epoch_s: int) -> None:
        self.clock.set(epoch_s)
        self.journal.date(epoch_s * 1000 - self.clock.uptime_ms())

    def topic(self, leaf: str) -> str:
        return contract.topic(self.config.site, self.config.node, leaf)

    def tick(self, task: str, allowance_ms: int) -> None:
        self.watch.tick(task, hardware.ticks_ms(), allowance_ms)

    def tick_sampler(self) -> None:
        planned_ms = 2 * self.sampler.interval_ms // self.config.time_scale
        self.tick("sampler", planned_ms + _SAMPLE_ALLOWANCE_MS)

    def tick_journal(self) -> None:
        self.tick("journal", _SAMPLE_ALLOWANCE_MS)

    def tick_uplink(self) -> None:
        self.tick("uplink", _UPLINK_ALLOWANCE_MS)

    def answer(self, payload: bytes) -> bytes:
        """The reply to a command."""
        gc.collect()
        try:
            from aircue_node.wiring import orders

            return orders.answer(self, payload)
        except MemoryError:
            return contract.encode_reply("", "there is no memory for a command now: send it again later")
        finally:
            unload(*_FOR_A_COMMAND)

    def restart_soon(self) -> None:
        self._restart().soon()

    def wipe(self) -> None:
        from aircue_node import restart

        restart.wipe(hardware.wipe_settings, self._restart())

    def _restart(self) -> "Restart":
        if self._ending is None:
            from aircue_node.restart import Restart

            self._ending = Restart([self.store_all], self._reset)
        return self._ending

    def store_all(self) -> None:
        self.keeper.store_all()

    def _reset(self) -> None:
        hardware.restart(resets.COMMAND)

    def reset_for_radio(self) -> None:
        self.store_all()
        hardware.restart(resets.RADIO, self.escalation.resets)


def _assembled(node: Node) -> "list[Coroutine[Any, Any, None]]":
    from aircue_node.wiring import assembly

    try:
        return assembly.assemble(node)
    finally:
        unload("aircue_node.wiring.assembly", "aircue_node.identity")


def _guard(node: Node) -> None:
    """From here on the board is reset when a task hangs."""
    from aircue_node.wiring import power_up

    try:
        node.timer = power_up.guard(node.config.watchdog_s, node.watch)
    finally:
        unload("aircue_node.wiring.power_up")


async def _main(node: Node, jobs: "list[Coroutine[Any, Any, None]]") -> None:
    _guard(node)
    hardware.collect_early()
    await asyncio.gather(*jobs)


def run(config: Settings) -> None:
    """SettingsError where the settings cannot be used with this firmware; it does not come back otherwise."""
    node = Node(config)
    jobs = _assembled(node)
    try:
        asyncio.run(_main(node, jobs))
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 -- told whole; a board has no other supervisor than a reset
        sys.print_exception(error)
        node.store_all()
        hardware.restart(resets.FAILURE)
