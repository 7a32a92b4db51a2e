"""The simulated board behaves as boards do: mpremote's own commands, the friendly REPL, resets, interrupts."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.flash.stage import Plugged, plug, stored, wait_until

from aircue_hil.emulated.chip import BLOCK, KINDS, Chip
from aircue_hil.emulated.repl import ReplBoard
from aircue_node.host import repl
from aircue_node.host.errors import FlashError, Silent

pytestmark = pytest.mark.hil


@pytest.fixture
def plugged(tmp_path: Path, micropython: Path) -> Iterator[Plugged]:
    made = plug("pico_w", tmp_path / "board", micropython, blank=False, blocks=40)
    yield made
    made.unplug()


@pytest.fixture
def board(plugged: Plugged) -> ReplBoard:
    return plugged.board


def mpremote(board: ReplBoard, *arguments: str) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", str(board.line.path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_mpremote_runs_code_and_keeps_names_until_a_soft_reset(board: ReplBoard) -> None:
    assert mpremote(board, "exec", "x = 6 * 7", "exec", "print(x)") == "42\n"
    assert mpremote(board, "exec", "print('x' in globals())") == "False\n"


def test_mpremote_copies_files_to_the_simulated_littlefs_and_back(board: ReplBoard, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20
    (tmp_path / "data.bin").write_bytes(data)
    mpremote(board, "fs", "cp", str(tmp_path / "data.bin"), ":data.bin")
    assert stored(board.flash) == {"/data.bin": data}
    mpremote(board, "fs", "cp", ":data.bin", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == data
    assert board.overrun == 0


def test_a_board_without_raw_paste_would_do_too(board: ReplBoard) -> None:
    with repl.session(str(board.line.path)) as line:
        line._transport.use_raw_paste = False
        line.prepare()
        line.write("/x.bin", bytes(range(256)) * 8)
    assert stored(board.flash)["/x.bin"] == bytes(range(256)) * 8


def test_a_program_that_never_ends_is_stopped(plugged: Plugged) -> None:
    """As a node's own program: it has to be interrupted before anything can be copied."""
    board = plugged.board
    with repl.session(plugged.port) as line:
        line.prepare()
        line.write("/main.py", b"print('begun')\nwhile True:\n    pass\n")
        line.leave("import machine\nmachine.reset()")
    wait_until(lambda: b"begun" in board.told)
    with repl.session(plugged.port) as line:
        assert line.run("print(1 + 1)") == "2\n"


def test_the_watchdog_is_fed_with_each_piece_that_is_written(plugged: Plugged) -> None:
    with repl.session(plugged.port) as line:
        line.prepare()
        line.write("/x.bin", bytes(768 * 5))
        assert line.run("print(machine.WDT.feeds)") == "5\n"


def test_the_watchdog_of_a_program_that_was_stopped_does_not_bite_into_the_session(plugged: Plugged) -> None:
    """The program gave it a second; a session that takes it over has eight, one that does not is cut off."""
    program = (
        b"import machine, time\nw = machine.WDT(timeout=1000)\nprint('begun')\n"
        b"while True:\n    w.feed()\n    time.sleep_ms(20)\n"
    )
    with repl.session(plugged.port) as line:
        line.prepare()
        line.write("/main.py", program)
        line.leave("import machine\nmachine.reset()")
    wait_until(lambda: b"begun" in plugged.board.told)
    with repl.session(plugged.port, afresh=True) as line:
        line.prepare()
        assert line.run("import time\ntime.sleep(2)\nprint('there')") == "there\n"
        plugged.board.told.clear()
        line.leave("import machine\nmachine.reset()")
    wait_until(lambda: b"begun" in plugged.board.told)
    restarts = plugged.board.restarts
    with repl.session(plugged.port) as line:
        line.leave("import time\ntime.sleep(20)")
        wait_until(lambda: plugged.board.restarts == restarts + 1, seconds=15)


def test_what_fails_on_the_board_is_told_with_its_last_line(plugged: Plugged) -> None:
    with repl.session(plugged.port) as line, pytest.raises(FlashError, match="the board says: ZeroDivisionError"):
        line.run("1/0")


def test_a_storage_that_fills_up_while_it_is_written_is_told(plugged: Plugged) -> None:
    with repl.session(plugged.port) as line:
        line.prepare()
        with pytest.raises(FlashError, match="the board's storage is full"):
            line.run("f=open('/x','wb')\nwhile True:f.write(b'x'*16384)")


