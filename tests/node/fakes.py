"""Fakes for the node: a clock moved by hand, sensors that answer as told, a gateway on loopback."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable

from aircue_gateway.intakes import mqtt_server
from aircue_node import contract, mqtt
from aircue_node.clock import Monotonic
from aircue_node.commands import LastNumber
from aircue_node.sensors.errors import SensorError


class Ticks:
    """A processor's counter that wraps, moved by hand."""

    def __init__(self, period: int = 2**30) -> None:
        self.now = 0
        self._period = period

    def ms(self) -> int:
        return self.now % self._period

    def difference(self, later: int, earlier: int) -> int:
        half = self._period // 2
        return (later - earlier + half) % self._period - half

    def monotonic(self) -> Monotonic:
        return Monotonic(self.ms, self.difference)


class FakeSensor:
    """Answers with the given readings in turn; an error in the list is raised."""

    name = "fake"
    channels = (("temperature", "Cel", 100), ("humidity", "%RH", 100))

    def __init__(self, *answers: list[int] | SensorError) -> None:
        self._answers = list(answers)

    async def read(self) -> list[int]:
        answer = self._answers.pop(0)
        if isinstance(answer, SensorError):
            raise answer
        return answer


class SilentBus:
    """Takes everything and says nothing, as the other two do: for what is built and never read."""

    def writeto(self, addr: int, buf: bytes) -> int:
        return len(buf)

    def readfrom_into(self, addr: int, buf: bytearray) -> None:
        pass


class SilentUart:
    def any(self) -> int:
        return 0

    def read(self, nbytes: int) -> None:
        return None

    def write(self, buf: bytes) -> int:
        return len(buf)


class SilentAdc:
    def read_u16(self) -> int:
        return 0


async def stop(task: "asyncio.Task[None]") -> None:
    """Cancels until it ends: wait_for of Python 3.11 may swallow a cancellation that comes as its work is done."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)


class FakeLastNumber(LastNumber):
    """Forgotten with the test."""

    def __init__(self) -> None:
        self.value = 0

    def store(self, number: int) -> None:
        self.value = number


class FakeReport:
    """Gives payloads that are easy to tell apart."""

    def birth(self) -> bytes:
        return b'{"birth":1}'

    def status(self) -> bytes:
        return b'{"status":1}'


class FakeWlan:
    """A Wi-Fi that is joined at once, or never."""

    def __init__(self) -> None:
        self.up = True

    def active(self, is_active: bool) -> None:
        pass

    def connect(self, ssid: str, key: str) -> None:
        pass

    def disconnect(self) -> None:
        pass

    def isconnected(self) -> bool:
        return self.up

    def status(self) -> int:
        return 1010 if self.up else 201

    def config(self, *, pm: int = 0, reconnects: int = 0) -> None:
        pass


class FakeGateway:
    """Speaks MQTT on loopback. acks: whether samples are acknowledged (PUBACK and application ack). tls: the server's
    ssl.SSLContext; a test may put another there for the connections to come. denied: topics that nobody may read.
    patience_s: how long `until` waits."""

    def __init__(self, tls: ssl.SSLContext | None = None, patience_s: float = 20.0) -> None:
        self.tls = tls
        self._patience_s = patience_s
        self.port = 0
        self.acks = True
        self.connects: list[dict[str, object]] = []
        self.messages: list[tuple[str, bytes, bool]] = []
        self.refusal = mqtt.ACCEPTED
        self.denied: set[str] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._news = asyncio.Event()
        self._closed = False

    async def __aenter__(self) -> "FakeGateway":
        await self.listen(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        self.drop()
        assert self._server is not None
        self._server.close()
        await asyncio.sleep(0)

    async def listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=self.tls)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def vanish(self) -> None:
        """The program ends: connections break, new ones are refused until it listens again."""
        assert self._server is not None
        self._server.close()
        self.drop()
        await asyncio.sleep(0)

    def drop(self) -> None:
        """Breaks every connection, as a gateway does that is killed."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def send(self, leaf: str, payload: bytes) -> None:
        self.tell(contract.topic("home-1", "bathroom", leaf), payload)

    def tell(self, topic: str, payload: bytes) -> None:
        for writer in self._writers:
            writer.write(mqtt.publish(topic, payload))

    def of(self, leaf: str) -> list[bytes]:
        return [payload for topic, payload, _ in self.messages if topic.endswith("/" + leaf)]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until a condition on what arrived holds, which is tried after every message and now and then."""
        async with asyncio.timeout(self._patience_s):
            while not condition():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.02)
                self._news.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        parser = mqtt.Parser()
        while not self._closed and (data := await _received(reader)):
            parser.feed(data)
            while (packet := parser.next_packet()) is not None:
                self._answer(writer, *packet)

    def _answer(self, writer: asyncio.StreamWriter, kind: int, flags: int, body: bytes) -> None:
        if kind == mqtt.CONNECT:
            self.connects.append(mqtt_server.parse_connect(body))
            writer.write(mqtt_server.connack(self.refusal))
        elif kind == mqtt.SUBSCRIBE:
            packet_id, filters = mqtt_server.parse_subscribe(body)
            codes = [128 if name in self.denied else 1 for name, _ in filters]
            writer.write(mqtt_server.suback(packet_id, codes))
        elif kind == mqtt.PINGREQ:
            writer.write(mqtt_server.PINGRESP_PACKET)
        elif kind == mqtt.PUBLISH:
            topic, payload, _, packet_id, _, duplicate = mqtt.parse_publish(flags, body)
            self.messages.append((topic, payload, duplicate))
            self._news.set()
            if self.acks:
                writer.write(mqtt.puback(packet_id))


async def _received(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(4096)
    except OSError:
        return b""


class AckingGateway(FakeGateway):
    """Acks every sample as the real gateway does, unless it is told to be silent: then it answers nothing at all."""

    def __init__(self, patience_s: float = 20.0) -> None:
        super().__init__(patience_s=patience_s)
        self.silent = False

    def _answer(self, writer: asyncio.StreamWriter, kind: int, flags: int, body: bytes) -> None:
        if self.silent:
            return
        super()._answer(writer, kind, flags, body)
        if kind == mqtt.PUBLISH:
            topic, payload, *_ = mqtt.parse_publish(flags, body)
            for installation, boot, sequence in keys(topic, payload):
                self.send("ack", contract.encode_ack(installation, boot, [(sequence, sequence)]))


def keys(topic: str, payload: bytes) -> list[tuple[int, int, int]]:
    """(installation, boot, sequence) of every sample in a message."""
    fields = json.loads(payload)
    if topic.endswith("/samples"):
        return [(fields["i"], fields["b"], fields["s"])]
    if topic.endswith("/backlog"):
        return [(fields["i"], fields["b"], row["s"]) for row in fields["m"]]
    return []
