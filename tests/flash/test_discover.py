"""What is plugged in, and whether a port can be used."""

import errno
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from aircue_node.host import cli, discover
from aircue_node.host.boards import BOARDS
from aircue_node.host.discover import Drive, Port
from aircue_node.host.errors import FlashError, PortBusy, PortForbidden, PortMissing
from aircue_node.host.flashing import Computer

PICO_PORT = Port(device="/dev/ttyACM0", usb=(0x2E8A, 0x0005), text="Board in FS mode")
BRIDGE = Port(device="/dev/ttyUSB0", usb=(0x10C4, 0xEA60), text="CP2102 USB to UART")
MODEM = Port(device="/dev/ttyACM5", usb=(0x1199, 0x9079), text="Modem")


@pytest.fixture
def port() -> Iterator[str]:
    """A port nobody has open."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    os.close(theirs)
    yield name
    os.close(ours)


def test_a_free_port_is_fine(port: str) -> None:
    discover.check_port(port, list)


def test_a_port_that_is_not_there_is_told_with_what_is(tmp_path: Path) -> None:
    with pytest.raises(PortMissing, match=r"(?s)ttyX: No such file.*/dev/ttyACM0  Board in FS mode  \(pico, pico_w"):
        discover.check_port(str(tmp_path / "ttyX"), lambda: [PICO_PORT])


def test_a_port_without_permission_is_told_with_the_group(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    def forbidden(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(PortForbidden, match=r"no permission; .*usermod -aG \w+ \$USER \(dialout on most systems\)"):
        discover.check_port(port, list)


def test_a_port_locked_by_a_process_is_told_with_its_name_and_id(port: str) -> None:
    """The way pyserial, and so esptool and mpremote, lock a port."""
    hold = (
        f"import serial, sys; p = serial.Serial({port!r}, exclusive=True); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(PortBusy, match=rf"in use by python\S* \(pid {holder.pid}\); close it"):
            discover.check_port(port, list)
        holder.stdin.close()
    discover.check_port(port, list)


def test_a_lock_of_a_process_that_cannot_be_seen_counts_too(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "holders", lambda device: [])
    with serial.Serial(port, exclusive=True), pytest.raises(PortBusy, match="in use by a program of another user"):
        discover.check_port(port, list)


def test_the_holder_is_found_behind_a_link_to_the_port(tmp_path: Path) -> None:
    device = tmp_path / "ttyUSB0"
    device.touch()
    (tmp_path / "by-id").symlink_to(device)
    for pid, target, program in ((41, device, "screen"), (42, tmp_path / "other", "cat")):
        (tmp_path / "proc" / str(pid) / "fd").mkdir(parents=True)
        (tmp_path / "proc" / str(pid) / "fd" / "3").symlink_to(target)
        (tmp_path / "proc" / str(pid) / "comm").write_text(f"{program}\n")
    assert discover.holders(str(tmp_path / "by-id"), tmp_path / "proc") == [(41, "screen")]


def test_the_only_port_that_fits_is_taken() -> None:
    assert discover.the_only_port(BOARDS["pico_w"], [BRIDGE, PICO_PORT, MODEM]) == "/dev/ttyACM0"
    assert discover.the_only_port(BOARDS["esp32c3"], [BRIDGE, PICO_PORT]) == "/dev/ttyUSB0"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([], "no port looks like a pico"),
        ([BRIDGE, MODEM], "no port looks like a pico"),
        ([PICO_PORT, PICO_PORT], "several ports could be a pico"),
    ],
)
def test_none_or_several_that_fit_are_listed_and_one_has_to_be_named(found: list[Port], reason: str) -> None:
    with pytest.raises(PortMissing, match=rf"{reason}; name one with PORT=device") as told:
        discover.the_only_port(BOARDS["pico"], found)
    assert all(port.device in str(told.value) for port in found)


def test_a_drive_is_known_by_its_info_file(tmp_path: Path) -> None:
    (tmp_path / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n")
    assert discover.drive_at(tmp_path) == Drive(path=tmp_path, board_id="RPI-RP2")
    assert discover.drive_at(tmp_path / "nothing") is None


def test_fat_drives_are_found_among_the_mounts() -> None:
    mounts = (
        "/dev/sda1 / ext4 rw 0 0\n"
        "/dev/sdb1 /media/me/RPI-RP2 vfat rw,uid=1000 0 0\n"
        "/dev/sdc1 /media/me/MY\\040STICK vfat rw 0 0\n"
        "broken\n"
    )
    assert discover.fat_mounts(mounts) == [Path("/media/me/RPI-RP2"), Path("/media/me/MY STICK")]


def test_the_drive_of_the_boards_chip_is_taken_and_two_of_them_are_refused() -> None:
    rp2040 = Drive(path=Path("/media/RPI-RP2"), board_id="RPI-RP2")
    rp2350 = Drive(path=Path("/media/RP2350"), board_id="RP2350")
    assert discover.drive_for(BOARDS["pico2_w"], [rp2040, rp2350]) == rp2350
    assert discover.drive_for(BOARDS["pico2_w"], [rp2040]) is None
    with pytest.raises(FlashError, match="name one with --drive"):
        discover.drive_for(BOARDS["pico"], [rp2040, rp2040])


def test_the_list_shows_ports_and_drives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drive = Drive(path=Path("/media/RP2350"), board_id="RP2350")
    computer = Computer(cache=tmp_path, ports=lambda: [BRIDGE, MODEM], drives=lambda: [drive])
    assert cli.main(["--list"], computer) == 0
    assert capsys.readouterr().out.splitlines() == [
        "/dev/ttyUSB0  CP2102 USB to UART  (esp32, esp32c3, esp32s3)",
        "/dev/ttyACM5  Modem  (no known board)",
        "/media/RP2350  drive of a boot loader  (RP2350)",
    ]


def test_a_board_has_to_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([], Computer(cache=tmp_path)) == 2
    assert "name the board with --board (make: BOARD=...): esp32, esp32c3" in capsys.readouterr().err
