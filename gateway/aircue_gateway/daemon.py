"""The running gateway: every part built and connected, and the order in which they stop."""

import asyncio
import signal
import time
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Any

from aircue_gateway import behind_broker, log
from aircue_gateway.attached import Attached
from aircue_gateway.behind_broker import OwnNodes, Receipt
from aircue_gateway.cloud import Cloud
from aircue_gateway.commands import Commands
from aircue_gateway.committer import Committer
from aircue_gateway.config import AttachedConfig, Config, Node
from aircue_gateway.control import Control
from aircue_gateway.devices import Devices, Heard
from aircue_gateway.intake import Intake
from aircue_gateway.ledger import Count
from aircue_gateway.listener import Connection, Listener
from aircue_gateway.message import Message
from aircue_gateway.numbered import Numbered
from aircue_gateway.payloads import aircue
from aircue_gateway.replays import Replays
from aircue_gateway.serial_line import SerialLine
from aircue_gateway.spool import Spool
from aircue_gateway.spool_thread import SpoolThread
from aircue_gateway.uplink import Uplink
from aircue_gateway.window import DeadLetter, Window
from aircue_node import contract

if TYPE_CHECKING:
    from aircue_gateway.broker import Broker

_MOST_UNCOMMITTED = 20_000  # samples in memory; past it no socket is read until the disk caught up
_RANGES_AN_ACK = 32


class Daemon:
    def __init__(self, config: Config, spool: Spool) -> None:
        self._config = config
        self._spool = spool
        self._thread = SpoolThread()
        self._commands = Commands(config.nodes, self._installation, self._publish, _now_ms)
        self._control = Control(config.data_dir, self._commands, self._look, self._replay)
        stored = spool.load()
        self._intake = Intake(config.cleaning, stored, self._commands.replied)
        self._numbered = Numbered(int(spool.epoch, 16), stored, self._intake.take, self._disbelieve)
        self._foreign = behind_broker.topics(config.broker, config.devices) if config.broker else {}
        self._devices = Devices(config.devices, self._foreign, self._intake, self._numbered)
        self._own_nodes = OwnNodes(config.nodes, self._intake, config.file)
        self._replays = Replays(self._intake, self._own_nodes, self._devices, self._noticed)
        self._broker = self._made_broker()
        self._attached = [Attached(row, take=self._take_attached, failed=self._count_fault) for row in config.attached]
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
        await self._listener.start()
        await self._control.start()
        if self._broker is not None:
            await self._broker.start()
        try:
            async with asyncio.TaskGroup() as group:
                committing = group.create_task(self._committer.run())
                endless = [group.create_task(self._uplink.run()), group.create_task(self._listener.sweep())]
                endless += [group.create_task(line.run()) for line in self._serial]
                endless += [group.create_task(sensor.run()) for sensor in self._attached]
                await stop.wait()
                log.event("stopping")
                self._listener.stop()
                self._pause_serial()
                if self._broker is not None:
                    self._broker.stop()
                self._committer.stop()
                await committing
                for task in endless:
                    task.cancel()
        finally:
            if self._broker is not None:
                self._broker.close()
            self._control.stop()
            self._listener.stop()
            self._listener.close()
            self._thread.close()
            self._spool.close()
        log.event("stopped")

    def _made_broker(self) -> "Broker | None":
        """Its library is loaded where it is needed alone: memory is scarce on a small board."""
        config = self._config.broker
        if config is None:
            return None
        from aircue_gateway.broker import Broker

        return Broker(
            config,
            config.client_id or f"aircue-{self._config.name}",
            behind_broker.filters(config, self._foreign),
            take=self._take_heard,
            noticed=self._noticed,
            hurry=self._intake.hurry,
            random=Random(),
        )

    def _disbelieve(self) -> None:
        self._intake.count(Count.CLOCK_DISBELIEVED)

    def _publish(self, topic: str, payload: bytes) -> bool:
        if self._listener.publish(topic, payload):
            return True
        return self._broker is not None and self._own_nodes.is_present(topic) and self._broker.publish(topic, payload)

    def _look(self) -> dict[str, Any]:
        """What the running gateway alone knows, for `aircue-gateway status`."""
        broker = self._broker.report() if self._broker is not None else None
        attached = [one.report() for one in self._attached]
        seen = self._devices.report()
        return {"broker": broker, "devices_seen": seen, "attached": attached, "replayed": self._replays.done}

    def _replay(self, ident: int, letter: DeadLetter) -> str | None:
        return self._replays.replay(ident, letter, _now_ms())

    def _take_heard(self, heard: Heard, receipt: Receipt | None) -> None:
        take = self._own_nodes.take if self._own_nodes.is_ours(heard.topic) else self._devices.take
        take(heard, _now_ms(), receipt)

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

    def _take_attached(self, row: AttachedConfig, values: dict[str, float]) -> None:
        node = Node(id=row.node, site=row.site, key="")
        self._numbered.add(node, row.sensor, values, None, _now_ms())
        self._noticed()

    def _count_fault(self) -> None:
        self._intake.count(Count.SENSOR_FAULTS)
        self._noticed()

    def _noticed(self) -> None:
        self._committer.notice()
        if self._intake.waiting > _MOST_UNCOMMITTED:
            self._listener.pause()
            if self._broker is not None:
                self._broker.pause()
            self._pause_serial()

    def _pause_serial(self) -> None:
        for line in self._serial:
            line.pause()

    def _committed(self, window: Window) -> None:
        self._listener.acknowledge(one for one in window.receipts if not isinstance(one, Receipt))
        if self._broker is not None:
            self._broker.acknowledge(one for one in window.receipts if isinstance(one, Receipt))
            self._broker.resume()
        for topic, payload in _acks(self._config, window):
            self._listener.publish(topic, payload)
            if self._broker is not None:
                self._broker.publish(topic, payload)
            for line in self._serial:
                line.publish(topic, payload)
        self._listener.resume()
        for line in self._serial:
            line.resume()


def _acks(config: Config, window: Window) -> Iterator[tuple[str, bytes]]:
    """For our own nodes; a stream that the gateway numbers itself has nobody to tell."""
    for key, sequences in window.acks.items():
        node, installation, boot = key
        if node not in config.nodes:
            continue
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
