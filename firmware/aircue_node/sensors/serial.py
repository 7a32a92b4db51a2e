"""What sensors on a UART share: frames found among garbage, and a time to warm up before a value is believed."""

from aircue_node.sensors.errors import ChecksumError, MissingError, StaleError

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import SleepMs, Uart

_STEP_MS = 20
_STEPS = 15
_SETTLE_MS = 100
# One lost answer happens; after two in a row the sensor may have been without power and is cold again.
_SILENCES = 2
# After this many questions in a row without a sound answer the UART itself is opened anew.
REOPEN_AFTER = 3


def find(data: bytes, head: bytes, size: int, is_sound: "Callable[[bytes], bool]") -> bytes | None:
    """The first sound frame of size bytes that begins with head, or None. A head whose frame is not sound is passed
    over by one byte, because a frame may begin within it."""
    at = data.find(head)
    while 0 <= at <= len(data) - size:
        frame = data[at : at + size]
        if is_sound(frame):
            return frame
        at = data.find(head, at + 1)
    return None


class Line:
    """Requests and their answers; the answers are frames of one kind. open_uart: gives the UART, set up anew."""

    def __init__(
        self,
        open_uart: "Callable[[], Uart]",
        sleep_ms: "SleepMs",
        head: bytes,
        size: int,
        is_sound: "Callable[[bytes], bool]",
    ) -> None:
        self._open = open_uart
        self._uart = open_uart()
        self._failed = 0
        self._sleep_ms = sleep_ms
        self._head = head
        self._size = size
        self._is_sound = is_sound

    async def send(self, command: bytes) -> None:
        self._uart.write(command)
        await self._sleep_ms(_STEP_MS)

    async def settle(self) -> None:
        """Lets a frame that was under way come in, and throws it away."""
        await self._sleep_ms(_SETTLE_MS)
        self.unasked()

    def unasked(self) -> bool:
        """Throws away what waits; whether a sound frame was among it."""
        return self._find(self._received()) is not None

    async def ask(self, request: bytes) -> bytes:
        """MissingError after 0.3 s without a byte, ChecksumError after 0.3 s without a sound frame."""
        self._uart.write(request)
        data = b""
        for _ in range(_STEPS):
            await self._sleep_ms(_STEP_MS)
            data += self._received()
            frame = self._find(data)
            if frame is not None:
                self._failed = 0
                return frame
        self._count()
        if not data:
            raise MissingError("no answer on the UART: check tx, rx and the 5 V supply")
        raise ChecksumError("no sound frame on the UART: check wiring, ground and length of the cable")

    def _count(self) -> None:
        self._failed += 1
        if self._failed >= REOPEN_AFTER:
            self._failed = 0
            self._uart = self._open()

    def _received(self) -> bytes:
        waiting = self._uart.any()
        return self._uart.read(waiting) or b"" if waiting else b""

    def _find(self, data: bytes) -> bytes | None:
        return find(data, self._head, self._size, self._is_sound)


class Asked:
    """A sensor that answers a request. A part gives its setup, its request, how long it warms up, and its decode.

    While it is cold it is not asked. It counts as cold from the first read on, when it answers again after silence, and
    when it speaks without having been asked, as one does that was switched off and on.
    """

    setup: tuple[bytes, ...] = ()
    request = b""
    warm_up_ms = 0

    def __init__(self, line: Line, uptime_ms: "Callable[[], int]") -> None:
        self._line = line
        self._uptime_ms = uptime_ms
        self._warm_at: int | None = None
        self._silences = 0

    def decode(self, frame: bytes) -> list[int]:
        raise NotImplementedError

    async def read(self) -> list[int]:
        if self._warm_at is None or self._line.unasked():
            await self._begin()
        self._wait_until_warm()
        frame = await self._ask()
        if self._silences >= _SILENCES:
            await self._begin()
            self._wait_until_warm()
        self._silences = 0
        return self.decode(frame)

    async def _begin(self) -> None:
        self._silences = 0
        self._warm_at = self._uptime_ms() + self.warm_up_ms
        for command in self.setup:
            await self._line.send(command)
        await self._line.settle()

    def _wait_until_warm(self) -> None:
        if self._uptime_ms() < (self._warm_at or 0):
            raise StaleError(f"warming up for {self.warm_up_ms // 1000} s")

    async def _ask(self) -> bytes:
        try:
            return await self._line.ask(self.request)
        except MissingError:
            self._silences += 1
            raise
