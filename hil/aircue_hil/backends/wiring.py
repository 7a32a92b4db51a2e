"""What is soldered to an emulated Pico W: the bench's sensors on its buses and pins, the strobe, the Wi-Fi.

Times: a transfer on an emulated bus takes no time of its own; the pulses of a DHT and the bytes of a UART have theirs.
"""

import struct
from collections.abc import Callable
from functools import partial

from rp2040py.external.cyw43 import Cyw43439
from rp2040py.gpio_pin import GPIOPin, GPIOPinState
from rp2040py.peripherals.i2c import R_TX_EMPTY, RPI2C, I2CMode
from rp2040py.peripherals.uart import RPUART, UARTTXINTR
from rp2040py.rp2040 import RP2040

from aircue_hil.backends.air_bridge import AirBridge
from aircue_hil.backends.chip import Chip
from aircue_hil.backends.target import I2cTarget
from aircue_hil.bench import Bench
from aircue_hil.board import Board, TransactionError
from aircue_hil.config import NodeRow
from aircue_hil.sensors import LINE_MODELS, UART_MODELS

_FIRST_ANALOG_PIN = 26
_FUNCTION_I2C = 3
_START_PULSE_US = 500
_LISTEN_NS = 5_000_000  # how often the UART is listened to
_SAID_NS = 3_000_000  # a command ends with this silence, three bytes long at 9600 baud
_CHUNK = 16  # half the UART's FIFO
_BAUDRATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
_LITTLE = 0.02
_CLK_PERI_CTRL, _AUXSRC_SHIFT, _AUXSRC_MASK, _FROM_USB = 0x40008048, 5, 7, 2  # RP2040 datasheet, 2.15.7
_USB_HZ = 48_000_000


class Wiring:
    """Connects a chip to its bench. Callbacks of the chip call `Board.handle` with the bench's moment."""

    def __init__(self, chip: Chip, bench: Bench, board: Board, row: NodeRow) -> None:
        mcu = chip.mcu
        self._chip, self._mcu, self._bench, self._board = chip, mcu, bench, board
        wired = {sensor.uart for sensor in row.sensors if sensor.driver in UART_MODELS}
        for number in (0, 1):
            lines = _I2cLines(mcu, number, self._ask)
            _connect_i2c(mcu.i2c[number], I2cTarget(number, board, bench.now), lines.look)
            _Cable(mcu, mcu.uart[number], partial(self._uart, number), listens=number in wired)
        for sensor in row.sensors:
            if sensor.driver in LINE_MODELS and sensor.pin is not None:
                _DhtLine(mcu, mcu.gpio[sensor.pin], partial(self._dht, sensor.pin))
        mcu.adc.on_adc_read = self._convert
        if row.strobe_pin is not None:
            mcu.gpio[row.strobe_pin].add_listener(partial(self._strobe, row.strobe_pin))
        self.bridge = self._bridge(chip.radio)

    def _ask(self, operation: str, payload: bytes) -> bytes:
        return self._bench.serve(self._board, ord(operation), payload)

    def _dht(self, pin: int, low_us: int) -> tuple[int, ...]:
        try:
            train = self._ask("D", struct.pack(">BH", pin, min(low_us, 0xFFFF)))
        except TransactionError:
            return ()
        return struct.unpack(f">{len(train) // 2}H", train)

    def _uart(self, number: int, action: str, payload: bytes) -> bytes:
        return self._ask("U", bytes((number,)) + action.encode() + payload)

    def _convert(self, channel: int) -> None:
        """The ADC has 12 bits; channel 4 is the chip's own thermometer."""
        if channel < 4:
            (value,) = struct.unpack(">H", self._ask("V", bytes((_FIRST_ANALOG_PIN + channel,))))
            self._mcu.adc.channel_values[channel] = value >> 4
        self._mcu.adc._default_on_adc_read(channel)

    def _strobe(self, pin: int, new: GPIOPinState, _old: GPIOPinState) -> None:
        self._ask("O", bytes((pin, new == GPIOPinState.HIGH)))

    def _bridge(self, radio: Cyw43439) -> AirBridge:
        bridge = AirBridge(
            self._mcu,
            radio.bus.queue_rx_ethernet_frame,
            port=self._bench.node_port(self._board.id),
            world_s=lambda: self._bench.world_us() // 1_000_000,
            joined=self._joined,
            left=self._left,
            dialled=self._dialled,
        )
        radio.bus.nat_bridge = bridge  # type: ignore[assignment]  # it has the same face
        return bridge

    def _joined(self) -> None:
        """The bench's station follows the emulated chip, which is in its network from then on, whatever the air."""
        self._chip.networked = True
        wifi = self._bench.config.wifi
        self._ask("N", b"A\x01")
        self._ask("N", b"C" + wifi.ssid.encode() + b"\0" + wifi.key.encode())
        self._mcu.clock.create_alarm(self._look).schedule((wifi.join_s + 0.01) * 1e9)

    def _look(self) -> None:
        """The bench's station moves on only when it is asked for its state."""
        self._ask("N", b"S")

    def _left(self) -> None:
        self._ask("N", b"D")

    def _dialled(self) -> None:
        """The bench's station may have noticed an outage, which the emulated chip never does: it joins anew."""
        if not self._board.station.joined:
            self._joined()


