"""The bench's end of a second Pico that plays the sensors of a real board (aircue_hil/player tells the lines).

`Played` is without I/O: a line from the player goes in, lines for it come out.
"""

from collections.abc import Callable, Iterator

from aircue_hil.backends.target import I2cTarget
from aircue_hil.board import Board, TransactionError
from aircue_hil.config import NodeRow, address_of
from aircue_hil.sensors import I2C_MODELS, LINE_MODELS
from aircue_hil.transactions import Moment

START_PULSE_US = 18_000  # what MicroPython's dht_readinto sends; the player reports its beginning alone
_MOST_TARGETS = 2


class Unplayable(ValueError):
    """A second Pico cannot play this; the message says what and what it can."""


class Played:
    """One node's sensors. hello() first, then heard(line) for each line, tick() every few milliseconds."""

    def __init__(self, board: Board, row: NodeRow, now: Callable[[], Moment]) -> None:
        self._board, self._now = board, now
        self._addresses = [address_of(sensor) for sensor in row.sensors if sensor.driver in I2C_MODELS]
        self._pins = [sensor.pin for sensor in row.sensors if sensor.driver in LINE_MODELS]
        _refuse(row, self._addresses)
        self._target = I2cTarget(0, board, now)
        self._ready: dict[int, bytes | None] = {}
        self._heard: dict[str, Callable[[int, str], Iterator[str]]] = {
            "w": self._written,
            "r": self._read,
            "s": self._started,
        }
        self.refused: list[str] = []

    def hello(self) -> list[str]:
        targets = [f"T {address}" for address in self._addresses]
        return [*targets, *(f"L {pin}" for pin in self._pins), *self.tick()]

    def heard(self, line: str) -> list[str]:
        """Answers to one line of the player. What it says it could not do is kept in `refused`."""
        word, _, rest = line.strip().partition(" ")
        if word == "!":
            self.refused.append(rest)
        serve = self._heard.get(word)
        if serve is None:
            return []
        place, _, detail = rest.partition(" ")
        return list(serve(int(place), detail))

    def tick(self) -> list[str]:
        """What a read would give, where that has changed: a conversion is done, new data are there."""
        at, lines = self._now(), []
        for address in self._addresses:
            answer = self._board.foresee(0, address, at)
            if address not in self._ready or answer != self._ready[address]:
                self._ready[address] = answer
                lines.append(f"G {address} {'-' if answer is None else answer.hex()}")
        return lines

    def _written(self, address: int, data: str) -> Iterator[str]:
        self._target.start(address, reading=False)
        for byte in bytes.fromhex(data):
            self._target.take(byte, last=False)
        self._target.stop()
        yield from self.tick()

    def _read(self, address: int, count: str) -> Iterator[str]:
        if self._target.start(address, reading=True):
            for _ in range(int(count)):
                self._target.give()
        self._target.stop()
        yield from self.tick()

    def _started(self, pin: int, _detail: str) -> Iterator[str]:
        try:
            train = self._board.handle(ord("D"), bytes((pin,)) + START_PULSE_US.to_bytes(2, "big"), self._now())
        except TransactionError:
            yield f"P {pin} -"
            return
        pulses = [int.from_bytes(train[place : place + 2], "big") for place in range(0, len(train), 2)]
        yield f"P {pin} {','.join(map(str, pulses))}"


def _refuse(row: NodeRow, addresses: list[int]) -> None:
    for sensor in row.sensors:
        if sensor.driver not in (*I2C_MODELS, *LINE_MODELS) or sensor.bus != 0:
            raise Unplayable(f"{sensor.driver}: a second Pico plays sensors on I2C bus 0 and on a DHT's line")
    if len(addresses) > _MOST_TARGETS:
        raise Unplayable(f"{len(addresses)} I2C sensors: a second Pico has two I2C blocks, one address each")
