"""The uplink: carries the journal to the gateway, live samples first, backlog behind, through every outage."""

import asyncio
import random

from aircue_node import contract, mqtt
from aircue_node.client import KEEP_ALIVE_S, Client

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.clock import Monotonic
    from aircue_node.commands import Commands
    from aircue_node.journal import Journal
    from aircue_node.ports import Reporter, Sample
    from aircue_node.wifi import Wifi

_MOST_IN_FLIGHT = 120
_BACKLOG_SAMPLES = 12
_ACK_WITHIN_MS = 60_000
_STATUS_EVERY_MS = 60_000
_HOUSEKEEPING_S = 1
_OPEN_S = 10
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30


class Link:
    """Where the gateway is and how this node names itself there."""

    def __init__(self, host: str, port: int, site: str, node: str, key: str, installation: int, boot: int) -> None:
        self.host = host
        self.port = port
        self.site = site
        self.node = node
        self.key = key
        self.installation = installation
        self.boot = boot

    def topic(self, leaf: str) -> str:
        return contract.topic(self.site, self.node, leaf)

    def connect_packet(self) -> bytes:
        will = contract.encode_will(self.installation, self.boot)
        return mqtt.connect(self.node, self.node, self.key, KEEP_ALIVE_S, self.topic(contract.STATUS), will)


class Uplink:
    """report gives the birth and status to publish; join is called once the network is there (it sets the clock);
    dated gives a sample its time, where it was taken before the clock was set.

    wake() tells that the journal has something new.
    """

    def __init__(
        self,
        link: Link,
        wifi: "Wifi",
        journal: "Journal",
        commands: "Commands",
        monotonic: "Monotonic",
        report: "Reporter",
        join: "Callable[[], None]",
        dated: "Callable[[Sample], Sample]",
        backlog_pause_ms: int,
    ) -> None:
        self._link = link
        self._wifi = wifi
        self._journal = journal
        self._commands = commands
        self._monotonic = monotonic
        self._report = report
        self._join = join
        self._dated = dated
        self._backlog_pause_ms = backlog_pause_ms
        self._news = asyncio.Event()
        self._replies: list[bytes] = []

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
        await client.connect(self._link.connect_packet())
        await client.subscribe([self._link.topic(contract.ACK), self._link.topic(contract.COMMAND)])
        await client.publish(self._link.topic(contract.BIRTH), self._report.birth(), True)
        self._journal.start_session()
        print("uplink: connected, backlog", len(self._journal))
        await _first_to_end(client.run(), self._send_live(client), self._send_backlog(client), self._keep(client))

    async def _send_live(self, client: Client) -> None:
        while True:
            self._news.clear()
            while len(client.in_flight) < _MOST_IN_FLIGHT and await self._send_one(client):
                pass
            while self._replies:
                await client.publish(self._link.topic(contract.REPLY), self._replies.pop(0))
            await self._news.wait()

    async def _send_one(self, client: Client) -> bool:
        sample = self._journal.take_live(self._monotonic.ms())
        if sample is None:
            return False
        payload = contract.encode_sample(self._link.installation, self._link.boot, self._dated(sample))
        await client.publish(self._link.topic(contract.SAMPLES), payload)
        return True

    async def _send_backlog(self, client: Client) -> None:
        while True:
            if len(client.in_flight) < _MOST_IN_FLIGHT // 2:
                samples, again = self._journal.take_backlog(_BACKLOG_SAMPLES, self._monotonic.ms())
                if samples:
                    payload = contract.encode_backlog(
                        self._link.installation, self._link.boot, [self._dated(sample) for sample in samples]
                    )
                    await client.publish(self._link.topic(contract.BACKLOG), payload, False, again)
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
                await client.publish(self._link.topic(contract.STATUS), self._report.status(), True)
            await client.keep_alive()
            self._journal.expire(now - _ACK_WITHIN_MS)
            self._news.set()
            await asyncio.sleep(_HOUSEKEEPING_S)

    def _receive(self, topic: str, payload: bytes) -> None:
        if topic == self._link.topic(contract.ACK):
            self._acked(payload)
        elif topic == self._link.topic(contract.COMMAND):
            self._replies.append(self._commands.answer(payload))
            self.wake()

    def _acked(self, payload: bytes) -> None:
        """An ack for another boot or installation is not for this journal."""
        try:
            installation, boot, ranges = contract.decode_ack(payload)
        except contract.ContractError as error:
            print("uplink:", error)
            return
        if (installation, boot) == (self._link.installation, self._link.boot):
            self._journal.ack(ranges)


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