class _DhtLine:
    """One pin with a pull-up and a DHT on it: a start pulse is answered with the bench's pulses."""

    def __init__(self, mcu: RP2040, pin: GPIOPin, answer: Callable[[int], tuple[int, ...]]) -> None:
        self._mcu, self._pin, self._answer = mcu, pin, answer
        self._low_since: float | None = None
        self._pulses: list[int] = []
        self._level = True
        self._alarm = mcu.clock.create_alarm(self._turn)
        pin.set_input_value(True)
        pin.add_listener(self._changed)

    def _changed(self, new: GPIOPinState, old: GPIOPinState) -> None:
        now = self._mcu.clock.nanos
        if new == GPIOPinState.LOW:
            self._low_since = now
        elif old == GPIOPinState.LOW and self._low_since is not None:
            low_us = round((now - self._low_since) / 1000)
            self._low_since = None
            if low_us >= _START_PULSE_US:
                self._begin(self._answer(low_us))

    def _begin(self, pulses: tuple[int, ...]) -> None:
        self._pulses, self._level = list(pulses), True
        if self._pulses:
            self._alarm.schedule(self._pulses.pop(0) * 1000)

    def _turn(self) -> None:
        self._level = not self._level if self._pulses else True
        self._pin.set_input_value(self._level)
        if self._pulses:
            self._alarm.schedule(self._pulses.pop(0) * 1000)


class _I2cLines:
    """SCL and SDA of one bus as pins, with pull-ups: a program that takes them from the I2C block clocks a sensor free
    that holds SDA."""

    def __init__(self, mcu: RP2040, number: int, ask: Callable[[str, bytes], bytes]) -> None:
        self._mcu, self._number, self._ask = mcu, number, ask
        self._sda: int | None = None

    def look(self) -> None:
        """After a transfer that failed: a sensor may hold SDA."""
        if self._sda is None:
            self._find()
        self._show()

    def _find(self) -> None:
        """The bus is on the pins that have its function (RP2040 datasheet, 1.4.3: SDA on even ones, SCL on odd)."""
        found = [
            index
            for index, pin in enumerate(self._mcu.gpio)
            if pin.function_select == _FUNCTION_I2C and index // 2 % 2 == self._number
        ]
        for index in found:
            self._mcu.gpio[index].set_input_value(True)
            self._mcu.gpio[index].add_listener(partial(self._changed, index))
        if len(found) == 2:
            self._sda, scl = found
            self._ask("C", bytes((self._number, scl, self._sda)))

    def _changed(self, index: int, new: GPIOPinState, _old: GPIOPinState) -> None:
        self._ask("O", bytes((index, new != GPIOPinState.LOW)))
        self._show()

    def _show(self) -> None:
        if self._sda is not None:
            (level,) = self._ask("I", bytes((self._sda,)))
            self._mcu.gpio[self._sda].set_input_value(bool(level))


