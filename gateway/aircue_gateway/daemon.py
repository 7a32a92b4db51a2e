"""The running gateway: every part built and connected, and the order in which they stop."""

import asyncio
import contextlib
import gc
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from aircue_gateway import log, report
from aircue_gateway.alerts import Rules
from aircue_gateway.commands import Commands
from aircue_gateway.committer import Committer
from aircue_gateway.config import AttachedConfig, Config, ConfigError, DeviceConfig, Node, load
from aircue_gateway.control import Control, Fields, Refused
from aircue_gateway.home_assistant import Announcer, Retained
from aircue_gateway.intake import Intake
from aircue_gateway.intakes import behind_broker
from aircue_gateway.intakes.behind_broker import OwnNodes, Receipt
from aircue_gateway.intakes.devices import Devices, Heard
from aircue_gateway.intakes.listener import Connection, Listener
from aircue_gateway.intakes.numbered import Numbered
from aircue_gateway.intakes.serial_line import SerialLine
from aircue_gateway.ledger import Count
from aircue_gateway.message import Message
from aircue_gateway.operations import reloading
from aircue_gateway.operations.status_server import StatusServer
from aircue_gateway.operations.supervisor import Supervisor
from aircue_gateway.operations.view import View
from aircue_gateway.payloads import aircue
from aircue_gateway.replays import Replays, letter_of
from aircue_gateway.spool.spool import Limits, Spool
from aircue_gateway.spool.thread import SpoolThread
from aircue_gateway.uplink.uplink import Uplink
from aircue_gateway.uplink.ways import way_to_cloud
from aircue_gateway.window import Window
from aircue_node import contract

if TYPE_CHECKING:
    from aircue_gateway.intakes.attached import Attached
    from aircue_gateway.intakes.broker import Broker

_RANGES_AN_ACK = 32
# Objects between two looks for cycles. There are hardly any; looking after each 700 took a tenth of the processor.
_COLLECT_EVERY = 20_000


