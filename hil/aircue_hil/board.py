"""What surrounds one node's chip on the bench: sensors on buses and pins, the strobe, the Wi-Fi radio.

Without I/O: a request and a moment go in, a reply comes out, rows for the witness go to `note`.
"""

import copy
import struct
from collections.abc import Callable

from aircue_hil.air import Air, Source
from aircue_hil.config import NodeRow, SensorRow, address_of
from aircue_hil.protocol import EIO, ENODEV, EPROTO, ETIMEDOUT
from aircue_hil.radio import Station, Wifi
from aircue_hil.sensors import ADC_MODELS, I2C_MODELS, LINE_MODELS, UART_MODELS
from aircue_hil.sensors.model import Reply
from aircue_hil.transactions import Moment, Note, rows
from aircue_hil.uart import Wire

RESETS = ("power-on", "soft")
_PULLED_UP = 1
_LONGEST_READ = 64
_NO_AIR = Reply(ack=False, why="gap in the trace")
_UNPLUGGED = Reply(ack=False, why="unplugged")
_NOTHING = b""
_NO_VOLTS = b"\0\0"


class TransactionError(Exception):
    """A transaction failed; `number` is the OSError that the node's MicroPython raises."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Board:
    """`handle` serves one request. A boot begins with a hello; `boot` counts them, `sequence` the strobe's edges."""

    def __init__(self, node: NodeRow, *, source: Source, room: str, wifi: Wifi, seed: str, note: Note) -> None:
        self.id = node.id
        self.boot = 0
        self.sequence = 0
        self.unplugged = False
        self.station = Station(wifi)
        self._strobe_pin = node.strobe_pin
        self._levels: dict[int, int] = {}
        self._source, self._room, self._note = source, room, note
        self._i2c = {_bus_place(row): row.driver for row in node.sensors if row.driver in I2C_MODELS}
        self._chips = {
            _bus_place(row): I2C_MODELS[row.driver](seed=f"{seed}/{node.id}/{row.driver}", glitches=row.glitches)
            for row in node.sensors
            if row.driver in I2C_MODELS
        }
        self._lines = {row.pin: row.driver for row in node.sensors if row.driver in LINE_MODELS}
        self._probes = {
            row.pin: LINE_MODELS[row.driver](seed=f"{seed}/{node.id}/{row.driver}", glitches=row.glitches)
            for row in node.sensors
            if row.driver in LINE_MODELS
        }
        self._voltages = {
            row.pin: (row.driver, ADC_MODELS[row.driver](seed=f"{seed}/{node.id}/{row.driver}", glitches=row.glitches))
            for row in node.sensors
            if row.driver in ADC_MODELS
        }
        self._wires = {
            row.uart: Wire(
                row.driver, UART_MODELS[row.driver](seed=f"{seed}/{node.id}/{row.driver}", glitches=row.glitches)
            )
            for row in node.sensors
            if row.driver in UART_MODELS
        }
        self._serve: dict[int, Callable[[bytes, Moment], bytes]] = {
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
        """A program begins on the chip. After a power cut the sensors begin anew too; a soft reset leaves them be."""
        self.boot += 1
        self.sequence = 0
        self._levels.clear()
        self.station.power_on()
        if reset == "power-on":
            self._power_sensors(at)

    def handle(self, operation: int, payload: bytes, at: Moment) -> bytes:
        """The reply's payload; TransactionError where the bus, the pin or the network says no."""
        serve = self._serve.get(operation)
        if serve is None:
            raise TransactionError(EPROTO)
        try:
            return serve(payload, at)
        except (struct.error, IndexError, UnicodeDecodeError):
            raise TransactionError(EPROTO) from None

    def fitted(self, bus: int, address: int) -> bool:
        """Whether a sensor is at this place."""
        return (bus, address) in self._chips

    def foresee(self, bus: int, address: int, at: Moment) -> bytes | None:
        """What a read would give just now, however long, without reading; None where nobody would acknowledge it.

        For a backend whose controller clocks out byte after byte and says only at the end how many it wanted.
        """
        chip = self._chips.get((bus, address))
        if chip is None or isinstance(self._air(at), Reply):
            return None
        reply = copy.deepcopy(chip).read(_LONGEST_READ, at.world_us)
        return reply.data if reply.ack else None

    def _power_sensors(self, at: Moment) -> None:
        for chip in self._chips.values():
            chip.power_on(at.world_us)
        for wire in self._wires.values():
            wire.power_on(at.world_us)
        for _, voltage in self._voltages.values():
            voltage.power_on(at.world_us)
        air = self._source.air(self._room, at.world_us) or Air(temperature_c=0.0, humidity_pct=0.0)
        for probe in self._probes.values():
            probe.power_on(at.world_us, air)

    def _write(self, payload: bytes, at: Moment) -> bytes:
        place = payload[0], payload[1]
        chip = self._chips.get(place)
        if chip is None:
            raise TransactionError(ENODEV)
        air = self._air(at)
        reply = air if isinstance(air, Reply) else chip.write(payload[2:], at.world_us, air)
        return self._i2c_answer(place, reply, at)

    def _read(self, payload: bytes, at: Moment) -> bytes:
        bus, address, count = struct.unpack(">BBH", payload)
        chip = self._chips.get((bus, address))
        if chip is None:
            raise TransactionError(ENODEV)
        air = self._air(at)
        reply = air if isinstance(air, Reply) else chip.read(count, at.world_us)
        return self._i2c_answer((bus, address), reply, at)

    def _i2c_answer(self, place: tuple[int, int], reply: Reply, at: Moment) -> bytes:
        self._witness(self._i2c[place], self._chips[place].quantities, reply, at)
        if not reply.ack:
            raise TransactionError(EIO)
        return reply.data

    def _dht(self, payload: bytes, at: Moment) -> bytes:
        pin, low_us = struct.unpack(">BH", payload)
        probe = self._probes.get(pin)
        if probe is None:
            raise TransactionError(ETIMEDOUT)
        air = self._air(at)
        reply = air if isinstance(air, Reply) else probe.frame(low_us, at.world_us, air)
        self._witness(self._lines[pin], probe.quantities, reply, at)
        if not reply.ack:
            raise TransactionError(ETIMEDOUT)
        return struct.pack(f">{len(reply.pulses)}H", *reply.pulses)

    def _adc(self, payload: bytes, at: Moment) -> bytes:
        """A pin that nothing drives is at 0 V here."""
        if payload[0] not in self._voltages:
            return _NO_VOLTS
        driver, voltage = self._voltages[payload[0]]
        air = self._air(at)
        reply = air if isinstance(air, Reply) else voltage.convert(at.world_us, air)
        self._witness(driver, voltage.quantities, reply, at)
        return reply.data or _NO_VOLTS

    def _uart(self, payload: bytes, at: Moment) -> bytes:
        """A UART nobody is connected to takes every byte and gives none."""
        wire, action, rest = self._wires.get(payload[0]), payload[1:2], payload[2:]
        if wire is None:
            return struct.pack(">H", 0) if action == b"A" else _NOTHING
        if action == b"B":
            (wire.baudrate,) = struct.unpack(">I", rest)
            return _NOTHING
        self._listen(wire, at)
        if action == b"W":
            return self._uart_write(wire, rest, at)
        if action == b"A":
            return struct.pack(">H", wire.waiting(at.world_us))
        (count,) = struct.unpack(">H", rest)
        data, replies = wire.read(count, at.world_us)
        for reply in replies:
            self._witness(wire.driver, wire.sensor.quantities, reply, at)
        return data

    def _uart_write(self, wire: Wire, data: bytes, at: Moment) -> bytes:
        air = self._air(at)
        if isinstance(air, Reply):
            self._witness(wire.driver, wire.sensor.quantities, air, at)
        elif wire.understood:
            wire.sensor.write(data, at.world_us, air)
            self._listen(wire, at)
        return _NOTHING

    def _listen(self, wire: Wire, at: Moment) -> None:
        """What the sensor said comes onto the wire; what it should have said and did not is noted."""
        air = self._air(at)
        if isinstance(air, Reply):
            wire.silence(at.world_us)
            return
        for reply in wire.listen(at.world_us, air):
            self._witness(wire.driver, wire.sensor.quantities, reply, at)

    def _air(self, at: Moment) -> Air | Reply:
        """The room's air, or the silence of a sensor that is unplugged or whose trace has a gap."""
        if self.unplugged:
            return _UNPLUGGED
        return self._source.air(self._room, at.world_us) or _NO_AIR

    def _witness(self, sensor: str, quantities: tuple[str, ...], reply: Reply, at: Moment) -> None:
        found = rows(
            reply,
            quantities=quantities,
            node=self.id,
            boot=self.boot,
            sequence=self.sequence,
            in_sample=self._levels.get(-1 if self._strobe_pin is None else self._strobe_pin, 0) == 1,
            sensor=sensor,
            at=at,
        )
        for row in found:
            self._note(row)

    def _output(self, payload: bytes, _at: Moment) -> bytes:
        pin, level = payload[0], payload[1]
        if pin == self._strobe_pin and level == 1 and self._levels.get(pin, 0) == 0:
            self.sequence += 1
        self._levels[pin] = level
        return _NOTHING

    def _input(self, payload: bytes, _at: Moment) -> bytes:
        return bytes((self._levels.get(payload[0], _PULLED_UP),))

    def _network(self, payload: bytes, at: Moment) -> bytes:
        action, rest = payload[:1], payload[1:]
        if action == b"A":
            self.station.activate(rest == b"\x01")
        elif action == b"C":
            ssid, _, key = rest.decode().partition("\0")
            self.station.connect(ssid, key, at.monotonic)
        elif action == b"D":
            self.station.disconnect()
        elif action == b"L":
            return self.station.visible.encode()
        status = self.station.poll(at.monotonic)
        return struct.pack(">HBb", status, self.station.active, self.station.rssi_dbm)

    def _time(self, _payload: bytes, at: Moment) -> bytes:
        self.station.poll(at.monotonic)
        if not self.station.flowing:
            raise TransactionError(ETIMEDOUT)
        return struct.pack(">Q", at.world_us // 1000)


def _bus_place(row: SensorRow) -> tuple[int, int]:
    return row.bus, address_of(row)
