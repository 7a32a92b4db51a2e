"""The uplink: carries what the courier has to the gateway over Wi-Fi and MQTT, through every outage."""

import asyncio
import errno
import random

from aircue_node import contract, mqtt
from aircue_node.client import KEEP_ALIVE_S, Client, Silence, hang_up
from aircue_node.escalation import ABSENT, ANSWERED, REFUSED, REJOIN, RESET, UNREACHED, Escalation
from aircue_node.wifi import NotJoined

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from aircue_node.clock import Monotonic
    from aircue_node.courier import Courier
    from aircue_node.ports import Announcer, Message
    from aircue_node.wifi import Wifi

MOST_IN_FLIGHT = 60
_MOST_UNSAID = 8
_SETTLED_MS = 10_000
_HOUSEKEEPING_S = 1
# TCP asks at 0, 1 and 3 s; a new attempt asks sooner than its next question would.
_OPEN_S = 4
_INTRODUCTION_S = 10
_NO_SIGN = [
    getattr(errno, name, None)
    for name in ("EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN", "ETIMEDOUT", "ECONNABORTED")
]
# Numbers below zero are a resolver's; those of TLS in MicroPython lie far below, one of them: the peer is gone.
_LAST_OF_THE_RESOLVER = -1000
_TLS_PEER_GONE = -0x7280
# A gateway that makes this node run out of memory is refused; a node that does so without one begins anew.
_MOST_STARVED = 5


class Link:
    """Where the gateway is and how this node names itself there. tls: an ssl.SSLContext, or None for plain TCP."""

    def __init__(self, host: str, port: int, site: str, node: str, key: str, tls: "Any" = None) -> None:
        self.host = host
        self.port = port
        self.site = site
        self.node = node
        self.key = key
        self.tls = tls

    def topic(self, leaf: str) -> str:
        return contract.topic(self.site, self.node, leaf)

    async def open(self) -> "tuple[asyncio.StreamReader, asyncio.StreamWriter]":
        options = {} if self.tls is None else {"ssl": self.tls, "server_hostname": self.host}
        return await asyncio.open_connection(self.host, self.port, **options)

    def connect_packet(self, will: bytes) -> bytes:
        return mqtt.connect(self.node, self.node, self.key, KEEP_ALIVE_S, self.topic(contract.STATUS), will)

    async def publish(self, client: Client, message: "Message") -> None:
        leaf, payload, retained, again = message
        await client.publish(self.topic(leaf), payload, retained, again)


def _nothing(*_: object) -> None:
    pass


