"""A visit: one short session of a node that sleeps in between. It joins, hands over what waits, takes leave.

The birth comes first where the gateway has not had it in this boot, and always last: it makes the gateway write what it
holds at once instead of at the end of its commit window, so the radio is on for less than a second and not for five.
"""

import asyncio

from aircue_node import contract, mqtt
from aircue_node.client import Client, hang_up

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.clock import Monotonic
    from aircue_node.courier import Courier
    from aircue_node.ports import Message
    from aircue_node.uplink import Link
    from aircue_node.wifi import Wifi

ERRORS = (OSError, mqtt.ProtocolError, asyncio.TimeoutError)

_OPEN_S = 10
_ACK_S = 15
_LEAVE_S = 1
_LONGEST_MS = 60_000
_MOST_IN_FLIGHT = 60


class Visit:
    """join is called once the network is there (it sets the clock); received(leaf, payload) with every message that
    came, after the courier had it."""

    def __init__(
        self,
        link: "Link",
        wifi: "Wifi",
        courier: "Courier",
        monotonic: "Monotonic",
        join: "Callable[[], None]",
        received: "Callable[[str, bytes], None]",
    ) -> None:
        self._link = link
        self._wifi = wifi
        self._courier = courier
        self._monotonic = monotonic
        self._join = join
        self._received = received
        self._news = asyncio.Event()
        self._broken: BaseException | None = None
        self._leaves = {link.topic(leaf): leaf for leaf in (contract.ACK, contract.COMMAND)}

    async def run(self, introduced: bool, newest: "Callable[[], None]") -> None:
        """One of ERRORS where not everything was acked. newest: called in the session, puts into the journal what is to
        go as live."""
        try:
            await self._wifi.connect()
            self._join()
            reader, writer = await asyncio.wait_for(self._link.open(), _OPEN_S)
            try:
                await self._talk(Client(reader, writer, self._monotonic, self._receive), introduced, newest)
            finally:
                await hang_up(writer)
        finally:
            self._wifi.off()

    async def _talk(self, client: Client, introduced: bool, newest: "Callable[[], None]") -> None:
        await client.connect(self._link.connect_packet(self._courier.will()))
        await client.subscribe(list(self._leaves))
        birth = self._courier.start_session()
        newest()
        listening = asyncio.create_task(self._listen(client))
        try:
            if not introduced:
                await self._link.publish(client, birth)
            await self._link.publish(client, self._courier.status())
            await self._hand_over(client, birth)
            await self._take_leave(client)
        finally:
            listening.cancel()

    async def _listen(self, client: Client) -> None:
        try:
            await client.run()
        except ERRORS as error:
            self._broken = error
        self._news.set()

    async def _hand_over(self, client: Client, birth: "Message") -> None:
        """Until the gateway has acked everything, round after round."""
        began = self._monotonic.ms()
        while True:
            self._news.clear()
            if await self._send(client):
                await self._link.publish(client, birth)
            if not self._courier.waiting:
                return
            await asyncio.wait_for(self._news.wait(), _ACK_S)
            if self._broken is not None:
                raise OSError(str(self._broken))
            if self._monotonic.ms() - began > _LONGEST_MS:
                raise asyncio.TimeoutError

    async def _send(self, client: Client) -> bool:
        """What may go now; whether there was anything."""
        sent = False
        while len(client.in_flight) < _MOST_IN_FLIGHT:
            messages = self._next()
            for message in messages:
                await self._link.publish(client, message)
            if not messages:
                break
            sent = True
        return sent

    def _next(self) -> "list[Message]":
        now = self._monotonic.ms()
        live = self._courier.next_live(now)
        return self._courier.next_backlog(now) if live is None else [live]

    def _receive(self, topic: str, payload: bytes) -> None:
        leaf = self._leaves.get(topic)
        if leaf is not None:
            self._courier.receive(leaf, payload)
            self._received(leaf, payload)
            self._news.set()

    async def _take_leave(self, client: Client) -> None:
        """The gateway closes the connection then; a radio that is switched off before would swallow the good-bye. All
        is acked by now, so nothing here is a failure."""
        try:
            await client.disconnect()
            while self._broken is None:
                self._news.clear()
                await asyncio.wait_for(self._news.wait(), _LEAVE_S)
        except ERRORS as error:
            print("visit: no good-bye:", str(error) or "the gateway keeps the connection")
