"""The gateway's own MQTT listener: the sockets around session.Session, last wills, takeovers, retained messages."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from aircue_gateway import log
from aircue_gateway.config import Config, ConfigError
from aircue_gateway.intakes import mqtt_server, tls
from aircue_gateway.intakes.connection import Connection
from aircue_gateway.intakes.limits import Allowance, Logins, Places
from aircue_gateway.intakes.rights import Accounts, name_of
from aircue_gateway.intakes.routes import Routes
from aircue_gateway.intakes.session import (
    UNKNOWN_NAME,
    WRONG_KEY,
    Ended,
    FiltersRefused,
    Joined,
    PublicationRefused,
    Refused,
    Said,
    Session,
    Slowed,
    Subscribed,
    Unsubscribed,
)
from aircue_gateway.ledger import Count
from aircue_gateway.message import DISCOVERY, Message
from aircue_node import contract

__all__ = ["Connection", "Listener"]

_PATIENCE = 1.5  # keep-alives without a packet before a client counts as gone, 3.1.2.10
_SWEEP_S = 0.5
_COMPLAIN_S = 10.0  # between two lines about connections turned away; all are counted
# What subscribers are told of a node's publications. Acks and commands are the gateway's own words.
_RELAYED = frozenset((contract.BIRTH, contract.SAMPLES, contract.BACKLOG, contract.STATUS, contract.REPLY, DISCOVERY))
_DISK, _RATE, _LOGIN = "the disk is behind", "it sends too fast", "its login waits"

_READ_BYTES = 64 * 1024  # at once

Take = Callable[[Message, Connection, int], None]


class Listener:
    """take: gets every message, with the connection that wants its receipt and the time at which it came. noticed:
    called after each bunch of them. retained: the messages a new subscriber is told, by topic. count: the ledger's.
    now_ms: the time of day, asked for once a bunch."""

    def __init__(
        self,
        config: Config,
        *,
        take: Take,
        noticed: Callable[[], None],
        count: Callable[[Count], None],
        retained: Mapping[str, bytes],
        now_ms: Callable[[], int],
    ) -> None:
        self._config = config
        self._limits = config.listener
        self._accounts = Accounts(config.nodes, config.watchers)
        self._take = take
        self._noticed = noticed
        self._count = count
        self._retained = retained
        self._now_ms = now_ms
        self._at_ms = 0
        self.buffer = bytearray(_READ_BYTES)
        self._places = Places(
            most=self._limits.max_connections, most_per_address=self._limits.max_connections_per_address
        )
        self._logins = Logins()
        self._connections: set[Connection] = set()
        self._allowances: dict[Connection, Allowance] = {}
        self._clients: dict[tuple[str, str], Connection] = {}
        self._routes: Routes[Connection] = Routes()
        self._unflushed: set[Connection] = set()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._paused = False
        self._turns = 0
        self._complain_from = 0.0
        self._tls = None if self._limits.tls is None else tls.context(self._limits.tls)
        self._handlers: dict[type, Callable[[Connection, Any], None]] = {
            Message: self._message,
            Joined: self._joined,
            Refused: self._refused,
            Slowed: self._slowed,
            Said: self._said,
            PublicationRefused: self._publication_refused,
            Subscribed: self._subscribed,
            Unsubscribed: self._unsubscribed,
            FiltersRefused: self._filters_refused,
            Ended: self._ended,
        }

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def start(self) -> tuple[int, ...]:
        """Listens from now on; the ports, the one with TLS last. OSError where one is taken."""
        wanted = [(self._limits.port, False)] if self._limits.plain else []
        wanted += [(self._limits.tls.port, True)] if self._limits.tls is not None else []
        self._servers = [await self._listen(port, secure) for port, secure in wanted]
        ports = tuple(server.sockets[0].getsockname()[1] for server in self._servers)
        for port, (_, secure) in zip(ports, wanted, strict=True):
            log.event("listening", host=self._limits.host, port=port, tls=secure, nodes=len(self._config.nodes))
        return ports

    async def _listen(self, port: int, secure: bool) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(partial(Connection, self, secure), self._limits.host, port)
        except OSError as error:
            self.stop()
            where = f"{self._limits.host}:{port}"
            remedy = f"set another host or port under [listener] in {self._config.file}, or stop what listens there"
            raise OSError(f"cannot listen on {where}: {error.strerror}: {remedy}") from error

    def reload_certificate(self) -> None:
        """Reads the files of [listener.tls] anew, for the connections from now on."""
        if self._limits.tls is None:
            return
        try:
            self._tls = tls.context(self._limits.tls)
            log.event("certificate_reloaded", certificate=self._limits.tls.certificate)
        except ConfigError as error:
            log.error("certificate_not_reloaded", reason=error, remedy="the one before stays in use")

    async def sweep(self) -> None:
        """Cuts off, for ever, whoever is silent for too long."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = _now()
            silent = [] if self._paused else [one for one in self._connections if one.silent_until < now]
            for connection in silent:
                if connection.key is None:
                    self._count(Count.LOGINS_TIMED_OUT)
                log.warning("connection_silent", node=connection.name, remedy="is the node out of reach?")
                connection.abort()
            if silent:
                self._noticed()

    def stop(self) -> None:
        """Takes no more connections and reads no more from those there are."""
        for server in self._servers:
            server.close()
        self.pause()

    def close(self) -> None:
        """Ends all connections; nobody's last will is published, for it is the gateway that leaves."""
        for task in self._handshakes:
            task.cancel()
        for connection in self._connections:
            connection.flush()
            if connection.session is not None:
                connection.session.lost()
            connection.close()

    def pause(self) -> None:
        """Reads nothing from anybody."""
        self._paused = True
        for connection in self._connections:
            connection.pause(_DISK)

    def resume(self) -> None:
        """Who could not be heard meanwhile is given the time he had; who was heard longest ago comes first, or those at
        the end would never get their turn under a load that fills every window."""
        if not self._paused:
            return
        self._paused = False
        for connection in sorted(self._connections, key=_turn):
            self._heard(connection)
            connection.resume(_DISK)

    def acknowledge(self, receipts: Iterable[tuple[Connection, int]]) -> None:
        """These messages are on disk: PUBACK in the order they came."""
        packet_ids: dict[Connection, list[int]] = defaultdict(list)
        for connection, packet_id in receipts:
            packet_ids[connection].append(packet_id)
        for connection, ids in packet_ids.items():
            if connection.session is not None:
                connection.session.acknowledge(ids)
                self._flush_soon(connection)

    def publish(self, topic: str, payload: bytes) -> bool:
        """To whoever subscribed to it and is here; whether anybody did."""
        connections = self._routes.find(topic)
        for connection in connections:
            if connection.session is not None:
                connection.session.send(topic, payload)
                self._flush_soon(connection)
        return bool(connections)

    def expel(self, accounts: Collection[str]) -> None:
        """Ends the connections of accounts that are not who they were; they may come back as who they are now."""
        for connection in list(self._connections):
            account = None if connection.session is None else connection.session.account
            if account is not None and name_of(account) in accounts:
                connection.abort()

    def _flush_soon(self, connection: Connection) -> None:
        """Once for all that is to be said in this turn of the loop."""
        if not self._unflushed:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unflushed.add(connection)

    def _flush(self) -> None:
        unflushed, self._unflushed = self._unflushed, set()
        for connection in unflushed:
            connection.flush()

    def opened(self, connection: Connection) -> None:
        if not self._places.take(connection.address):
            self._turn_away(connection)
            return
        connection.placed = True
        connection.silent_until = _now() + self._limits.login_s
        self._connections.add(connection)
        if connection.secure:
            task = asyncio.get_running_loop().create_task(self._shake_hands(connection))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)
        else:
            self._begin(connection, "")

    def _turn_away(self, connection: Connection) -> None:
        self._count(Count.CONNECTIONS_TURNED_AWAY)
        self._noticed()
        if _now() >= self._complain_from:
            self._complain_from = _now() + _COMPLAIN_S
            log.warning(
                "connection_turned_away", address=connection.address,
                remedy="is something connecting again and again? or raise max_connections, max_connections_per_address",
            )  # fmt: skip
        connection.abort()

    async def _shake_hands(self, connection: Connection) -> None:
        """The socket was counted before, so that unfinished handshakes count as connections do."""
        raw, loop = connection.transport, asyncio.get_running_loop()
        assert raw is not None
        assert self._tls is not None
        try:
            made = await loop.start_tls(
                raw, connection, self._tls, server_side=True, ssl_handshake_timeout=self._limits.login_s
            )
        except OSError as error:
            log.warning("tls_refused", address=connection.address, reason=error, remedy="does the client trust our CA?")
            self._count(Count.REFUSED_CONNECTIONS)
            self.lost(connection)
            raw.abort()
            return
        if made is None:
            self.lost(connection)
            return
        connection.transport = made
        self._begin(connection, tls.certified(made.get_extra_info("peercert")))

    def _begin(self, connection: Connection, certified: str) -> None:
        assert connection.transport is not None
        if self._paused:
            connection.pause(_DISK)
        self._allowances[connection] = Allowance(per_s=self._limits.messages_per_s, burst=self._limits.burst)
        session = Session(
            self._accounts,
            self._limits.max_packet,
            most_filters=self._limits.max_subscriptions,
            certified=certified,
            wait_s=lambda name: self._logins.wait_s(self._known(name), connection.address, _now()),
        )
        connection.begin(connection.transport, session)

    def _known(self, name: str) -> str:
        """Names that nobody has are one name to whoever counts failures."""
        return name if name in self._accounts else ""

    def received(self, connection: Connection, data: bytes) -> None:
        session = connection.session
        assert session is not None
        before = session.packets
        self._turns += 1
        connection.turn = self._turns
        self._handle(connection, session.receive(data))
        self._heard(connection)
        self._slow_down(connection, session.packets - before)

    def _decide(self, connection: Connection) -> None:
        """The time of a login that had to wait has come."""
        if connection.session is not None and connection in self._connections:
            self._handle(connection, connection.session.decide())
            self._heard(connection)
            connection.resume(_LOGIN)

    def _handle(self, connection: Connection, events: Iterable[Any]) -> None:
        self._at_ms = self._now_ms()
        for event in events:
            if type(event) is Message:  # nearly all of them are, and they give the sender nothing to read at once
                self._message(connection, event)
                continue
            self._handlers[type(event)](connection, event)
            if connection.overfull:
                self.cut_off(connection)
                break
        connection.flush()
        self._noticed()
        if connection.session is not None and connection.session.ended:
            connection.close()

    def _heard(self, connection: Connection) -> None:
        """Who logged in is measured by the keep-alive it named, anyone else by the time to log in."""
        session = connection.session
        if session is not None and session.account is not None:
            patience = session.keep_alive_s * _PATIENCE if session.keep_alive_s else float("inf")
            connection.silent_until = _now() + patience

    def _slow_down(self, connection: Connection, packets: int) -> None:
        """Reads no more from who is over its rate until it is within it; nothing that came is dropped."""
        pause_s = self._allowances[connection].take(packets, _now()) if connection in self._allowances else 0.0
        if pause_s > 0:
            self._count(Count.READS_PAUSED)
            connection.silent_until += pause_s
            connection.pause(_RATE)
            asyncio.get_running_loop().call_later(pause_s, connection.resume, _RATE)

    def cut_off(self, connection: Connection) -> None:
        """It does not read what it is sent."""
        self._count(Count.SLOW_READERS)
        log.warning("slow_reader", node=connection.name, remedy="connection closed; is the client overloaded?")
        connection.abort()

    def lost(self, connection: Connection) -> None:
        """The socket is closed, or its client came back on another one: time for the last will."""
        self._connections.discard(connection)
        self._allowances.pop(connection, None)
        if connection.placed:
            connection.placed = False
            self._places.give_back(connection.address)
        self._leave(connection, tuple(connection.filters))
        if connection.key is not None and self._clients.get(connection.key) is connection:
            del self._clients[connection.key]
        will = None if connection.session is None else connection.session.lost()
        if will is not None:
            self._at_ms = self._now_ms()
            self._handlers[type(will)](connection, will)
            self._noticed()

    def _message(self, connection: Connection, message: Message) -> None:
        self._take(message, connection, self._at_ms)
        if message.leaf in _RELAYED and self._routes.find(message.topic):
            self.publish(message.topic, message.payload)

    def _said(self, connection: Connection, event: Said) -> None:
        self.publish(event.topic, event.payload)

    def _publication_refused(self, connection: Connection, event: PublicationRefused) -> None:
        self._count(Count.REFUSED_PUBLICATIONS)
        log.warning(
            "publication_refused", watcher=connection.name, topic=event.topic,
            remedy="a watcher listens; it may publish homeassistant/status alone",
        )  # fmt: skip

    def _joined(self, connection: Connection, event: Joined) -> None:
        self._logins.succeeded(name_of(event.account), connection.address)
        older = self._clients.get(event.key)
        if older is not None:
            log.event("connection_taken_over", node=name_of(event.account))
            self.lost(older)
            older.abort()
        connection.key = event.key
        self._clients[event.key] = connection

    def _refused(self, connection: Connection, event: Refused) -> None:
        self._count(_REFUSALS.get(event.reason, Count.REFUSED_CONNECTIONS))
        if event.reason in _REFUSALS:
            self._logins.failed(self._known(event.username), connection.address, _now())
        log.warning(
            "connection_refused", node=event.username, reason=event.reason, code=event.code,
            remedy=_remedy(self._config, event),
        )  # fmt: skip

    def _slowed(self, connection: Connection, event: Slowed) -> None:
        self._count(Count.LOGINS_SLOWED)
        if event.seconds is not None:
            connection.pause(_LOGIN)
            asyncio.get_running_loop().call_later(event.seconds, self._decide, connection)

    def _subscribed(self, connection: Connection, event: Subscribed) -> None:
        assert connection.session is not None
        connection.filters.update(event.filters)
        for one in event.filters:
            self._routes.add(one, connection)
        for topic, payload in self._retained.items():
            if any(mqtt_server.matches(one, topic) for one in event.filters):
                connection.session.send(topic, payload, retain=True)

    def _unsubscribed(self, connection: Connection, event: Unsubscribed) -> None:
        self._leave(connection, event.filters)

    def _leave(self, connection: Connection, filters: Iterable[str]) -> None:
        for one in filters:
            self._routes.remove(one, connection)
        connection.filters.difference_update(filters)

    def _filters_refused(self, connection: Connection, event: FiltersRefused) -> None:
        for _ in event.filters:
            self._count(Count.REFUSED_SUBSCRIPTIONS)
        log.warning(
            "subscription_refused", node=connection.name, filters=len(event.filters), first=event.filters[0][:100],
            remedy="a node may subscribe below its own prefix aircue/<site>/<node>/ alone, and nobody to more than "
            "max_subscriptions",
        )  # fmt: skip

    def _ended(self, connection: Connection, event: Ended) -> None:
        if event.malformed:
            self._count(Count.MALFORMED_PACKETS)
            log.warning("malformed_packet", node=connection.name, reason=event.reason, remedy="connection closed")


_REFUSALS = {UNKNOWN_NAME: Count.UNKNOWN_NODES, WRONG_KEY: Count.WRONG_KEYS}


def _remedy(config: Config, event: Refused) -> str:
    if event.reason == UNKNOWN_NAME:
        lines = f"[[nodes]] | id = '{event.username}' | site = 'THE-SITE' | key = 'THE-NODES-KEY'"
        return f"add these lines to {config.file} and restart: {lines}"
    if event.reason == WRONG_KEY:
        return f"make key under [[nodes]] id = '{event.username}' in {config.file} the one the node was given"
    return f"set the client to MQTT 3.1.1, a client id, and the site that {config.file} gives this node"


def _turn(connection: Connection) -> int:
    return connection.turn


def _now() -> float:
    return asyncio.get_running_loop().time()
