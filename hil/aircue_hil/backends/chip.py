"""An emulated Pico W that runs on the caller's event loop: power, flash, console, resets, and time of its own.

The chip's own code runs unmodified; four habits of the emulator around it are changed:
- its USB host answers every poll of the console with an empty packet, so that the chip never sleeps; here it keeps
  silent while nobody types, as a computer does
- SEV wakes the other core, and none runs here: the event it leaves behind would only keep this one from sleeping
- its Wi-Fi chip lets the driver send one packet more for each that comes in, until after 255 of them the driver, which
  counts in eight bits, may send none for ever; here only what was sent gives room for more
- asleep, it runs as fast as it can; once it is in a network, here at most `PACE` times as fast as we do, so that those
  who answer are not too late
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from rp2040py.boards import resolve_board_spec
from rp2040py.device import MicroPythonDevice
from rp2040py.device.base_device import ResetCause
from rp2040py.execute_batch import execute_batch
from rp2040py.external.cyw43 import Cyw43439
from rp2040py.external.cyw43.bus import GSPIBus
from rp2040py.memory_map import FLASH_START_ADDRESS
from rp2040py.peripherals.watchdog import REASON, TIMER
from rp2040py.rp2040 import RP2040
from rp2040py.usb.cdc import USBCDC
from rp2040py.utils.firmware_retrieve import MICROPYTHON
from rp2040py.utils.logging import ConsoleLogger, LogLevel

from aircue_hil.backends.gspi import carry_whole_words
from aircue_hil.backends.watched_timer import pass_the_time

BOARD = "pico_w"
PACE = 10.0
_ANSWER_NS = 10_000
_INSTRUCTIONS_A_TICK = 1


class Chip:
    """One power-on of one chip. flash: the whole flash as it was left, or None for a new one with `uf2` on it.

    heard: told what the console says. restarted: told when the chip's program asked for a reset, before it begins anew.
    step_by_step: without the two short cuts of gspi and watched_timer, which spare the emulator most of its work.
    """

    def __init__(
        self,
        uf2: Path,
        flash: bytes | None,
        *,
        heard: Callable[[bytes | bytearray], None],
        restarted: Callable[[], None],
        step_by_step: bool = False,
    ) -> None:
        self.radio = Cyw43439()
        board = replace(resolve_board_spec(BOARD, MICROPYTHON, str(uf2)), extras=(lambda: self.radio,))
        self._device = MicroPythonDevice(board=board)
        keep_credit(self.radio.bus)
        self.radio.bus.nat_bridge = None  # nothing is carried until somebody puts a bridge there
        self._restarted = restarted
        self.networked = False
        self._engine: asyncio.Task[None] | None = None
        layout = self._device.board.layout
        assert layout is not None, "rp2040py knows the flash of a Pico W"
        self.block_size, self.block_count = layout.fs_blocksize, layout.fs_blockcount
        self._files = slice(layout.fs_start, layout.fs_start + self.block_size * self.block_count)
        self.mcu.logger = _Log(self.mcu)
        if not step_by_step:
            carry_whole_words(self.mcu, self.radio.bus)
            pass_the_time(self.mcu)
        self.mcu.watchdog.on_watchdog_trigger = self._reset
        _keep_silent(self._device.cdc)
        self._device.cdc.on_serial_data = heard
        if flash is not None:
            self.mcu.flash[:] = flash

    @property
    def mcu(self) -> RP2040:
        return self._device.mcu

    @property
    def seconds(self) -> float:
        """Emulated time since power-on."""
        return float(self.mcu.clock.nanos) / 1e9

    @property
    def running(self) -> bool:
        return self._engine is not None and not self._engine.done()

    @property
    def bitten(self) -> bool:
        """Whether the last reset was the watchdog's, whose time was over; a program's own reset uses it too."""
        return bool(self.mcu.watchdog.read_uint32(REASON) & TIMER)

    @property
    def flash(self) -> bytes:
        return bytes(self.mcu.flash)

    @property
    def files(self) -> bytes:
        """The image of the file system in flash."""
        return bytes(self.mcu.flash[self._files])

    def write_files(self, image: bytes) -> None:
        self.mcu.flash[self._files] = image

    def start(self) -> None:
        self._device.simulator.bind_loop()
        self._device.simulator.stopped = False
        self.mcu.core.pc = FLASH_START_ADDRESS
        self._engine = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """The power goes. An error of the emulator is raised here at the latest."""
        self._device.simulator.stop()
        if self._engine is not None:
            await self._engine

    def type(self, text: bytes) -> None:
        """What somebody types at the console."""
        for byte in text:
            self._device.cdc.send_serial_byte(byte)

    async def _run(self) -> None:
        simulator = self._device.simulator
        while not simulator.stopped:
            real, emulated = time.monotonic(), self.seconds
            execute_batch(simulator, _INSTRUCTIONS_A_TICK)
            ahead = (self.seconds - emulated) / PACE - (time.monotonic() - real)
            await asyncio.sleep(max(0.0, ahead) if self.networked else 0.0)

    def _reset(self) -> None:
        self.networked = False
        self._restarted()
        self._device.hard_reset(cause=ResetCause.WATCHDOG)


def keep_credit(bus: GSPIBus) -> None:
    """Frames and events that come in carry the credit that there is."""
    for name in ("_build_data_frame", "_build_async_event"):
        setattr(bus, name, partial(_without_credit, bus, getattr(bus, name)))


def _without_credit(bus: GSPIBus, build: Callable[..., bytes], *given: object, **named: object) -> bytes:
    bus._bus_data_credit = (bus._bus_data_credit - 1) & 0xFF  # which `build` adds
    return build(*given, **named)


class _Log(ConsoleLogger):
    """An error of the emulator ends the run; SEV is told here, and its event taken back."""

    def __init__(self, mcu: RP2040) -> None:
        super().__init__(LogLevel.ERROR)
        self._mcu = mcu

    def info(self, component_name: str, message: str) -> None:
        if message == "SEV":
            self._mcu.core.event_registered = False


def _keep_silent(console: USBCDC) -> None:
    """The emulated host hands a packet over only when there is something in it."""
    serve, send = console.usb.on_endpoint_read, console.send_serial_byte
    waiting: list[tuple[int, int]] = []
    assert serve is not None, "USBCDC installs it"

    def asked(endpoint: int, size: int) -> None:
        if endpoint == 0 or not console.tx_fifo.empty:
            serve(endpoint, size)
        else:
            waiting[:] = [(endpoint, size)]

    def hand_over() -> None:
        if waiting:
            serve(*waiting.pop())

    alarm = console.usb.rp2040.clock.create_alarm(hand_over)

    def typed(data: int) -> None:
        send(data)
        if waiting:
            alarm.schedule(_ANSWER_NS)

    console.usb.on_endpoint_read = asked
    console.send_serial_byte = typed  # type: ignore[method-assign]  # of this one instance