class _Cable:
    """One UART: what the node says goes to the sensor a command at a time, what the sensor says comes as it is sent."""

    def __init__(self, mcu: RP2040, uart: RPUART, ask: Callable[[str, bytes], bytes], *, listens: bool) -> None:
        self._mcu, self._uart, self._ask = mcu, uart, ask
        self._said = bytearray()
        self._end_of_command = mcu.clock.create_alarm(self._tell)
        self._listening = mcu.clock.create_alarm(self._listen)
        if listens:
            self._listening.schedule(_LISTEN_NS)
        uart.check_interrupts = self._interrupt  # type: ignore[method-assign]  # of this one instance
        uart.on_byte = self._byte
        uart.on_baud_rate_change = self._baudrate

    def _interrupt(self) -> None:
        """The emulated UART says for ever that it has room, which real ones say once, when it becomes true."""
        self._mcu.set_interrupt(self._uart.irq, bool(self._uart._interrupt_status & self._uart._interrupt_mask))

    def _byte(self, byte: int) -> None:
        self._said.append(byte)
        self._end_of_command.schedule(_SAID_NS)
        self._uart._interrupt_status |= UARTTXINTR
        self._interrupt()

    def _tell(self) -> None:
        said, self._said = bytes(self._said), bytearray()
        self._ask("W", said)

    def _listen(self) -> None:
        if self._uart.enabled:
            for byte in self._ask("R", struct.pack(">H", _CHUNK)):
                self._uart.feed_byte(byte)
        self._listening.schedule(_LISTEN_NS)

    def _baudrate(self, _divided: int) -> None:
        """The emulated UART takes the clock of its divider for the processor's; MicroPython takes the USB's."""
        source = self._mcu.read_uint32(_CLK_PERI_CTRL) >> _AUXSRC_SHIFT & _AUXSRC_MASK
        hz = _USB_HZ if source == _FROM_USB else self._mcu.clk_peri
        self._ask("B", struct.pack(">I", nearest_baudrate(round(hz / (self._uart.baud_divider * 16)))))


def nearest_baudrate(divided: int) -> int:
    """The usual rate that a divider comes close to; its own where none is near.

    >>> nearest_baudrate(9615), nearest_baudrate(10000)
    (9600, 10000)
    """
    near = [usual for usual in _BAUDRATES if abs(divided - usual) <= usual * _LITTLE]
    return near[0] if near else divided


def _connect_i2c(bus: RPI2C, target: I2cTarget, failed: Callable[[], None]) -> None:
    """The controller goes on once each step is said to be complete. One that is not acknowledged empties its FIFO and
    says so (RP2040 datasheet, 4.3.15, TX_ABRT); the emulated one does not say it. failed: told of each such step."""

    def connect(address: int, mode: I2CMode) -> None:
        acknowledged = target.start(address, reading=mode == I2CMode.READ)
        bus.complete_connect(acknowledged)
        tell_empty(acknowledged)

    def write(byte: int) -> None:
        acknowledged = target.take(byte, last=bus._stop)
        bus.complete_write(acknowledged)
        tell_empty(acknowledged)

    def tell_empty(acknowledged: bool) -> None:
        if not acknowledged:
            bus.int_raw |= R_TX_EMPTY
            bus.check_interrupts()
            failed()

    def stop() -> None:
        target.stop()
        bus.complete_stop()

    bus.on_connect = connect
    bus.on_write_byte = write
    bus.on_read_byte = lambda _ack: bus.complete_read(target.give())
    bus.on_stop = stop
