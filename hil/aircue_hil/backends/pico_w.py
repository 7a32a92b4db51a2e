"""Runs a node's firmware on an emulated Pico W: MicroPython's own image, its C drivers, 32-bit floats, the chip's heap.

The sensors, the air and the Wi-Fi's other end are simulated, by the same bench as on the other backends. It shows no
radio behaviour, no brown-out and no time that a bus takes; a busy stretch runs about 45 times slower than on a real
board, a sleeping one faster. The emulated chip joins the network air_bridge.SSID and reaches the gateway at
air_bridge.HOST, nothing else.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aircue_hil.backends import flash_image
from aircue_hil.backends.chip import Chip
from aircue_hil.backends.unix import EXIT_RESET, EXIT_WATCHDOG, POWER_ON, SOFT, WATCHDOG
from aircue_hil.backends.wiring import Wiring
from aircue_hil.bench import Bench
from aircue_hil.config import NodeRow

_PROMPT = b">>> "
_SOFT_REBOOT = b"MPY: soft reboot"
_TRACEBACK = b"Traceback (most recent call last)"
_LOOK_EVERY_S = 0.05


class ChipTime:
    """Emulated seconds that go on from one power-on to the next, and stand still while the power is off."""

    def __init__(self) -> None:
        self._before = 0.0
        self._chip: Callable[[], float] | None = None

    def __call__(self) -> float:
        return self._before + (0.0 if self._chip is None else self._chip())

    def follow(self, chip: Callable[[], float] | None) -> None:
        """The time of this chip counts from now on; None: no chip is powered."""
        self._before = self()
        self._chip = chip

    def pass_by(self, seconds: float) -> None:
        self._before += seconds


@dataclass(frozen=True, kw_only=True)
class PicoWNode:
    """How to run one node.

    id: its name on the bench. program: the firmware's main.py; the package beside it is compiled and goes along.
    storage: a folder whose files (settings.json) lie on the flash from the first power-on, and which holds the flash's
    own files after each power-off. files: put onto the flash beside them.
    """

    id: str
    uf2: Path
    program: Path
    storage: Path
    log: Path
    files: Mapping[str, bytes] = field(default_factory=dict)


class PoweredPicoW:
    """A node with a power switch, as backends.unix.PoweredNode. The flash outlives power_off, memory does not.

    clock: the bench's, made with Bench(config, seconds=clock).
    """

    def __init__(self, node: PicoWNode, bench: Bench, clock: ChipTime) -> None:
        self.node = node
        self.exit_codes: list[int] = []
        self._bench, self._clock = bench, clock
        self._row = _row_of(bench, node.id)
        self._flash: bytes | None = None
        self._given: frozenset[str] = frozenset()
        self._chip: Chip | None = None
        self._wiring: Wiring | None = None
        self._tail = b""
        self._failed = False

    @property
    def running(self) -> bool:
        """Whether the program runs; at MicroPython's prompt it has ended."""
        return self._chip is not None and self._chip.running and not self._tail.endswith(_PROMPT)

    @property
    def refused(self) -> list[tuple[str, int]]:
        """Addresses that the program of this power-on wanted to reach and may not."""
        return [] if self._wiring is None else self._wiring.bridge.refused

    async def power_on(self) -> None:
        """Does nothing where the node has power."""
        if self._chip is not None:
            return
        chip = Chip(self.node.uf2, self._flash, heard=self._heard, restarted=self._restarted)
        if self._flash is None:
            chip.write_files(self._first_image(chip))
        self._chip, self._tail, self._failed = chip, b"", False
        self._clock.follow(lambda: chip.seconds)
        self._begin(POWER_ON)
        chip.start()

    async def power_off(self) -> None:
        """The power goes, whatever the program is at."""
        chip, self._chip = self._chip, None
        if chip is None:
            return
        self._bench.cut_power(self.node.id)
        if self._wiring is not None:
            self._wiring.bridge.reset()
        try:
            await chip.stop()
        finally:
            self._heard(b"\n")  # the console breaks off; what comes after the next power_on is a line of its own
            self._clock.follow(None)
            self._flash = chip.flash
            self._keep_files(chip)

    async def wait(self) -> int:
        """Until the program ended by itself: 0, or 1 where it ended with a traceback."""
        chip = self._chip
        while self.running:
            await asyncio.sleep(_LOOK_EVERY_S)
            if chip is not None and not chip.running:
                await chip.stop()  # raises what ended the emulator
        self.exit_codes.append(1 if self._failed else 0)
        return self.exit_codes[-1]

    def _begin(self, reset: str) -> None:
        """The bench hears that a program begins; after a power cut the chip is wired anew."""
        board = self._bench.hello(f"{reset}\n{self.node.id}".encode())
        assert board is not None, "the bench knew the node when this object was made"
        if reset == POWER_ON and self._chip is not None:
            self._wiring = Wiring(self._chip, self._bench, board, self._row)

    def _restarted(self) -> None:
        bitten = self._chip is not None and self._chip.bitten
        self.exit_codes.append(EXIT_WATCHDOG if bitten else EXIT_RESET)
        self._tail, self._failed = b"", False
        if self._wiring is not None:
            self._wiring.bridge.reset()
        self._begin(WATCHDOG if bitten else SOFT)

    def _heard(self, data: bytes | bytearray) -> None:
        with self.node.log.open("ab") as log:
            log.write(data)
        before = self._tail
        self._tail = (before + bytes(data))[-64:]
        self._failed |= _TRACEBACK in before + bytes(data)
        if _SOFT_REBOOT in self._tail and _SOFT_REBOOT not in before:
            self._begin(SOFT)

    def _first_image(self, chip: Chip) -> bytes:
        self.node.storage.mkdir(parents=True, exist_ok=True)
        firmware = flash_image.firmware(self.node.program)
        self._given = frozenset(firmware)
        files = {**firmware, **self.node.files, **_files_in(self.node.storage)}
        return flash_image.pack(files, block_size=chip.block_size, block_count=chip.block_count)

    def _keep_files(self, chip: Chip) -> None:
        """What the program wrote stands in the storage folder; a flash that MicroPython could not mount has nothing."""
        found = flash_image.unpack(chip.files, block_size=chip.block_size, block_count=chip.block_count)
        for name, content in found.items():
            if name not in self._given:
                path = self.node.storage / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)


def _row_of(bench: Bench, node: str) -> NodeRow:
    for row in bench.config.nodes:
        if row.id == node:
            return row
    raise ValueError(f"the bench knows no node {node}")


def _files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
