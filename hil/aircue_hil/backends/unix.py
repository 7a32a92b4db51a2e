"""Runs a node's firmware in MicroPython's unix port: real MicroPython and real sockets, simulated sensors and radio.

It shows neither the timing nor the float width nor the radio of a board.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aircue_node.host.image import compile_module

MODULES = Path(__file__).parent.parent / "modules"
EXIT_RESET = 42  # modules/machine.py: the program asked for a reset
EXIT_WATCHDOG = -signal.SIGALRM  # modules/machine.py: nobody fed its watchdog
EXIT_DEEP_SLEEP = 44  # modules/machine.py: the program sleeps for the ms in the file below
POWER_ON, SOFT, WATCHDOG, DEEP_SLEEP = "power-on", "soft", "watchdog", "deep-sleep"
RTC_MEMORY, SLEEP_MS = "rtc-memory", "sleep-ms"
_STARTS_AGAIN = {EXIT_RESET: SOFT, EXIT_WATCHDOG: WATCHDOG, EXIT_DEEP_SLEEP: DEEP_SLEEP}


@dataclass(frozen=True, kw_only=True)
class UnixNode:
    """How to run one node.

    micropython: the command that starts it. program: the firmware's main.py; its folder is the firmware's. storage: the
    node's own folder (settings.json, counters), its working directory. environment: what the bench gave for this node
    (Bench.environment). heap: MicroPython's memory, a true cap; objects are twice the size they have on a board.
    flash: the file of a simulated flash chip that takes the storage's place. console: a terminal to run on. modules:
    the bench's stand-ins for a board's own modules, as sources or from compiled_modules().
    """

    micropython: Sequence[str]
    program: Path
    storage: Path
    environment: Mapping[str, str]
    log: Path
    heap: str = "400k"
    flash: Path | None = None
    console: int | None = None
    time_scale: float = 1.0
    modules: Path = MODULES

    def command(self) -> list[str]:
        started = [str(self.program.resolve())] if self.flash is None else ["-m", "power_on"]
        return [*self.micropython, "-X", f"heapsize={self.heap}", *started]

    def variables(self, reset: str) -> dict[str, str]:
        """The whole environment of the process; the bench's modules come before the firmware and the built-in ones."""
        path = ":".join((str(self.modules.resolve()), str(self.program.resolve().parent), ".frozen"))
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
        given = {"MICROPYPATH": path, "AIRCUE_BENCH_RESET": reset, "AIRCUE_BENCH_RTC": str(self.rtc.resolve())}
        if self.flash is not None:
            given["AIRCUE_BENCH_FLASH"] = str(self.flash.resolve())
        return {**kept, **self.environment, **given}

    @property
    def rtc(self) -> Path:
        """The folder of what survives deep sleep and no power cut."""
        return self.log.with_suffix(".rtc")

    def lose_rtc(self) -> None:
        self.rtc.mkdir(exist_ok=True)
        for name in (RTC_MEMORY, SLEEP_MS):
            (self.rtc / name).unlink(missing_ok=True)


def compiled_modules(folder: Path) -> Path:
    """The stand-ins as .mpy in this folder: a node whose heap counts must not compile what a board has built in."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in MODULES.glob("*.py"):
        (folder / source.with_suffix(".mpy").name).write_bytes(compile_module(source, source.name))
    return folder


class PoweredNode:
    """A node with a power switch. A program that asks for a reset, or whose watchdog bites, is started again, one that
    sleeps deeply when its time is over; one that ends stays ended.

    before_cut: called before the process is killed (bench.cut_power), so that nothing of the kill passes the radio.
    """

    def __init__(self, node: UnixNode, *, before_cut: Callable[[], None] = lambda: None) -> None:
        self.node = node
        self.exit_codes: list[int] = []
        self._before_cut = before_cut
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def power_on(self) -> None:
        """Does nothing where the node is running or asleep."""
        if self.running or (self._watch is not None and not self._watch.done()):
            return
        self.node.storage.mkdir(parents=True, exist_ok=True)
        self.node.lose_rtc()
        await self._start(POWER_ON)
        self._watch = asyncio.get_running_loop().create_task(self._keep())

    async def power_off(self) -> None:
        """The power goes: SIGKILL, whatever the program is at."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        if self._process is not None and self.running:
            self._before_cut()
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self.node.lose_rtc()

    async def wait(self) -> int:
        """Until the program ended by itself; its exit code."""
        if self._watch is not None:
            await asyncio.shield(self._watch)
        return self.exit_codes[-1]

    async def _start(self, reset: str) -> None:
        console = self.node.console
        with self.node.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.node.command(),
                cwd=self.node.storage,
                env=self.node.variables(reset),
                stdin=asyncio.subprocess.DEVNULL if console is None else console,
                stdout=log if console is None else console,
                stderr=asyncio.subprocess.STDOUT,
            )

    async def _keep(self) -> None:
        while self._process is not None:
            code = await self._process.wait()
            self.exit_codes.append(code)
            if code not in _STARTS_AGAIN:
                return
            if code == EXIT_DEEP_SLEEP:
                await asyncio.sleep(self._sleep_s())
            await self._start(_STARTS_AGAIN[code])

    def _sleep_s(self) -> float:
        """Of our time."""
        return int((self.node.rtc / SLEEP_MS).read_text()) / 1000 / self.node.time_scale
