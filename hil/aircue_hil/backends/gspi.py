"""The bus between an emulated Pico W and its Wi-Fi chip, a word at a time.

MicroPython's driver has a PIO program clock every word bit by bit, which takes the emulator most of a test's time. Here
the words go over whole: driver, DMA and the chip's model are as ever, the program's steps and their time are left out.
"""

from rp2040py.external.cyw43.bus import GSPIBus
from rp2040py.peripherals.peripheral import ATOMIC_NORMAL, atomic_update
from rp2040py.peripherals.pio import RPPIO, StateMachine
from rp2040py.peripherals.pio_registers import CTRL, FDEBUG, FDEBUG_TXSTALL, RXF0, TXF0
from rp2040py.rp2040 import RP2040

_CLOCK_PIN, _DATA_PIN = 29, 24  # WL_CLK and WL_D of the Pico W
_BLOCKS = (0x50200, 0x50300)
_WORD_BITS = 32


def carry_whole_words(mcu: RP2040, bus: GSPIBus) -> None:
    """From now on, whichever PIO block the driver takes."""
    for address, block in zip(_BLOCKS, mcu.pio, strict=True):
        mcu.peripherals[address] = WholeWords(mcu, block, bus)


class WholeWords:
    """Stands before a PIO block. A machine that moves the Wi-Fi chip's clock is not run: what is put into its FIFO goes
    to the chip, and what the chip answers is in its FIFO at once. Every other machine runs as ever."""

    def __init__(self, mcu: RP2040, block: RPPIO, bus: GSPIBus) -> None:
        self._mcu, self._block, self._bus = mcu, block, bus
        self._machine: StateMachine | None = None
        self._left = 0

    def read_uint32(self, offset: int) -> int:
        machine = self._running()
        if machine is not None and offset == RXF0 + 4 * machine.index:
            return self._hear()
        value = int(self._block.read_uint32(offset))
        if machine is not None and offset == CTRL:
            return value | 1 << machine.index
        if machine is not None and offset == FDEBUG and self._left <= 0:
            return value | FDEBUG_TXSTALL << machine.index
        return value

    def write_uint32_atomic(self, offset: int, value: int, atomic_type: int) -> None:
        self._block.raw_write_value = value
        changed = value if atomic_type == ATOMIC_NORMAL else atomic_update(self.read_uint32(offset), atomic_type, value)
        self.write_uint32(offset, changed)

    def write_uint32(self, offset: int, value: int) -> None:
        machine = self._running()
        if offset == CTRL:
            self._control(value)
        elif machine is not None and offset == TXF0 + 4 * machine.index:
            self._say(machine, value)
        else:
            self._block.write_uint32(offset, value)

    def reset(self) -> None:
        self._machine = None
        self._block.reset()

    def _running(self) -> StateMachine | None:
        """After a reset of the chip the machine is nobody's."""
        machine = self._machine
        return machine if machine is not None and machine.sideset_base == _CLOCK_PIN else None

    def _control(self, value: int) -> None:
        asked = [one for one in self._block.machines if value >> one.index & 1 and one.sideset_base == _CLOCK_PIN]
        self._block.write_uint32(CTRL, value & ~sum(1 << one.index for one in asked))
        before, self._machine = self._running(), asked[0] if asked else None
        if self._machine is None and before is not None:
            self._mcu.dma.clear_dreq(before.dreq_rx)
        elif self._machine is not None and before is None:
            self._begin(self._machine)

    def _begin(self, machine: StateMachine) -> None:
        """The driver put the number of bits less one into X, and its DMA the first words into the FIFO."""
        self._left = machine.x + 1
        while not machine.tx_fifo.empty:
            self._say(machine, machine.tx_fifo.pull())
        self._mcu.dma.set_dreq(machine.dreq_tx)

    def _say(self, machine: StateMachine, word: int) -> None:
        self._bus._shift_reg, self._bus._bits_in_word = word >> 1, _WORD_BITS - 1
        self._bus._on_clock_rising(bool(word & 1))
        self._left -= _WORD_BITS
        if self._left <= 0 and self._bus._response_bytes:
            self._block.pin_directions_changed(0, _DATA_PIN, 1)
            self._block.check_changed_pins()
            self._mcu.dma.set_dreq(machine.dreq_rx)

    def _hear(self) -> int:
        word = 0
        for _ in range(_WORD_BITS):
            word = word << 1 | bool(self._bus._on_clock_falling())
        return word
