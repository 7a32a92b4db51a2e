"""What surrounds one node's chip on the bench: sensors on buses and pins, the strobe, the Wi-Fi radio.

Without I/O: a request and a moment go in, a reply comes out, rows for the witness go to `note`.
"""

import copy
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from aircue_hil import faults
from aircue_hil.air import Air, Source
from aircue_hil.config import NodeRow, SensorRow, address_of
from aircue_hil.faults import EVERY_SENSOR, Fault, Step
from aircue_hil.protocol import EIO, ENODEV, EPROTO, ETIMEDOUT
from aircue_hil.radio import Station, Wifi
from aircue_hil.sensors import ADC_MODELS, I2C_MODELS, LINE_MODELS, UART_MODELS
from aircue_hil.sensors.model import AdcSensor, DhtSensor, I2cSensor, Reply, Sensor
from aircue_hil.transactions import Moment, Note, rows
from aircue_hil.uart import Wire

DEEP_SLEEP = "deep-sleep"
RESETS = ("power-on", "soft", "watchdog", DEEP_SLEEP)
_PULLED_UP = 1
_LONGEST_READ = 64
_NO_AIR = Reply(ack=False, why="gap in the trace")
_UNPLUGGED = Reply(ack=False, why="unplugged")
_NO_POWER = Reply(ack=False, why="no power")
_STUCK = Reply(ack=False, why="stuck bus")
_NOTHING = b""
_NO_VOLTS = b"\0\0"
# A sensor that was cut off within a byte of zeros holds SDA for as many clocks.
_CLOCKS_TO_FREE = 8


