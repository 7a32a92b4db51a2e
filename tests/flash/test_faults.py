"""What aircue-flash says and leaves behind when a simulated board, its cable or what was asked for is not right."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.flash.stage import (
    SETTINGS,
    Plugged,
    esp_image,
    image_for,
    plug,
    stored,
    uf2_image,
    wait_until,
    write_firmware,
)

from aircue_hil.emulated.esp_board import EspBoard
from aircue_node.host import cli, discover, repl, uf2
from aircue_node.host.boards import BOARDS
from aircue_node.host.discover import Drive
from aircue_node.host.errors import FlashError
from aircue_node.host.flashing import Computer

pytestmark = pytest.mark.hil

Plug = Callable[..., Plugged]
Flash = Callable[..., tuple[int, str]]


@pytest.fixture
def plugged(tmp_path: Path, micropython: Path) -> Iterator[Plug]:
    """`plugged("pico_w", blank=False)` is a simulated board, gone when the test ends."""
    there: list[Plugged] = []

    def put_in(name: str, *, blank: bool = False, blocks: int | None = None, version: str = "1.29.0") -> Plugged:
        folder = tmp_path / f"board{len(there)}"
        there.append(plug(name, folder, micropython, blank=blank, blocks=blocks, version=version))
        return there[-1]

    yield put_in
    for one in there:
        one.unplug()


@pytest.fixture
def flash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Flash:
    """Runs aircue-flash with a small firmware; gives the exit code and what it said. Nothing can be downloaded."""
    source = write_firmware(tmp_path / "source", "1.0.0")
    computer = Computer(
        cache=tmp_path / "cache",
        ports=list,
        drives=list,
        downloads="http://127.0.0.1:9/",
        restart_s=2,
        drive_s=0.5,
    )

    def run(*arguments: str | Path) -> tuple[int, str]:
        code = cli.main([*map(str, arguments), "--source", str(source)], computer)
        return code, capsys.readouterr().err

    return run


# --- the board ----------------------------------------------------------------------------------------------------


def test_another_esp_chip_than_the_board_named_is_not_written(plugged: Plug, flash: Flash, tmp_path: Path) -> None:
    there = plugged("esp32c3", blank=True)
    image = tmp_path / "image.bin"
    image.write_bytes(image_for(BOARDS["esp32s3"]))
    code, said = flash("--board", "esp32s3", "--port", there.port, "--firmware", image)
    assert (code, "the chip is an ESP32-C3, not the ESP32-S3" in said) == (1, True)
    assert isinstance(there.board, EspBoard)
    assert set(there.board.rom.flash) == {0xFF}


@pytest.mark.parametrize(
    ("there_is", "named", "reason"),
    [
        ("pico", "pico2", "a pico2 has the chip RP2350: name the right BOARD"),
        ("esp32", "pico_w", "a pico_w has the chip RP2040: name the right BOARD"),
        ("pico", "pico_w", "this MicroPython has no Wi-Fi, a pico_w needs RPI_PICO_W"),
    ],
)
def test_files_do_not_go_to_another_board_than_the_one_named(
    there_is: str, named: str, reason: str, plugged: Plug, flash: Flash
) -> None:
    there = plugged(there_is)
    code, said = flash("--board", named, "--port", there.port, "--skip-micropython")
    assert (code, reason in said) == (1, True), said
    assert stored(there.board.flash) == {}


def test_a_pico_of_another_chip_is_not_even_sent_into_its_boot_loader(plugged: Plug, flash: Flash) -> None:
    there = plugged("pico", version="1.22.0")
    code, said = flash("--board", "pico2", "--port", there.port)
    assert (code, "a pico2 has the chip RP2350: name the right BOARD" in said) == (1, True), said
    assert there.drive is not None
    assert not there.drive.folder.exists()


def test_a_node_that_was_stopped_to_ask_who_it_is_runs_again_when_nothing_comes_of_it(
    plugged: Plug, flash: Flash
) -> None:
    there = plugged("pico_w")
    assert flash("--board", "pico_w", "--port", there.port, "--skip-micropython")[0] == 0
    wait_until(lambda: b"running 1.0.0" in there.board.told)
    there.board.told.clear()
    code, said = flash("--board", "pico2_w", "--port", there.port)
    assert (code, "a pico2_w has the chip RP2350" in said) == (1, True), said
    wait_until(lambda: b"running 1.0.0" in there.board.told)


def test_a_drive_that_may_not_be_written_to_is_told_at_once(tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    (drive / "firmware.uf2").mkdir()
    with pytest.raises(FlashError, match="mount the drive so that you may write to it"):
        uf2.write(Drive(path=drive, board_id="RPI-RP2"), b"", lambda line: None)


def test_a_board_that_says_nothing_is_told_with_a_hint(plugged: Plug, flash: Flash) -> None:
    there = plugged("pico_w")
    there.board.mute = True
    code, said = flash("--board", "pico_w", "--port", there.port, "--skip-micropython")
    assert code == 1
    assert "no MicroPython answers; press the board's reset button" in said


def test_an_esp_whose_flash_keeps_nothing_is_told(plugged: Plug, flash: Flash, tmp_path: Path) -> None:
    there = plugged("esp32", blank=True)
    assert isinstance(there.board, EspBoard)
    there.board.rom.worn_sector = 4
    image = tmp_path / "image.bin"
    image.write_bytes(image_for(there.kind))
    code, said = flash("--board", "esp32", "--port", there.port, "--firmware", image)
    assert (code, "the flash did not take what was written" in said) == (1, True), said


def test_an_esp_that_goes_away_while_it_is_written_is_told(plugged: Plug, flash: Flash, tmp_path: Path) -> None:
    there = plugged("esp32", blank=True)
    there.board.unplug_after = 60_000
    image = tmp_path / "image.bin"
    image.write_bytes(esp_image(0, size=200_000))
    code, said = flash("--board", "esp32", "--port", there.port, "--firmware", image)
    assert (code, "the board went away while it was written" in said) == (1, True), said


def test_a_pico_without_drive_and_without_micropython_needs_a_finger_on_bootsel(
    plugged: Plug, flash: Flash, tmp_path: Path
) -> None:
    there = plugged("pico2")
    there.board.mute = True
    image = tmp_path / "image.uf2"
    image.write_bytes(image_for(there.kind))
    code, said = flash("--board", "pico2", "--port", there.port, "--firmware", image)
    assert code == 1
    assert "shows no drive RP2350: unplug it, hold its BOOTSEL button" in said


def test_a_boot_loader_that_keeps_its_drive_is_told(plugged: Plug, tmp_path: Path) -> None:
    there = plugged("pico", blank=True)
    assert there.drive is not None
    there.drive.stuck = True
    drive = discover.drive_at(there.drive.folder)
    assert drive is not None
    with pytest.raises(FlashError, match="took the file but did not start it"):
        uf2.write(drive, image_for(there.kind), lambda line: None, gone_s=0.3)


def test_a_full_board_keeps_its_program_and_says_how_much_room_is_needed(plugged: Plug, flash: Flash) -> None:
    there = plugged("pico_w", blocks=40)
    given = ("--board", "pico_w", "--port", there.port, "--skip-micropython")
    assert flash(*given)[0] == 0
    before = {path: data for path, data in stored(there.board.flash).items() if not path.startswith("/b/")}
    fill = "import os\nf=open('/fill','wb')\nfor _ in range(os.statvfs('/')[3]-8):f.write(b'x'*4096)\nf.close()"
    run_on(there, fill)
    before["/fill"] = stored(there.board.flash)["/fill"]
    write_firmware(Path(there.board.flash).parents[1] / "source", "1.0.1")
    code, said = flash(*given)
    assert code == 1
    assert "bytes free" in said
    assert "are needed; remove files of yours" in said
    assert {path: data for path, data in stored(there.board.flash).items() if not path.startswith("/b/")} == before


def run_on(there: Plugged, command: str) -> None:
    repl.wait_for(lambda: there.port, 5)
    with repl.session(there.port) as line:
        line.run(command)


# --- the port -----------------------------------------------------------------------------------------------------


def test_a_busy_port_names_who_holds_it(plugged: Plug, flash: Flash) -> None:
    there = plugged("pico_w")
    hold = f"import os, sys; os.open({there.port!r}, os.O_RDWR); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        code, said = flash("--board", "pico_w", "--port", there.port)
        holder.stdin.close()
    assert code == 1
    assert f"in use by {Path(sys.executable).name[:15]} (pid {holder.pid})" in said
    assert there.board.received == 0


def test_a_port_that_is_not_there_is_told_with_what_is(flash: Flash, tmp_path: Path) -> None:
    code, said = flash("--board", "esp32", "--port", tmp_path / "ttyUSB7")
    assert code == 1
    assert "ttyUSB7: No such file or directory; name another with PORT=device" in said
    assert "nothing: plug the board in with a cable that carries data" in said


# --- what was asked for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("esp32", b"\x7fELF" + bytes(90_000), "no image for an ESP chip"),
        ("esp32", esp_image(9), "made for the ESP chip with id 9, a esp32 has 0"),
        ("pico_w", uf2_image(0xE48BFF59), "made for family 0xE48BFF59, a pico_w is 0xE48BFF56"),
        ("pico2_w", uf2_image(0xE48BFF59)[:-512], "19 of 20 blocks"),
        ("pico", b"UF2\n" * 200, "no whole UF2 file"),
    ],
)
def test_a_firmware_file_that_does_not_fit_touches_no_board(
    name: str, content: bytes, reason: str, plugged: Plug, flash: Flash, tmp_path: Path
) -> None:
    there = plugged(name)
    image = tmp_path / "image"
    image.write_bytes(content)
    code, said = flash("--board", name, "--port", there.port, "--firmware", image)
    assert (code, reason in said) == (2, True), said
    assert there.board.received == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SETTINGS.replace("10.0.0.1", ""), "key gateway is missing"),
        (SETTINGS[:-1], "is not JSON"),
        (SETTINGS.replace("home-1", "home/1"), "site is 'home/1'"),
        (None, "No such file or directory: name the file with SETTINGS=path"),
    ],
)
def test_settings_the_firmware_would_refuse_touch_no_board(
    text: str | None, reason: str, plugged: Plug, flash: Flash, tmp_path: Path
) -> None:
    there = plugged("pico_w")
    path = tmp_path / "mine.json"
    if text is not None:
        path.write_text(text)
    code, said = flash("--board", "pico_w", "--port", there.port, "--settings", path, "--skip-micropython")
    assert (code, reason in said, there.board.received) == (2, True, 0), said


def test_without_network_the_address_and_the_way_round_are_told(plugged: Plug, flash: Flash) -> None:
    there = plugged("esp32s3", blank=True)
    code, said = flash("--board", "esp32s3", "--port", there.port)
    assert code == 1
    assert "http://127.0.0.1:9/ESP32_GENERIC_S3-20260824-v1.29.0.bin" in said
    assert "name the file with FIRMWARE=path" in said