def test_a_cable_pulled_in_the_middle_ends_the_session_with_what_to_do(plugged: Plugged) -> None:
    with repl.session(plugged.port) as line:
        line.prepare()
        plugged.board.unplug_after = plugged.board.received + 2000
        with pytest.raises(
            FlashError, match=r"the board went away .*; plug it in again and run the same command again"
        ):
            line.write("/x.bin", bytes(10_000))


def test_a_session_afresh_gives_back_what_the_program_before_it_held(plugged: Plugged) -> None:
    with repl.session(plugged.port) as line:
        line.run("held = bytes(1000)")
    with repl.session(plugged.port) as line:
        assert line.run("print('held' in globals())") == "True\n"
    with repl.session(plugged.port, afresh=True) as line:
        assert line.run("print('held' in globals())") == "False\n"


def test_old_micropythons_without_a_machine_name_are_told_apart_from_others() -> None:
    assert repl.Found(machine="", version=(1, 12, 0), radio=False).chip == ""
    assert repl.Found(machine="Raspberry Pi Pico2 with RP2350-RISCV", version=(1, 29, 0), radio=False).chip == "RP2350"


@pytest.mark.parametrize("last", ["OSError: 28", "OSError: [Errno 28] ENOSPC"])
def test_a_full_storage_is_known_in_the_words_of_each_port(last: str) -> None:
    assert "the board's storage is full" in repl.told(
        "/dev/ttyACM0", f"Traceback (most recent call last):\n  x\n{last}\n"
    )


class _Told:
    """A transport whose board prints `said` whatever is run."""

    def __init__(self, said: str) -> None:
        self._said = said

    def exec(self, command: str) -> bytes:
        return self._said.encode()


@pytest.mark.parametrize(
    "said", ["circuitpython|9|2|1|1|Pico W with RP2040", "", "micropython|1|29", "ets Jun  8 2016"]
)
def test_what_is_no_micropython_is_told_by_what_it_said(said: str) -> None:
    with pytest.raises(Silent, match="answers instead of MicroPython: write MicroPython"):
        repl.Repl(_Told(said), "/dev/ttyACM0").who()


def test_a_micropython_says_machine_version_and_radio() -> None:
    found = repl.Repl(_Told("micropython|1|29|0|1|Raspberry Pi Pico W with RP2040\r\n"), "/dev/ttyACM0").who()
    assert found == repl.Found(machine="Raspberry Pi Pico W with RP2040", version=(1, 29, 0), radio=True)


class TornOnce:
    """A pipe's end: in the middle of the first line that is written, Ctrl-C arrives."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        self._pipe, self._process, self._is_torn = process.stdin, process, False

    def write(self, line: bytes) -> None:
        half = 0 if self._is_torn else len(line) // 2
        if half:
            self._is_torn = True
            os.write(self._pipe.fileno(), line[:half])
            wait_until(lambda: waiting(self._pipe.fileno()) == 0)
            self._process.send_signal(signal.SIGINT)
        os.write(self._pipe.fileno(), line[half:])

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self._pipe.close()


def waiting(handle: int) -> int:
    """Bytes that lie in a pipe."""
    return int.from_bytes(fcntl.ioctl(handle, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_a_ctrl_c_that_is_heard_too_late_breaks_into_nothing(tmp_path: Path, micropython: Path) -> None:
    """What it was meant for has ended, and the next line is on its way already."""
    flash, said = tmp_path / "flash.img", bytearray()
    flash.write_bytes(b"\xff" * BLOCK * 40)
    chip = Chip(micropython, flash, replace(KINDS["pico_w"], blocks=40), "1.29.0", said.extend, -1)
    try:
        chip.run(b"print('first')")
        chip.interrupt()
        wait_until(lambda: chip.forward() is not None or not chip.busy)
        chip._process.stdin = TornOnce(chip._process)  # type: ignore[assignment]
        said.clear()
        chip.run(b"print('whole', 'x' * 40)")
        wait_until(lambda: chip.forward() is not None or not chip.busy)
        assert bytes(said) == b"whole " + b"x" * 40 + b"\r\n\x04\x04"
    finally:
        chip.power_off()
