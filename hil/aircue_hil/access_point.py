"""The access point: carries each node's TCP connections to the gateway, and loses them on command.

A cut makes packets vanish: nothing is forwarded either way, no FIN and no RST passes, and a new connection is met with
silence. When the air is back, what TCP would have sent again flows on. A simulated radio, real sockets.
"""

import asyncio
import contextlib
from typing import cast


class Network:
    """One node's way to the gateway: a loopback port whose connections are carried while `flowing`."""

    def __init__(self, gateway_host: str, gateway_port: int) -> None:
        self._gateway = (gateway_host, gateway_port)
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self.flowing = False
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1; port 0 takes a free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._link, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        for link in list(self._links):
            link.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def let_flow(self, flowing: bool) -> None:
        """Packets pass, or vanish from now on."""
        if flowing == self.flowing:
            return
        self.flowing = flowing
        for link in list(self._links):
            link.let_flow(flowing)

    def drop_node(self) -> None:
        """The node lost its power: its sockets are gone, and the gateway hears nothing of it, as with a real board."""
        for link in list(self._links):
            link.node_gone()

    def redirect(self, host: str, port: int) -> None:
        """New connections go to this gateway."""
        self._gateway = (host, port)

    def _link(self) -> "_Side":
        link = _Link(self)
        self._links.add(link)
        return link.node

    async def dial(self, side: "_Side") -> None:
        await asyncio.get_running_loop().create_connection(lambda: side, *self._gateway)

    def forget(self, link: "_Link") -> None:
        self._links.discard(link)


class _Link:
    """One connection: the node's side and the gateway's side."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._dialling: asyncio.Task[None] | None = None
        self.node, self.gateway = _Side(self), _Side(self)
        self.node.other, self.gateway.other = self.gateway, self.node
        self._orphaned = False

    @property
    def flowing(self) -> bool:
        return self._network.flowing or self._orphaned

    def arrived(self, side: "_Side") -> None:
        """A side has its socket; the gateway is dialled once packets flow."""
        if side is self.node:
            self.let_flow(self.flowing)
        else:
            self.gateway.resume_if(self.flowing)
            self.node.resume_if(self.flowing)
            self.node.pass_on()

    def let_flow(self, flowing: bool) -> None:
        if self._orphaned:
            return
        if flowing and self._dialling is None:
            self._dialling = asyncio.get_running_loop().create_task(self._dial())
        for side in (self.node, self.gateway):
            side.resume_if(flowing and self.gateway.open)
            side.pass_on()

    async def _dial(self) -> None:
        try:
            await self._network.dial(self.gateway)
        except OSError:
            self.close()

    def lost(self, side: "_Side") -> None:
        """One end closed while packets flow: the other end hears of it."""
        if self._orphaned and side is self.node:
            return
        other = self.gateway if side is self.node else self.node
        other.close()
        self._network.forget(self)

    def node_gone(self) -> None:
        """Only the gateway's end stays, and what it sends goes nowhere, until the gateway gives up."""
        self._orphaned = True
        self.node.abort()
        if self.gateway.open:
            self.gateway.resume_if(True)
        else:
            self.close()

    def close(self) -> None:
        if self._dialling is not None:
            self._dialling.cancel()
        self.node.abort()
        self.gateway.abort()
        self._network.forget(self)


class _Side(asyncio.Protocol):
    """One socket of a link: what it reads goes to the other side, once packets flow and there is another side.

    Reading is paused meanwhile, but bytes may come in all the same: in Python 3.11.2 a transport that is paused as soon
    as it is made reads on.
    """

    other: "_Side"

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._transport: asyncio.Transport | None = None
        self._room = True
        self._held = bytearray()

    @property
    def open(self) -> bool:
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()
        self._link.arrived(self)

    def data_received(self, data: bytes) -> None:
        self._held += data
        self.pass_on()

    def pass_on(self) -> None:
        """Gives to the other side what is held, if it can go."""
        if self._held and self._link.flowing and self.other.open:
            self.other.write(bytes(self._held))
            self._held.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._link.lost(self)

    def pause_writing(self) -> None:
        self.other.hold(True)

    def resume_writing(self) -> None:
        self.other.hold(False)

    def hold(self, full: bool) -> None:
        """The other side cannot take more for now."""
        self._room = not full
        self.resume_if(self._link.flowing)

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def resume_if(self, flowing: bool) -> None:
        if self._transport is None:
            return
        if flowing and self._room:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.abort()
