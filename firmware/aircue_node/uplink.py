"""The uplink: carries what the courier has to the gateway over Wi-Fi and MQTT, through every outage."""

import asyncio
import random

from aircue_node import contract, mqtt
from aircue_node.client import KEEP_ALIVE_S, Client

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.clock import Monotonic
    from aircue_node.courier import Courier
    from aircue_node.ports import Message
    from aircue_node.wifi import Wifi

_MOST_IN_FLIGHT = 120
_STATUS_EVERY_MS = 60_000
_HOUSEKEEPING_S = 1
_OPEN_S = 10
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30


class Link:
    """Where the gateway is and how this node names itself there."""

    def __init__(self, host: str, port: int, site: str, node: str, key: str) -> None:
        self.host = host
        self.port = port
        self.site = site
        self.node = node
        self.key = key

    def topic(self, leaf: str) -> str:
        return contract.topic(self.site, self.node, leaf)


class Uplink:
    """join is called once the network is there (it sets the clock). wake() tells that the journal has something new."""

    def __init__(
        self,
        link: Link,
        wifi: "Wifi",
        courier: "Courier",
        monotonic: "Monotonic",
        join: "Callable[[], None]",
        backlog_pause_ms: int,
    ) -> None:
        self._link = link
        self._wifi = wifi
        self._courier = courier
        self._monotonic = monotonic
        self._join = join
        self._backlog_pause_ms = backlog_pause_ms
        self._news = asyncio.Event()
        self._leaves = {link.topic(leaf): leaf for leaf in (contract.ACK, contract.COMMAND)}

    def wake(self) -> None:
        self._news.set()

    async def run(self) -> None:
        """Connects, and after every failure again, with pauses that grow and are never the same."""
        pause_s = _FIRST_PAUSE_S
        while True:
            began = self._monotonic.ms()
            try:
                await self._session()
            except (OSError, mqtt.ProtocolError, asyncio.TimeoutError) as error:
                print("uplink:", str(error) or "no answer in time")
            pause_s = _next_pause(pause_s, self._monotonic.ms() - began)
            await asyncio.sleep(pause_s * (0.5 + random.random() / 2))

    async def _session(self) -> None:
        """One connection, from joining the Wi-Fi to its end."""
        await self._wifi.connect()
        self._join()
        reader, writer = await asyncio.wait_for(asyncio.open_connection(self._link.host, self._link.port), _OPEN_S)
        try:
            await self._talk(Client(reader, writer, self._monotonic, self._receive))
        finally:
            writer.close()

    async def _talk(self, client: Client) -> None:
        await client.connect(self._connect_packet())
        await client.subscribe(list(self._leaves))
        await self._publish(client, self._courier.start_session())
        print("uplink: connected, backlog", self._courier.waiting)
        await _first_to_end(client.run(), self._send_live(client), self._send_backlog(client), self._keep(client))

    def _connect_packet(self) -> bytes:
        link = self._link
        will_topic = link.topic(contract.STATUS)
        return mqtt.connect(link.node, link.node, link.key, KEEP_ALIVE_S, will_topic, self._courier.will())

    async def _publish(self, client: Client, message: "Message") -> None:
        leaf, payload, retained, again = message
        await client.publish(self._link.topic(leaf), payload, retained, again)

    async def _send_live(self, client: Client) -> None:
        while True:
            self._news.clear()
            while len(client.in_flight) < _MOST_IN_FLIGHT:
                message = self._courier.next_live(self._monotonic.ms())
                if message is None:
                    break
                await self._publish(client, message)
            await self._news.wait()

    async def _send_backlog(self, client: Client) -> None:
        while True:
            if len(client.in_flight) < _MOST_IN_FLIGHT // 2:
                for message in self._courier.next_backlog(self._monotonic.ms()):
                    await self._publish(client, message)
            await asyncio.sleep(self._backlog_pause_ms / 1000)

    async def _keep(self, client: Client) -> None:
        """Status now and then, keep-alive, samples whose ack never came, and whether the radio still is connected."""
        told_ms = self._monotonic.ms() - _STATUS_EVERY_MS
        while True:
            now = self._monotonic.ms()
            if not self._wifi.connected():
                raise OSError("Wi-Fi lost")
            if now - told_ms >= _STATUS_EVERY_MS:
                told_ms = now
                await self._publish(client, self._courier.status())
            await client.keep_alive()
            self._courier.expire(now)
            self._news.set()
            await asyncio.sleep(_HOUSEKEEPING_S)

    def _receive(self, topic: str, payload: bytes) -> None:
        leaf = self._leaves.get(topic)
        if leaf is not None:
            self._courier.receive(leaf, payload)
            self.wake()


def _next_pause(pause_s: float, lasted_ms: int) -> float:
    """Doubles after each failure; a session that stood for a while starts from the shortest again."""
    return _FIRST_PAUSE_S if lasted_ms > _LONGEST_PAUSE_S * 1000 else min(pause_s * 2, _LONGEST_PAUSE_S)


async def _first_to_end(*jobs) -> None:  # type: ignore[no-untyped-def]  # coroutines; MicroPython has no name for them
    """Runs jobs side by side until one fails; the others are stopped and its error is raised.

    Nobody waits for the stopped ones: a cancellation that arrives during such a wait could not be told from theirs.
    """
    failed: list[BaseException] = []
    ended = asyncio.Event()

    async def watch(job) -> None:  # type: ignore[no-untyped-def]  # see above
        try:
            await job
        except (OSError, mqtt.ProtocolError, asyncio.TimeoutError) as error:
            failed.append(error)
        ended.set()

    tasks = [asyncio.create_task(watch(job)) for job in jobs]
    try:
        await ended.wait()
    finally:
        for task in tasks:
            task.cancel()
    if failed:
        raise failed[0]
