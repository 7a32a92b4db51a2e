"""The gateway's own MQTT listener: the sockets around session.Session, last wills, takeovers, retained messages."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import groupby
from typing import Any

from aircue_gateway import log, mqtt_server
from aircue_gateway.config import Config
from aircue_gateway.ledger import Count
from aircue_gateway.message import Message
from aircue_gateway.routes import Routes
from aircue_gateway.session import Ended, FilterRefused, Joined, Refused, Session, Subscribed, Unsubscribed

_PATIENCE = 1.5  # keep-alives without a packet before a client counts as gone, 3.1.2.10
_LOGIN_S = 10.0
_SWEEP_S = 0.5
_LARGEST_UNSENT = 1024 * 1024  # bytes a client may leave unread

Take = Callable[[Message, "Connection"], None]


class Connection(asyncio.Protocol):
    """One socket. key: the client's, once it logged in. silent_until: the time by which it must be heard of."""

    def __init__(self, listener: "Listener", session: Session, silent_until: float) -> None:
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self.session = session
        self.key: tuple[str, str] | None = None
        self.filters: set[str] = set()
        self.silent_until = silent_until

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._listener.opened(self)

    def data_received(self, data: bytes) -> None:
        self._listener.received(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.lost(self)

    def flush(self) -> None:
        """Sends what the session has to say; a client that does not read is cut off."""
        data = self.session.output()
        if self._transport is None or self._transport.is_closing() or not data:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > _LARGEST_UNSENT:
            self._transport.abort()

    def close(self) -> None:
        """After what was written has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


class Listener:
    """take: gets every message, with the connection that wants its receipt. noticed: called after each bunch of them.
    retained: the messages a new subscriber is told, by topic. count: the ledger's."""

    def __init__(
        self,
        config: Config,
        *,
        take: Take,
        noticed: Callable[[], None],
        count: Callable[[Count], None],
        retained: Mapping[str, bytes],
    ) -> None:
        self._config = config
        self._take = take
        self._noticed = noticed
        self._count = count
        self._retained = retained
        self._connections: set[Connection] = set()
        self._clients: dict[tuple[str, str], Connection] = {}
        self._routes: Routes[Connection] = Routes()
        self._server: asyncio.Server | None = None
        self._handlers: dict[type, Callable[[Connection, Any], None]] = {
            Message: self._message,
            Joined: self._joined,
            Refused: self._refused,
            Subscribed: self._subscribed,
            Unsubscribed: self._unsubscribed,
            FilterRefused: self._filter_refused,
            Ended: self._ended,
        }

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def start(self) -> int:
        """Listens from now on; the port. OSError where it is taken."""
        loop = asyncio.get_running_loop()
        listener = self._config.listener
        try:
            self._server = await loop.create_server(self._connection, listener.host, listener.port)
        except OSError as error:
            where = f"{listener.host}:{listener.port}"
            remedy = f"set another host or port under [listener] in {self._config.file}, or stop what listens there"
            raise OSError(f"cannot listen on {where}: {error.strerror}: {remedy}") from error
        port: int = self._server.sockets[0].getsockname()[1]
        log.event("listening", host=listener.host, port=port, nodes=len(self._config.nodes))
        return port

    async def sweep(self) -> None:
        """Cuts off, for ever, whoever is silent for too long."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = asyncio.get_running_loop().time()
            for connection in [one for one in self._connections if one.silent_until < now]:
                log.warning("connection_silent", node=_name(connection), remedy="is the node out of reach?")
                connection.abort()

    def stop(self) -> None:
        """Takes no more connections and reads no more from those there are."""
        if self._server is not None:
            self._server.close()
        self.pause()

    def close(self) -> None:
        """Ends all connections; nobody's last will is published, for it is the gateway that leaves."""
        for connection in self._connections:
            connection.session.lost()
            connection.close()

    def pause(self) -> None:
        for connection in self._connections:
            connection.pause()

    def resume(self) -> None:
        for connection in self._connections:
            connection.resume()

    def acknowledge(self, receipts: Iterable[tuple[Connection, int]]) -> None:
        """These messages are on disk: PUBACK in the order they came."""
        for connection, rows in groupby(receipts, key=lambda receipt: receipt[0]):
            connection.session.acknowledge(packet_id for _, packet_id in rows)
            connection.flush()

    def publish(self, topic: str, payload: bytes) -> bool:
        """To whoever subscribed to it and is here; whether anybody did."""
        connections = self._routes.find(topic)
        for connection in connections:
            connection.session.send(topic, payload)
            connection.flush()
        return bool(connections)

    def expel(self, nodes: Collection[str]) -> None:
        """Ends the connections of nodes that are not who they were; they may come back as who they are now."""
        for connection in list(self._connections):
            node = connection.session.node
            if node is not None and node.id in nodes:
                connection.abort()

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)

    def received(self, connection: Connection, data: bytes) -> None:
        session = connection.session
        for event in session.receive(data):
            self._handlers[type(event)](connection, event)
        self._heard(connection)
        connection.flush()
        self._noticed()
        if session.ended:
            connection.close()

    def _heard(self, connection: Connection) -> None:
        """Who logged in is measured by the keep-alive it named, anyone else by the time to log in."""
        session = connection.session
        if session.node is not None:
            patience = session.keep_alive_s * _PATIENCE if session.keep_alive_s else float("inf")
            connection.silent_until = asyncio.get_running_loop().time() + patience

    def lost(self, connection: Connection) -> None:
        """The socket is closed, or its client came back on another one: time for the last will."""
        self._connections.discard(connection)
        self._leave(connection, tuple(connection.filters))
        if connection.key is not None and self._clients.get(connection.key) is connection:
            del self._clients[connection.key]
        will = connection.session.lost()
        if will is not None:
            self._message(connection, will)
            self._noticed()

    def _connection(self) -> Connection:
        session = Session(self._config.nodes, self._config.listener.max_packet)
        return Connection(self, session, asyncio.get_running_loop().time() + _LOGIN_S)

    def _message(self, connection: Connection, message: Message) -> None:
        self._take(message, connection)
        self.publish(message.topic, message.payload)

    def _joined(self, connection: Connection, event: Joined) -> None:
        older = self._clients.get(event.key)
        if older is not None:
            log.event("connection_taken_over", node=event.node.id)
            self.lost(older)
            older.abort()
        connection.key = event.key
        self._clients[event.key] = connection

    def _refused(self, connection: Connection, event: Refused) -> None:
        self._count(_REFUSALS.get(event.reason, Count.REFUSED_CONNECTIONS))
        log.warning(
            "connection_refused", node=event.username, reason=event.reason, code=event.code,
            remedy=_remedy(self._config, event),
        )  # fmt: skip

    def _subscribed(self, connection: Connection, event: Subscribed) -> None:
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

    def _filter_refused(self, connection: Connection, event: FilterRefused) -> None:
        self._count(Count.REFUSED_SUBSCRIPTIONS)
        log.warning(
            "subscription_refused", node=_name(connection), filter=event.filter,
            remedy="a node may subscribe below its own prefix aircue/<site>/<node>/ alone",
        )  # fmt: skip

    def _ended(self, connection: Connection, event: Ended) -> None:
        if event.malformed:
            self._count(Count.MALFORMED_PACKETS)
            log.warning("malformed_packet", node=_name(connection), reason=event.reason, remedy="connection closed")


_REFUSALS = {"unknown node": Count.UNKNOWN_NODES, "wrong key": Count.WRONG_KEYS}


def _remedy(config: Config, event: Refused) -> str:
    if event.reason == "unknown node":
        lines = f"[[nodes]] | id = '{event.username}' | site = 'THE-SITE' | key = 'THE-NODES-KEY'"
        return f"add these lines to {config.file} and restart: {lines}"
    if event.reason == "wrong key":
        return f"make key under [[nodes]] id = '{event.username}' in {config.file} the one the node was given"
    return f"set the client to MQTT 3.1.1, a client id, and the site that {config.file} gives this node"


def _name(connection: Connection) -> str:
    node = connection.session.node
    return "not logged in" if node is None else node.id
