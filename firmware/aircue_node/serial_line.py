"""The serial line: carries what the courier has over the board's own USB console to a gateway at the other end.

The gateway says hello every two seconds. A session number that is new means that nothing is on its way any more, and
the node introduces itself; while no hello comes nobody listens, and the node sends nothing and keeps everything.
"""

import asyncio

from aircue_node import contract, line_codec

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.clock import Monotonic
    from aircue_node.courier import Courier
    from aircue_node.ports import Console, Message

_SILENCE_MS = 10_000
_TIME_EVERY_MS = 3_600_000
# Backlog messages without any ack; past it the disk at the other end is slow, or the acks were lost and samples expire.
_MOST_UNACKED = 20
_UNACKED_MS = 60_000
_POLL_S = 0.02
_HOUSEKEEPING_S = 1


def _nothing() -> None:
    pass


class SerialLine:
    """topic: makes a topic of a leaf. set_time: takes epoch seconds from the gateway, at the start of a session and
    every hour. wake() tells that the journal has something new. tick: called while the line gets on."""

    def __init__(
        self,
        console: "Console",
        topic: "Callable[[str], str]",
        courier: "Courier",
        monotonic: "Monotonic",
        set_time: "Callable[[int], None]",
        backlog_pause_ms: int,
        tick: "Callable[[], None]" = _nothing,
        status_ms: int = 60_000,
    ) -> None:
        self._console = console
        self._topic = topic
        self._courier = courier
        self._monotonic = monotonic
        self._set_time = set_time
        self._backlog_pause_ms = backlog_pause_ms
        self._tick = tick
        self._status_ms = status_ms
        self._lines = line_codec.Lines()
        self._leaves = {topic(leaf): leaf for leaf in (contract.ACK, contract.COMMAND, line_codec.HELLO)}
        self._news = asyncio.Event()
        self._session: int | None = None
        self._heard_ms = self._told_ms = self._timed_ms = self._sent_ms = 0
        self._unacked = 0
        self._foreign = ""

    @property
    def listening(self) -> bool:
        """Whether somebody at the other end said hello lately."""
        return self._session is not None and self._monotonic.ms() - self._heard_ms <= _SILENCE_MS

    def wake(self) -> None:
        self._news.set()

    async def run(self) -> None:
        await asyncio.gather(self._receive(), self._send_live(), self._send_backlog(), self._keep())

    async def _receive(self) -> None:
        while True:
            for topic, payload, _, _ in self._lines.feed(self._console.read()):
                self._take(topic, payload)
            await asyncio.sleep(_POLL_S)

    def _take(self, topic: str, payload: bytes) -> None:
        leaf = self._leaves.get(topic)
        if leaf is None:
            self._refuse(topic)
        elif leaf == line_codec.HELLO:
            self._greeted(payload)
        else:
            self._unacked = 0
            self._courier.receive(leaf, payload)
        self.wake()

    def _refuse(self, topic: str) -> None:
        """Said once: a gateway that takes this node for another one repeats itself."""
        if topic != self._foreign:
            self._foreign = topic
            print("serial: the gateway speaks to", topic, "and this is", self._topic(""), "- check its [[serial]]")

    def _greeted(self, payload: bytes) -> None:
        try:
            session, epoch_s = line_codec.decode_hello(payload)
        except line_codec.LineError as error:
            print("serial:", error)
            return
        now = self._monotonic.ms()
        is_new = session != self._session or not self.listening
        self._session, self._heard_ms = session, now
        if epoch_s and (is_new or now - self._timed_ms >= _TIME_EVERY_MS):
            self._timed_ms = now
            self._set_time(epoch_s)
        if is_new:
            self._unacked, self._told_ms = 0, now - self._status_ms
            self._write(self._courier.start_session())
            print("serial: a gateway listens, backlog", self._courier.waiting)

    def _write(self, message: "Message") -> None:
        leaf, payload, retained, again = message
        self._console.write(line_codec.encode_line(self._topic(leaf), payload, retained, again))

    async def _send_live(self) -> None:
        while True:
            self._news.clear()
            while self.listening:
                message = self._courier.next_live(self._monotonic.ms())
                if message is None:
                    break
                self._write(message)
            await self._news.wait()

    async def _send_backlog(self) -> None:
        while True:
            now = self._monotonic.ms()
            if self.listening and (self._unacked < _MOST_UNACKED or now - self._sent_ms >= _UNACKED_MS):
                for message in self._courier.next_backlog(now):
                    self._write(message)
                    self._unacked, self._sent_ms = self._unacked + 1, now
            await asyncio.sleep(self._backlog_pause_ms / 1000)

    async def _keep(self) -> None:
        """Status now and then; and that nobody listens any more."""
        while True:
            now = self._monotonic.ms()
            if self._session is not None and not self.listening:
                self._session = None
                self._courier.end_session()
            if self.listening and now - self._told_ms >= self._status_ms:
                self._told_ms = now
                self._write(self._courier.status())
            self._tick()
            self._news.set()
            await asyncio.sleep(_HOUSEKEEPING_S)
