"""One driver of the firmware on a simulated board, in CPython: time passes only while somebody waits.

The board is the bench's own, so that what crosses the wires is witnessed; driver and sampler are the firmware's.
"""

import contextlib
import io
import struct
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar, overload

from aircue_hil.air import Air
from aircue_hil.board import Board, TransactionError
from aircue_hil.config import NodeRow, SensorRow
from aircue_hil.faults import EVERY_SENSOR
from aircue_hil.radio import Wifi
from aircue_hil.sensors.model import Glitches
from aircue_hil.transactions import Moment, Transaction
from aircue_node import sensors
from aircue_node.clock import Clock, Monotonic
from aircue_node.ports import Sensor
from aircue_node.sampler import Sampler
from aircue_node.sensors import fitting
from aircue_node.sensors.bus import RecoveringBus, free
from aircue_node.sensors.errors import SensorError

# Below zero, so that the encodings of negatives differ.
AIR = Air(temperature_c=-3.5, humidity_pct=55.0, co2_ppm=900.0, pm25_ugm3=37.5, voc_ugm3=200.0)
INTERVAL_MS = 30_000
# Reads until a sensor that was switched on must give values, warm-up included.
PATIENCE = 10
STROBE, PIN, UART, BUS, SCL, SDA = 2, 15, 1, 0, 5, 4
PLACES: dict[str, dict[str, int]] = {
    "dht11": {"pin": PIN},
    "dht22": {"pin": PIN},
    "mq135": {"pin": PIN},
    "mhz19": {"uart": UART},
    "pms5003": {"uart": UART},
    "pms7003": {"uart": UART},
}
_START_US = 1_768_368_600_000_000
_BAUD = 9_600

Result = TypeVar("Result")


class ConstantAir:
    """Air that a test may change."""

    rooms = ("room",)

    def __init__(self, air: Air) -> None:
        self.now = air

    def air(self, room: str, at: int) -> Air:
        return self.now


class Steady:
    """A sensor beside the one under test, which always answers."""

    name = "steady"
    channels = (("pressure", "hPa", 10),)
    value = 10_132

    async def read(self) -> list[int]:
        return [self.value]


class _Wait:
    def __init__(self, ms: int) -> None:
        self._ms = ms

    def __await__(self) -> Generator[int, None, None]:
        yield self._ms


class _Uart:
    """machine.UART as the bench plays it."""

    def __init__(self, ask: Callable[[str, bytes], bytes], baudrate: int) -> None:
        self._ask = ask
        ask("U", bytes((UART,)) + b"B" + baudrate.to_bytes(4, "big"))

    def any(self) -> int:
        return int.from_bytes(self._ask("U", bytes((UART,)) + b"A"), "big")

    def read(self, nbytes: int) -> bytes | None:
        return self._ask("U", bytes((UART,)) + b"R" + nbytes.to_bytes(2, "big")) or None

    def write(self, buf: bytes) -> int:
        self._ask("U", bytes((UART,)) + b"W" + buf)
        return len(buf)


class _I2c:
    """machine.I2C as the bench plays it."""

    def __init__(self, ask: Callable[[str, bytes], bytes]) -> None:
        self._ask = ask
        ask("C", bytes((BUS, SCL, SDA)))

    def writeto(self, addr: int, buf: bytes) -> int:
        self._ask("W", bytes((BUS, addr)) + bytes(buf))
        return len(buf)

    def readfrom_into(self, addr: int, buf: bytearray) -> None:
        buf[:] = self._ask("R", struct.pack(">BBH", BUS, addr, len(buf)))


class _Pin:
    """machine.Pin as the bench plays it."""

    def __init__(self, ask: Callable[[str, bytes], bytes], number: int) -> None:
        self._ask = ask
        self._number = number

    @overload
    def value(self) -> int: ...

    @overload
    def value(self, x: int, /) -> None: ...

    def value(self, x: int | None = None) -> int | None:
        if x is None:
            return self._ask("I", bytes((self._number,)))[0]
        self._ask("O", bytes((self._number, x)))
        return None