class Daemon:
    def __init__(self, config: Config, spool: Spool) -> None:
        self._nodes = dict(config.nodes)  # the one table of who is known; a reload changes it in place
        self._watchers = dict(config.watchers)
        self._config = config = replace(config, nodes=self._nodes, watchers=self._watchers)
        self._spool = spool
        self._thread = SpoolThread()
        self._commands = Commands(config.nodes, self._installation, self._publish, _now_ms)
        self._announcer = Announcer(config.name)
        stored = spool.load()
        self._intake = Intake(config.cleaning, stored, self._commands.replied, config.rooms)
        self._numbered = Numbered(int(spool.epoch, 16), stored, self._intake.take, self._disbelieve)
        self._foreign = behind_broker.topics(config.broker, config.devices) if config.broker else {}
        self._devices = Devices(config.devices, self._foreign, self._intake, self._numbered)
        self._own_nodes = OwnNodes(config.nodes, self._intake, config.file)
        self._replays = Replays(self._intake, self._own_nodes, self._devices, self._noticed)
        self._broker = self._made_broker()
        self._attached = [self._made_attached(row) for row in config.attached]
        self._view = View(
            config,
            stored,
            figures=lambda: self._thread.run(report.of, spool),
            connections=lambda: self._listener.connections,
            stuck_for_s=lambda: self._thread.stuck_for_s,
            now_ms=_now_ms,
        )
        self._control = Control(
            config.data_dir,
            {
                "command": self._commands.answer,
                "intakes": self._answer_intakes,
                "reload": self._answer_reload,
                "replay": self._answer_replay,
                "replayed": self._answer_replayed,
                "snapshot": self._view.answer,
                "state": self._answer_state,
            },
        )
        self._status = StatusServer(config.status, self._view.snapshot)
        self._supervisor = Supervisor(os.environ)
        self._listener = Listener(
            config,
            take=self._take,
            noticed=self._noticed,
            count=self._intake.count,
            retained=self._intake.retained,
            now_ms=_now_ms,
        )
        self._serial = [
            SerialLine(row.path, config.nodes[row.node], take=self._take_serial, noticed=self._noticed)
            for row in config.serial
        ]
        self._uplink = Uplink(
            spool=spool,
            thread=self._thread,
            cloud=way_to_cloud(config),
            rules_version=lambda: self._intake.rules_version,
            new_rules=self._replace_rules,
            fared=self._view.fared,
            now_ms=_now_ms,
            random=Random(),
            backlog_per_s=config.uplink.backlog_per_s,
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
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload_by_signal)
        await self._listener.start()
        await self._control.start()
        self._status.start()
        if self._broker is not None:
            await self._broker.start()
        try:
            async with asyncio.TaskGroup() as group:
                committing = group.create_task(self._committer.run())
                endless = [group.create_task(self._uplink.run()), group.create_task(self._listener.sweep())]
                endless += [group.create_task(line.run()) for line in self._serial]
                endless += [group.create_task(sensor.run()) for sensor in self._attached]
                endless.append(group.create_task(self._supervisor.watch(lambda: self._thread.stuck_for_s)))
                self._supervisor.ready(_said(self._config))
                await stop.wait()
                log.event("stopping")
                self._supervisor.stopping()
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
            self._status.stop()
            self._uplink.close()
            self._listener.stop()
            self._listener.close()
            self._thread.close()
            self._spool.close()
        log.event("stopped")

    def reload(self) -> tuple[str, ...]:
        """Reads the configuration again; what of it waits for a restart. control.Refused where it cannot be used: all
        stays as it was."""
        self._supervisor.reloading()
        try:
            return self._change_to(load(self._config.file))
        except ConfigError as error:
            log.error("reload_refused", reason=error, remedy="all stays as it was")
            raise Refused(str(error)) from error
        finally:
            self._supervisor.ready(_said(self._config))

    async def _answer_reload(self, _request: Fields) -> Fields:
        return {"needs_restart": self.reload()}

    def _reload_by_signal(self) -> None:
        with contextlib.suppress(Refused):
            self.reload()

    def _change_to(self, new: Config) -> tuple[str, ...]:
        """What of it waits for a restart."""
        cloud = way_to_cloud(new)
        found = reloading.changes(self._config, new)
        self._nodes.clear()
        self._nodes.update(new.nodes)
        self._watchers.clear()
        self._watchers.update(new.watchers)
        in_force = reloading.in_force(self._config, new)
        self._config = config = replace(in_force, nodes=self._nodes, watchers=self._watchers)
        self._view.configure(config)
        self._listener.expel(found.accounts)
        self._listener.reload_certificate()
        self._intake.configure(config.cleaning)
        self._uplink.change_cloud(cloud, config.uplink.backlog_per_s)
        self._committer.configure(config.listener.commit_window_ms / 1000, config.uplink.batch_window_s)
        log.event("reloaded", nodes=len(self._nodes), needs_restart=",".join(found.needs_restart) or "nothing")
        return found.needs_restart

    def _made_attached(self, row: AttachedConfig) -> "Attached":
        """What only some gateways have is loaded where it is needed alone: memory is scarce on a small board."""
        from aircue_gateway.intakes.attached import Attached

        return Attached(row, take=self._take_attached, failed=self._count_fault)

    def _made_broker(self) -> "Broker | None":
        """Loaded as above, and its library with it."""
        config = self._config.broker
        if config is None:
            return None
        from aircue_gateway.intakes.broker import Broker

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

    async def _answer_intakes(self, _request: Fields) -> Fields:
        """What the running gateway alone knows, for `aircue-gateway status`."""
        broker = self._broker.report() if self._broker is not None else None
        attached = [one.report() for one in self._attached]
        return {"intakes": {"broker": broker, "devices_seen": self._devices.report(), "attached": attached}}

    async def _answer_state(self, _request: Fields) -> Fields:
        """How the spool is: name, since_ms, reason."""
        return {"state": self._spool.state._asdict()}

    async def _answer_replayed(self, _request: Fields) -> Fields:
        return {"replayed": self._replays.done}

    async def _answer_replay(self, request: Fields) -> Fields:
        refusal = self._replays.replay(request["id"], letter_of(request["letter"]), _now_ms())
        if refusal is not None:
            raise Refused(refusal)
        return {}

    def _take_heard(self, heard: Heard, receipt: Receipt | None) -> None:
        take = self._own_nodes.take if self._own_nodes.is_ours(heard.topic) else self._devices.take
        take(heard, _now_ms(), receipt)

    def _installation(self, node: str) -> int | None:
        """As its last birth says, which is retained."""
        topic = contract.topic(self._config.nodes[node].site, node, contract.BIRTH)
        birth = self._intake.retained.get(topic)
        return None if birth is None else aircue.decode_birth(topic, birth).installation

    def _take(self, message: Message, connection: Connection, received_at_ms: int) -> None:
        receipt = (connection, message.packet_id) if message.packet_id else None
        self._intake.take(message, received_at_ms, receipt)

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
        if self._intake.full:
            self._listener.pause()
            if self._broker is not None:
                self._broker.pause()
            self._pause_serial()

    def _pause_serial(self) -> None:
        for line in self._serial:
            line.pause()

    def _committed(self, window: Window) -> None:
        self._view.vitals.committed(window)
        self._listener.acknowledge(one for one in window.receipts if not isinstance(one, Receipt))
        if self._broker is not None:
            self._broker.acknowledge(one for one in window.receipts if isinstance(one, Receipt))
            self._broker.resume()
        for topic, payload in _acks(self._nodes, window):
            self._listener.publish(topic, payload)
            if self._broker is not None:
                self._broker.publish(topic, payload)
            for line in self._serial:
                line.publish(topic, payload)
        self._announce(self._announcer.messages(self._intake.rules, window.states, self._sites()))
        self._listener.resume()
        for line in self._serial:
            line.resume()

    def _replace_rules(self, rules: Rules) -> None:
        self._intake.replace_rules(rules)
        self._announce(self._announcer.forget(rules.rules))

    def _sites(self) -> dict[str, str]:
        """Where each node is, whatever intake it has, and each room."""
        others: tuple[DeviceConfig | AttachedConfig, ...] = (*self._config.devices, *self._config.attached)
        rooms = {row.name: row.site for row in self._config.rooms}
        return {node.id: node.site for node in self._nodes.values()} | {row.node: row.site for row in others} | rooms

    def _announce(self, messages: list[Retained]) -> None:
        """What Home Assistant is told, now and when it connects; an empty payload takes it back."""
        for topic, payload in messages:
            self._intake.retained[topic] = payload
            if not payload:
                del self._intake.retained[topic]
            self._listener.publish(topic, payload)
            if self._broker is not None:
                self._broker.publish(topic, payload, retain=True)


