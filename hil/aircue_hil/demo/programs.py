"""The real programs as processes: console scripts of this installation, started, killed and stopped by pid."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

_STOPS_WITHIN_S = 10


class ProgramError(Exception):
    """A program did not do what the demo needs; the text has the end of its log."""


class Program:
    """One program and its log file."""

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        self._command = [script(name), *arguments]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL: whatever it was at stays half done."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM, as a service manager does; SIGKILL where that does not help."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def check(self) -> None:
        """ProgramError where it ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise ProgramError(f"{self._command[0]} ended with status {self._process.returncode}:\n{self.log_end()}")

    def log_end(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])


def script(name: str) -> str:
    """A console script of this installation."""
    return str(Path(sys.executable).parent / name)


def run(name: str, *arguments: str) -> str:
    """Runs a program to its end and gives what it printed."""
    done = subprocess.run([script(name), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProgramError(f"{name} {' '.join(arguments)} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def run_showing(name: str, *arguments: str) -> None:
    """Runs a program to its end; its progress goes to this terminal."""
    done = subprocess.run([script(name), *arguments], check=False)
    if done.returncode != 0:
        raise ProgramError(f"{name} {' '.join(arguments)} ended with status {done.returncode}; its own words are above")


def free_port(wanted: int = 0) -> int:
    """wanted where nobody listens there, else any free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def listening(port: int, program: Program, within_s: float = 60) -> None:
    """Waits until somebody answers on a port of 127.0.0.1; ProgramError where the program ends or takes too long."""
    for _ in range(int(within_s / 0.1)):
        program.check()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    raise ProgramError(f"nobody answers on port {port} after {within_s:.0f} s:\n{program.log_end()}")