class Rig:
    """A board with one sensor and its driver; `beside` holds the settings' rows of further ones on the same board."""

    def __init__(self, name: str, glitches: Glitches | None = None, beside: tuple[dict[str, Any], ...] = ()) -> None:
        self.name = name
        self.now_us = _START_US
        self.witness: list[Transaction] = []
        self.air = ConstantAir(AIR)
        self._rows: list[dict[str, Any]] = [{"driver": name, **PLACES.get(name, {})}, *beside]
        self._jobs: list[tuple[int, Coroutine[Any, Any, None]]] = []
        node = NodeRow(id="n", air="x/room", sensors=_fitted(self._rows, glitches or Glitches()), strobe_pin=STROBE)
        self.board = Board(node, source=self.air, room="room", wifi=Wifi(), seed="seed", note=self.witness.append)
        self.board.start("power-on", self._moment())
        self.rest(1_000)
        self._begin()

    def _begin(self) -> None:
        """The node's program, as far as sensors go."""
        for _, job in self._jobs:
            job.close()
        fitted = fitting.build(self._rows, self.wired())
        self.driver: Sensor = fitted[0][0]
        self._jobs = [(self.now_us, job) for job in sensors.jobs(fitted)]
        clock = Clock(Monotonic(lambda: (self.now_us - _START_US) // 1000, lambda later, earlier: later - earlier), 1)
        steady: list[tuple[Sensor, list[int]]] = [(Steady(), [0])]
        self.sampler = Sampler(fitted + steady, clock, INTERVAL_MS, lambda sample: None, _Strobe(self._ask))
        self.rest(0)

    def wired(self) -> fitting.Board:
        """The board as drivers see it."""
        scl, sda = _Pin(self._ask, SCL), _Pin(self._ask, SDA)
        self.bus = RecoveringBus(lambda: _I2c(self._ask), lambda: free(scl, sda, lambda us: None))
        return fitting.Board(
            {BUS: self.bus},
            lambda number: number,
            self._dht_readinto,
            _Wait,
            lambda: self.now_us // 1000,
            {UART: lambda: _Uart(self._ask, _BAUD)},
            lambda number: self,
        )

    def restart_the_node(self) -> None:
        """The program begins anew, the sensor stays powered."""
        self.board.start("soft", self._moment())
        self._begin()

    def switch_the_sensor_off_and_on(self) -> None:
        """The power goes and comes, and the program did not notice."""
        self.begin("brown-out")
        self.end("brown-out")
        self.rest(5_000)

    def begin(self, fault: str, sensor: str = EVERY_SENSOR) -> None:
        self.board.act(fault, True, self.now_us, sensor)

    def end(self, fault: str, sensor: str = EVERY_SENSOR) -> None:
        self.board.act(fault, False, self.now_us, sensor)

    def read(self) -> list[int]:
        """One read within a sample, then a rest to the next."""
        self._ask("O", bytes((STROBE, 1)))
        try:
            return self._drive(self.driver.read())
        finally:
            self._ask("O", bytes((STROBE, 0)))
            self.rest(INTERVAL_MS)

    def sample(self) -> list[int | None]:
        """The values of one sample of the firmware's sampler, the steady sensor's last; then a rest to the next."""
        with contextlib.redirect_stdout(io.StringIO()):  # the sampler tells the console about every change
            sample = self._drive(self.sampler.take())
        self.rest(INTERVAL_MS)
        assert sample is not None  # it has no deadband
        values: list[int | None] = sample[3]
        return values

    def read_until_it_works(self) -> list[int]:
        for _ in range(PATIENCE):
            try:
                return self.read()
            except SensorError:
                pass
        raise TimeoutError(f"{self.name} gave no value in {PATIENCE} reads")

    def on_the_wire(self) -> list[float]:
        """What the newest sample's last bytes stand for, in the driver's scales and order; empty where nothing was."""
        rows = [row for row in self.witness if row.sequence == self.board.sequence and row.boot == self.board.boot]
        newest = {row.quantity: row.value for row in rows if row.value is not None and row.sensor == self.name}
        found = [newest.get(quantity) for quantity, _, _ in self.driver.channels]
        scales = [scale for _, _, scale in self.driver.channels]
        return [float(value) * scale for value, scale in zip(found, scales, strict=True) if value is not None]

    def rest(self, ms: int) -> None:
        """Time passes; the sensors' jobs go on."""
        end = self.now_us + ms * 1000
        while self._jobs and min(due for due, _ in self._jobs) <= end:
            due, job = min(self._jobs, key=lambda one: one[0])
            self._jobs.remove((due, job))
            self.now_us = max(self.now_us, due)
            self._jobs.append((self.now_us + 1000 * job.send(None), job))
        self.now_us = end

    def stop_the_jobs(self) -> None:
        for _, job in self._jobs:
            job.close()
        self._jobs.clear()

    def read_u16(self) -> int:
        """The converter's pin."""
        return int.from_bytes(self._ask("V", bytes((PIN,))), "big")

    def set_baudrate(self, baudrate: int) -> None:
        """The node's side of the UART."""
        _Uart(self._ask, baudrate)

    def _drive(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Runs a coroutine to its end; what it waits for passes."""
        try:
            while True:
                self.rest(work.send(None))
        except StopIteration as done:
            result: Result = done.value
            return result

    def _dht_readinto(self, pin: object, buf: bytearray) -> None:
        """A naive decoder of the pulse train: a pulse over 48 us is a one; a short train is a time-out."""
        train = self._ask("D", bytes((PIN,)) + (18_000).to_bytes(2, "big"))
        pulses = struct.unpack(f">{len(train) // 2}H", train)
        if len(pulses) < 84:
            raise OSError(110)
        bits = "".join("1" if high > 48 else "0" for high in pulses[4:84:2])
        buf[:] = int(bits, 2).to_bytes(5, "big")

    def _ask(self, operation: str, payload: bytes) -> bytes:
        try:
            return self.board.handle(ord(operation), payload, self._moment())
        except TransactionError as error:
            raise OSError(error.number) from error

    def _moment(self) -> Moment:
        return Moment(world_us=self.now_us, real_s=0.0, monotonic=0.0)


def _fitted(rows: list[dict[str, Any]], glitches: Glitches) -> tuple[SensorRow, ...]:
    """What the settings name, as the bench fits it."""
    places = [{key: value for key, value in row.items() if key != "only"} for row in rows]
    return tuple(SensorRow(glitches=glitches, **place) for place in places)


class _Strobe:
    def __init__(self, ask: Callable[[str, bytes], bytes]) -> None:
        self._ask = ask

    def value(self, x: int) -> None:
        self._ask("O", bytes((STROBE, x)))