def _said(config: Config) -> str:
    listener = config.listener
    ports = [listener.port] if listener.plain else []
    ports += [listener.tls.port] if listener.tls is not None else []
    return f"{config.name} listens on port {' and '.join(map(str, ports))}"


def _acks(nodes: Mapping[str, Node], window: Window) -> Iterator[tuple[str, bytes]]:
    """For our own nodes: a stream that the gateway numbers itself has nobody to tell, nor has a node that a reload took
    away while its samples were written."""
    known = ((key, sequences) for key, sequences in window.acks.items() if key[0] in nodes)
    for (node, installation, boot), sequences in known:
        topic = contract.topic(nodes[node].site, node, contract.ACK)
        ranges = sequences.ranges()
        for at in range(0, len(ranges), _RANGES_AN_ACK):
            yield topic, contract.encode_ack(installation, boot, ranges[at : at + _RANGES_AN_ACK])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _limits(config: Config) -> Limits:
    megabyte = 1_000_000
    return Limits(
        segments=config.spool.max_mb * megabyte,
        refused=config.spool.refused_mb * megabyte,
        dead_letters=config.spool.dead_letters_mb * megabyte,
    )


async def run(config: Config) -> None:
    """The gateway with this configuration, until it is told to stop. SpoolError, OSError: it cannot start."""
    log.event("starting", gateway=config.name, data_dir=config.data_dir)
    spool = Spool.open(config.data_dir, config.name, _now_ms(), _limits(config))
    daemon = Daemon(config, spool)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY)
    await daemon.run()