class Uplink:
    """join is called once the network is there (it sets the clock). wake() tells that the journal has something new.

    tick: called while the uplink gets on, at least every minute. refused: told why a gateway's words or certificate
    were refused. reset: ends this boot, for the sake of a radio that is stuck.
    """

    def __init__(
        self,
        link: Link,
        wifi: "Wifi",
        courier: "Courier",
        monotonic: "Monotonic",
        join: "Callable[[], None]",
        backlog_pause_ms: int,
        escalation: Escalation | None = None,
        tick: "Callable[[], None]" = _nothing,
        refused: "Callable[[str], None]" = _nothing,
        reset: "Callable[[], None]" = _nothing,
        announcer: "Announcer | None" = None,
        status_ms: int = 60_000,
    ) -> None:
        self._link = link
        self._wifi = wifi
        self._courier = courier
        self._monotonic = monotonic
        self._join = join
        self._backlog_pause_ms = backlog_pause_ms
        self._escalation = Escalation(0) if escalation is None else escalation
        self._tick = tick
        self._refused = refused
        self._reset = reset
        self._announcer = announcer
        self._status_ms = status_ms
        self._announced = -1
        self._told_denied = False
        self._starved = 0
        self._news = asyncio.Event()
        self._leaves = {link.topic(leaf): leaf for leaf in (contract.ACK, contract.COMMAND)}
        if announcer is not None:
            self._leaves[announcer.asked_on] = ""

    def wake(self) -> None:
        self._news.set()

    async def run(self) -> None:
        """Connects, and after every failure again, with pauses that are never the same."""
        while True:
            self._tick()
            await self._recover(*await self._attempt())
            pause_ms = self._escalation.pause_ms()
            await asyncio.sleep(pause_ms * (0.5 + random.random() / 2) / 1000)

    async def _attempt(self) -> tuple[str, str]:
        """(kind, text) of what ended one connection."""
        try:
            await self._session()
        except (OSError, mqtt.ProtocolError, asyncio.TimeoutError) as error:
            return kind_of(error), self._told(error)
        except MemoryError as error:
            self._courier.starved()
            self._starved += 1
            if self._starved == _MOST_STARVED:
                raise
            return REFUSED, f"out of memory: {error}"
        return ANSWERED, "the session ended"

    def _told(self, error: Exception) -> str:
        text = str(error) or f"{self._link.host} did not answer in time"
        return f"TLS with {self._link.host}: {text}" if _is_tls(error) else text

    async def _recover(self, kind: str, text: str) -> None:
        print("uplink:", text)
        if kind == REFUSED:
            self._refused(text)
        step = self._escalation.after(kind, self._monotonic.ms())
        if step == REJOIN:
            await self._wifi.restart()
        elif step == RESET:
            self._reset()

    async def _session(self) -> None:
        """One connection, from joining the Wi-Fi to its end."""
        await self._wifi.connect()
        self._escalation.joined()
        self._join()
        self._tick()
        reader, writer = await self._open()
        try:
            await self._talk(Client(reader, writer, self._monotonic, self._receive))
        finally:
            self._courier.end_session()
            await hang_up(writer)

    async def _open(self) -> "tuple[asyncio.StreamReader, asyncio.StreamWriter]":
        """The name is looked up anew each time, and only in a network: elsewhere a Pico W waits for ever."""
        self._check_wifi()
        try:
            return await asyncio.wait_for(self._link.open(), _OPEN_S)
        except ValueError as error:
            raise self._untrusted(error)

    async def _talk(self, client: Client) -> None:
        await self._enter(client)
        await asyncio.wait_for(self._introduce(client), _INTRODUCTION_S)
        print("uplink: connected, backlog", self._courier.waiting)
        await _first_to_end(
            client.run(), self._send_live(client), self._send_backlog(client), self._keep(client), self._guard(client)
        )

    async def _enter(self, client: Client) -> None:
        try:
            await client.connect(self._link.connect_packet(self._courier.will()))
        except mqtt.ProtocolError:
            raise
        except ValueError as error:
            raise self._untrusted(error)

    def _untrusted(self, error: ValueError) -> mqtt.ProtocolError:
        """MicroPython and CPython each have an error of their own for a certificate they do not trust; both are
        ValueErrors."""
        text = getattr(error, "verify_message", "") or str(error).strip().replace("\n", "; ")
        return mqtt.ProtocolError(f"certificate of {self._link.host}: {text}")

    async def _introduce(self, client: Client) -> None:
        wished = "" if self._announcer is None else self._announcer.asked_on
        await client.subscribe(list(self._leaves), wished)
        await self._link.publish(client, self._courier.start_session())
        self._announced = -1
        await self._announce(client)

    async def _announce(self, client: Client) -> None:
        """Says what this node is, where nobody has heard it yet as it is now."""
        announcer = self._announcer
        if announcer is not None and announcer.edition != self._announced:
            self._announced = announcer.edition
            await client.publish(announcer.topic, announcer.payload(), True)

    async def _send_live(self, client: Client) -> None:
        while True:
            self._news.clear()
            while len(client.in_flight) < MOST_IN_FLIGHT:
                message = self._courier.next_live(self._monotonic.ms())
                if message is None:
                    break
                await self._link.publish(client, message)
            await self._news.wait()

    async def _send_backlog(self, client: Client) -> None:
        while True:
            if len(client.in_flight) < MOST_IN_FLIGHT // 2:
                for message in self._courier.next_backlog(self._monotonic.ms()):
                    await self._link.publish(client, message)
            await asyncio.sleep(self._backlog_pause_ms / 1000)

    async def _keep(self, client: Client) -> None:
        """Status now and then, keep-alive."""
        told_ms = self._monotonic.ms() - self._status_ms
        while True:
            now = self._monotonic.ms()
            if now - told_ms >= self._status_ms:
                told_ms = now
                await self._link.publish(client, self._courier.status())
            await client.keep_alive()
            await self._announce(client)
            self._note_denied(client)
            await asyncio.sleep(_HOUSEKEEPING_S)

    def _note_denied(self, client: Client) -> None:
        """Said once: a gateway's own listener lets a node read its own topics alone."""
        if self._announcer is None or not client.denied or self._told_denied:
            return
        self._told_denied = True
        text = f"{self._announcer.asked_on} may not be read here: Home Assistant is told at each connection alone"
        print("uplink:", text)
        self._refused(text)

    async def _guard(self, client: Client) -> None:
        """Whether radio and gateway still are there. It writes to nobody: a gateway that takes nothing in cannot hold
        it up."""
        began_ms = self._monotonic.ms()
        while True:
            now = self._monotonic.ms()
            self._tick()
            self._check_wifi()
            client.check()
            if now - began_ms >= _SETTLED_MS:
                self._escalation.settled()
                self._starved = 0
            self._news.set()
            await asyncio.sleep(_HOUSEKEEPING_S)

    def _check_wifi(self) -> None:
        if not self._wifi.connected():
            raise NotJoined(ABSENT, "Wi-Fi lost")

    def _receive(self, topic: str, payload: bytes) -> None:
        leaf = self._leaves.get(topic)
        if leaf is None:
            raise mqtt.ProtocolError("a message on a topic that this node did not ask for")
        if self._courier.unsaid >= _MOST_UNSAID:
            raise mqtt.ProtocolError("more commands than this node can answer")
        if leaf:
            self._courier.receive(leaf, payload)
        elif payload == b"online":
            self._announced = -1
        self.wake()


def _is_tls(error: Exception) -> bool:
    """Errors of MicroPython's TLS are numbers."""
    number = error.args[0] if error.args else None
    return isinstance(number, int) and number < _LAST_OF_THE_RESOLVER


def kind_of(error: Exception) -> str:
    """Which of the escalation's kinds of failure an error is."""
    if isinstance(error, NotJoined):
        return error.kind
    if isinstance(error, mqtt.ProtocolError):
        return REFUSED
    if isinstance(error, (Silence, asyncio.TimeoutError)):
        return UNREACHED
    number = error.args[0] if error.args else None
    if not isinstance(number, int) or number == _TLS_PEER_GONE:
        return ANSWERED
    if _is_tls(error):
        return REFUSED
    return UNREACHED if number < 0 or number in _NO_SIGN else ANSWERED


async def _first_to_end(*jobs) -> None:  # type: ignore[no-untyped-def]  # coroutines; MicroPython has no name for them
    """Runs jobs side by side until one fails; the others are stopped and its error is raised.

    Nobody waits for the stopped ones: a cancellation that arrives during such a wait could not be told from theirs.
    """
    failed: list[BaseException] = []
    ended = asyncio.Event()

    async def watch(job) -> None:  # type: ignore[no-untyped-def]  # see above
        try:
            await job
        except (OSError, mqtt.ProtocolError, asyncio.TimeoutError, MemoryError) as error:
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
