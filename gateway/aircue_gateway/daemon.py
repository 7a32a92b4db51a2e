"""The running gateway: every part built and connected, and the order in which they stop."""

import asyncio
import signal
import time
from collections.abc import Iterator
from random import Random

from aircue_gateway import log
from aircue_gateway.cloud import Cloud
from aircue_gateway.commands import Commands
from aircue_gateway.committer import Committer
from aircue_gateway.config import Config
from aircue_gateway.control import Control
from aircue_gateway.intake import Intake
from aircue_gateway.listener import Connection, Listener
from aircue_gateway.message import Message
from aircue_gateway.payloads import aircue
from aircue_gateway.serial_line import SerialLine
from aircue_gateway.spool import Spool
from aircue_gateway.spool_thread import SpoolThread
from aircue_gateway.uplink import Uplink
from aircue_gateway.window import Window
from aircue_node import contract

_RANGES_AN_ACK = 32


class Daemon:
    def __init__(self, config: Config, spool: Spool) -> None:
        self._config = config
        self._spool = spool
        self._thread = SpoolThread()
        self._commands = Commands(config.nodes, self._installation, self._publish, _now_ms)
        self._control = Control(config.data_dir, self._commands)
        self._intake = Intake(config.cleaning, spool.load(), self._commands.replied)
        self._listener = Listener(
            config,
            take=self._take,
            noticed=self._noticed,
            count=self._intake.count,
            retained=self._intake.retained,
        )
        self._serial = [
            SerialLine(row.path, config.nodes[row.node], take=self._take_serial, noticed=self._noticed)
            for row in config.serial
        ]
        self._uplink = Uplink(
            spool=spool,
            thread=self._thread,
            cloud=Cloud(config.uplink),
            rules_version=lambda: self._intake.rules_version,
            new_rules=self._intake.replace_rules,
            now_ms=_now_ms,
            random=Random(),
        )
        self._committer = Committer(
            intake=self._intake,
            spool=spool,
            thread=self._thread,
            commit_window_s=config.listener.commit_window_ms / 1000,
            batch_window_s=config.uplink.batch_window_s,
            committed=self._committed,
            sealed=self._uplink.wake,
            now_ms=_now_ms,
        )

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; a part that fails ends all, for the supervisor to start anew."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._listener.reload_certificate)
        await self._listener.start()
        await self._control.start()
        try:
            async with asyncio.TaskGroup() as group:
                committing = group.create_task(self._committer.run())
                endless = [group.create_task(self._uplink.run()), group.create_task(self._listener.sweep())]
                endless += [group.create_task(line.run()) for line in self._serial]
                await stop.wait()
                log.event("stopping")
                self._listener.stop()
                self._pause_serial()
                self._committer.stop()
                await committing
                for task in endless:
                    task.cancel()
        finally:
            self._control.stop()
            self._listener.stop()
            self._listener.close()
            self._thread.close()
            self._spool.close()
        log.event("stopped")

    def _publish(self, topic: str, payload: bytes) -> bool:
        return self._listener.publish(topic, payload)

    def _installation(self, node: str) -> int | None:
        """As its last birth says, which is retained."""
        topic = contract.topic(self._config.nodes[node].site, node, contract.BIRTH)
        birth = self._intake.retained.get(topic)
        return None if birth is None else aircue.decode_birth(topic, birth).installation

    def _take(self, message: Message, connection: Connection) -> None:
        receipt = (connection, message.packet_id) if message.packet_id else None
        self._intake.take(message, _now_ms(), receipt)

    def _take_serial(self, message: Message) -> None:
        """Whoever watches over MQTT sees it as well."""
        self._intake.take(message, _now_ms())
        self._listener.publish(message.topic, message.payload)

    def _noticed(self) -> None:
        self._committer.notice()
        if self._intake.full:
            self._listener.pause()
            self._pause_serial()

    def _pause_serial(self) -> None:
        for line in self._serial:
            line.pause()

    def _committed(self, window: Window) -> None:
        self._listener.acknowledge(window.receipts)
        for topic, payload in _acks(self._config, window):
            self._listener.publish(topic, payload)
            for line in self._serial:
                line.publish(topic, payload)
        self._listener.resume()
        for line in self._serial:
            line.resume()


def _acks(config: Config, window: Window) -> Iterator[tuple[str, bytes]]:
    for key, sequences in window.acks.items():
        node, installation, boot = key
        topic = contract.topic(config.nodes[node].site, node, contract.ACK)
        ranges = sequences.ranges()
        for at in range(0, len(ranges), _RANGES_AN_ACK):
            yield topic, contract.encode_ack(installation, boot, ranges[at : at + _RANGES_AN_ACK])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def run(config: Config) -> None:
    """The gateway with this configuration, until it is told to stop. SpoolError, OSError: it cannot start."""
    log.event("starting", gateway=config.name, data_dir=config.data_dir)
    spool = Spool.open(config.data_dir, config.name, _now_ms())
    await Daemon(config, spool).run()