class TransactionError(Exception):
    """A transaction failed; `number` is the OSError that the node's MicroPython raises."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """A sensor in its place. power: power comes to it, at a moment of the world."""

    row: SensorRow
    model: Sensor
    power: Callable[[int], None]

    @property
    def driver(self) -> str:
        return self.row.driver


@dataclass
class _Lines:
    """One I2C bus as pins. held: clocks until a sensor lets SDA go, None where nobody holds it."""

    scl: int = -1
    sda: int = -1
    held: int | None = None

    def edge(self, pin: int, level: int, levels: dict[int, int]) -> None:
        """A rising SCL is a clock; once SDA is let go, its rising while SCL is high is the STOP that frees the bus."""
        if self.held is None or level != 1 or levels.get(pin, _PULLED_UP) == 1:
            return
        if pin == self.scl:
            self.held = max(0, self.held - 1)
        elif pin == self.sda and self.held == 0 and levels.get(self.scl, _PULLED_UP) == 1:
            self.held = None


class Board:
    """`handle` serves one request. A boot begins with a hello, unless the chip only slept; `boot` counts them,
    `sequence` the strobe's edges. radio: (boot, sequence) at which the radio was switched on.

    script: the faults of this board's sensors; they count from `start_us`, with a world that is `scale` times as fast
    as the real clock. `act` begins or ends one by hand.
    """

    def __init__(
        self,
        node: NodeRow,
        *,
        source: Source,
        room: str,
        wifi: Wifi,
        seed: str,
        note: Note,
        script: Sequence[Fault] = (),
        start_us: int = 0,
        scale: float = 1.0,
    ) -> None:
        self.id = node.id
        self.boot = 0
        self.sequence = 0
        self.unplugged = False
        self.radio: list[tuple[int, int]] = []
        self.station = Station(wifi)
        self._strobe_pin = -1 if node.strobe_pin is None else node.strobe_pin
        self._levels: dict[int, int] = {}
        self._source, self._room, self._note = source, room, note
        self._script = deque((_world_us(step, start_us, scale), step) for step in faults.steps(script, scale))
        self._chips: dict[tuple[int, int], tuple[_Fitted, I2cSensor]] = {}
        self._probes: dict[int, tuple[_Fitted, DhtSensor]] = {}
        self._voltages: dict[int, tuple[_Fitted, AdcSensor]] = {}
        self._wires: dict[int, tuple[_Fitted, Wire]] = {}
        self._fitted: list[_Fitted] = []
        for row in node.sensors:
            self._fit(row, f"{seed}/{node.id}/{row.driver}")
        self._buses: dict[int, _Lines] = {row.bus: _Lines() for row in node.sensors if row.driver in I2C_MODELS}
        self._newest: dict[str, tuple[_Fitted, Reply]] = {}
        self._serve: dict[int, Callable[[bytes, Moment], bytes]] = {
            ord("C"): self._connect,
            ord("W"): self._write,
            ord("R"): self._read,
            ord("D"): self._dht,
            ord("U"): self._uart,
            ord("V"): self._adc,
            ord("O"): self._output,
            ord("I"): self._input,
            ord("N"): self._network,
            ord("T"): self._time,
        }

    def start(self, reset: str, at: Moment) -> None:
        """A program begins on the chip. After a power cut the sensors begin anew too; a soft reset leaves them be, and
        after deep sleep the samples of the boot go on."""
        if reset != DEEP_SLEEP:
            self.boot += 1
            self.sequence = 0
        self._levels.clear()
        self._newest.clear()
        self.station.power_on()
        if reset == "power-on":
            for lines in self._buses.values():
                lines.held = None
            for fitted in self._fitted:
                fitted.power(at.world_us)

    def act(self, what: str, begins: bool, now_us: int, sensor: str = EVERY_SENSOR) -> None:
        """One of faults.ON_SENSORS begins or ends, for a driver's sensor or for all that can have it."""
        for fitted in self._fitted:
            if what in fitted.model.faults and sensor in (EVERY_SENSOR, fitted.driver):
                self._strike(what, begins, now_us, fitted)

    def _strike(self, what: str, begins: bool, now_us: int, fitted: _Fitted) -> None:
        if begins:
            fitted.model.trouble.begin(what, now_us)
        else:
            fitted.model.trouble.end(what)
        if what == "stuck-bus":
            self._buses[fitted.row.bus].held = _CLOCKS_TO_FREE if begins else None
        if what == "brown-out" and not begins:
            fitted.power(now_us)

    def _play(self, now_us: int) -> None:
        """What the script has for up to this moment."""
        while self._script and self._script[0][0] <= now_us:
            moment, step = self._script.popleft()
            self.act(step.what, step.begins, moment, step.sensor)

    def _fit(self, row: SensorRow, seed: str) -> None:
        if row.driver in I2C_MODELS:
            chip = I2C_MODELS[row.driver](seed=seed, glitches=row.glitches)
            self._chips[row.bus, address_of(row)] = self._placed(row, chip, chip.power_on), chip
        elif row.driver in LINE_MODELS and row.pin is not None:
            probe = LINE_MODELS[row.driver](seed=seed, glitches=row.glitches)
            power = partial(self._power_in_air, probe)
            self._probes[row.pin] = self._placed(row, probe, power), probe
        elif row.driver in ADC_MODELS and row.pin is not None:
            voltage = ADC_MODELS[row.driver](seed=seed, glitches=row.glitches)
            self._voltages[row.pin] = self._placed(row, voltage, voltage.power_on), voltage
        elif row.driver in UART_MODELS and row.uart is not None:
            wire = Wire(UART_MODELS[row.driver](seed=seed, glitches=row.glitches))
            self._wires[row.uart] = self._placed(row, wire.sensor, wire.power_on), wire

    def _placed(self, row: SensorRow, model: Sensor, power: Callable[[int], None]) -> _Fitted:
        fitted = _Fitted(row=row, model=model, power=power)
        self._fitted.append(fitted)
        return fitted

    def _power_in_air(self, probe: DhtSensor, now_us: int) -> None:
        """A part that measures as soon as it has power."""
        probe.power_on(now_us, self._source.air(self._room, now_us) or Air(temperature_c=0.0, humidity_pct=0.0))

    def handle(self, operation: int, payload: bytes, at: Moment) -> bytes:
        """The reply's payload; TransactionError where the bus, the pin or the network says no."""
        self._play(at.world_us)
        serve = self._serve.get(operation)
        if serve is None:
            raise TransactionError(EPROTO)
        try:
            return serve(payload, at)
        except (struct.error, IndexError, UnicodeDecodeError):
            raise TransactionError(EPROTO) from None

    def _connect(self, payload: bytes, _at: Moment) -> bytes:
        bus, scl, sda = payload
        lines = self._buses.setdefault(bus, _Lines())
        lines.scl, lines.sda = scl, sda
        return _NOTHING

    def fitted(self, bus: int, address: int) -> bool:
        """Whether a sensor is at this place."""
        return (bus, address) in self._chips

    def held(self, bus: int) -> bool:
        """Whether a sensor holds this bus low."""
        return bus in self._buses and self._buses[bus].held is not None

    def foresee(self, bus: int, address: int, at: Moment) -> bytes | None:
        """What a read would give just now, however long, without reading; None where nobody would acknowledge it.

        For a backend whose controller clocks out byte after byte and says only at the end how many it wanted.
        """
        if not self.fitted(bus, address):
            return None
        fitted, chip = self._chips[bus, address]
        if isinstance(self._reached(bus, fitted, at), Reply):
            return None
        reply = copy.deepcopy(chip).read(_LONGEST_READ, at.world_us)
        return reply.data if reply.ack else None

    def _write(self, payload: bytes, at: Moment) -> bytes:
        bus, address = payload[0], payload[1]
        fitted, chip = self._chip(bus, address)
        air = self._reached(bus, fitted, at)
        reply = air if isinstance(air, Reply) else chip.write(payload[2:], at.world_us, air)
        return self._i2c_answer(fitted, reply, at)

    def _read(self, payload: bytes, at: Moment) -> bytes:
        bus, address, count = struct.unpack(">BBH", payload)
        fitted, chip = self._chip(bus, address)
        air = self._reached(bus, fitted, at)
        reply = air if isinstance(air, Reply) else chip.read(count, at.world_us)
        return self._i2c_answer(fitted, reply, at)

    def _chip(self, bus: int, address: int) -> tuple[_Fitted, I2cSensor]:
        if (bus, address) not in self._chips:
            raise TransactionError(ENODEV)
        return self._chips[bus, address]

    def _reached(self, bus: int, fitted: _Fitted, at: Moment) -> Air | Reply:
        return _STUCK if self._buses[bus].held is not None else self._air(fitted, at)

    def _i2c_answer(self, fitted: _Fitted, reply: Reply, at: Moment) -> bytes:
        self._witness(fitted, reply, at)
        if not reply.ack:
            raise TransactionError(EIO)
        return reply.data

    def _dht(self, payload: bytes, at: Moment) -> bytes:
        pin, low_us = struct.unpack(">BH", payload)
        if pin not in self._probes:
            raise TransactionError(ETIMEDOUT)
        fitted, probe = self._probes[pin]
        air = self._air(fitted, at)
        reply = air if isinstance(air, Reply) else probe.frame(low_us, at.world_us, air)
        self._witness(fitted, reply, at)
        if not reply.ack:
            raise TransactionError(ETIMEDOUT)
        return struct.pack(f">{len(reply.pulses)}H", *reply.pulses)

    def _adc(self, payload: bytes, at: Moment) -> bytes:
        """A pin that nothing drives is at 0 V here."""
        if payload[0] not in self._voltages:
            return _NO_VOLTS
        fitted, voltage = self._voltages[payload[0]]
        air = self._air(fitted, at)
        reply = air if isinstance(air, Reply) else voltage.convert(at.world_us, air)
        self._witness(fitted, reply, at)
        return reply.data or _NO_VOLTS

    def _uart(self, payload: bytes, at: Moment) -> bytes:
        """A UART nobody is connected to takes every byte and gives none."""
        ident, action, rest = payload[0], payload[1:2], payload[2:]
        if ident not in self._wires:
            return struct.pack(">H", 0) if action == b"A" else _NOTHING
        fitted, wire = self._wires[ident]
        if action == b"B":
            (wire.baudrate,) = struct.unpack(">I", rest)
            return _NOTHING
        self._listen(fitted, wire, at)
        if action == b"W":
            return self._uart_write(fitted, wire, rest, at)
        if action == b"A":
            return struct.pack(">H", wire.waiting(at.world_us))
        (count,) = struct.unpack(">H", rest)
        data, replies = wire.read(count, at.world_us)
        for reply in replies:
            self._witness(fitted, reply, at)
        return data

    def _uart_write(self, fitted: _Fitted, wire: Wire, data: bytes, at: Moment) -> bytes:
        air = self._air(fitted, at)
        if isinstance(air, Reply):
            self._witness(fitted, air, at)
        elif wire.understood:
            wire.sensor.write(data, at.world_us, air)
            self._listen(fitted, wire, at)
        return _NOTHING

    def _listen(self, fitted: _Fitted, wire: Wire, at: Moment) -> None:
        """What the sensor said comes onto the wire; what it should have said and did not is noted."""
        air = self._air(fitted, at)
        if isinstance(air, Reply):
            wire.silence(at.world_us)
            return
        for reply in wire.listen(at.world_us, air):
            self._witness(fitted, reply, at)

    def _air(self, fitted: _Fitted, at: Moment) -> Air | Reply:
        """The room's air, or the silence of a sensor that is not there, has no power, or whose trace has a gap."""
        if self.unplugged or fitted.model.trouble.begun("sensor-unplugged"):
            return _UNPLUGGED
        if fitted.model.trouble.begun("brown-out"):
            return _NO_POWER
        return self._source.air(self._room, at.world_us) or _NO_AIR

    def _witness(self, fitted: _Fitted, reply: Reply, at: Moment) -> None:
        """A sensor that is asked all the time is noted when a sample ends, with its newest answer."""
        if not fitted.model.continuous:
            self._note_rows(fitted, reply, at)
        elif reply.data or reply.why is not None:
            self._newest[fitted.driver] = fitted, reply

    def _note_rows(self, fitted: _Fitted, reply: Reply, at: Moment) -> None:
        found = rows(
            reply,
            quantities=fitted.model.quantities,
            node=self.id,
            boot=self.boot,
            sequence=self.sequence,
            in_sample=self._levels.get(self._strobe_pin, 0) == 1,
            sensor=fitted.driver,
            at=at,
        )
        for row in found:
            self._note(row)

    def _output(self, payload: bytes, at: Moment) -> bytes:
        pin, level = payload[0], payload[1]
        if pin == self._strobe_pin:
            self._strobe(level, at)
        for lines in self._buses.values():
            lines.edge(pin, level, self._levels)
        self._levels[pin] = level
        return _NOTHING

    def _strobe(self, level: int, at: Moment) -> None:
        """A sample begins or ends."""
        before = self._levels.get(self._strobe_pin, 0)
        if level == 1 and before == 0:
            self.sequence += 1
        if level == 0 and before == 1:
            for fitted, reply in self._newest.values():
                self._note_rows(fitted, reply, at)
            self._newest.clear()

    def _input(self, payload: bytes, _at: Moment) -> bytes:
        pin = payload[0]
        if any(lines.held and pin == lines.sda for lines in self._buses.values()):
            return b"\0"
        return bytes((self._levels.get(pin, _PULLED_UP),))

    def _network(self, payload: bytes, at: Moment) -> bytes:
        action, rest = payload[:1], payload[1:]
        if action == b"A":
            self._switch_radio(rest == b"\x01")
        elif action == b"C":
            ssid, _, key = rest.decode().partition("\0")
            self.station.connect(ssid, key, at.monotonic)
        elif action == b"D":
            self.station.disconnect()
        elif action == b"L":
            return self.station.visible.encode()
        status = self.station.poll(at.monotonic)
        return struct.pack(">HBb", status, self.station.active, self.station.rssi_dbm)

    def _switch_radio(self, on: bool) -> None:
        if on and not self.station.active:
            self.radio.append((self.boot, self.sequence))
        self.station.activate(on)

    def _time(self, _payload: bytes, at: Moment) -> bytes:
        self.station.poll(at.monotonic)
        if not self.station.flowing:
            raise TransactionError(ETIMEDOUT)
        return struct.pack(">Q", at.world_us // 1000)


def _world_us(step: Step, start_us: int, scale: float) -> int:
    return start_us + round(step.at_s * scale * 1e6)
