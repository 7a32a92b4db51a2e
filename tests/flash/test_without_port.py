"""Nobody named a port: the one board there is used, a port that was there before the board never."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flash.stage import Plugged, image_for, plug, stored, write_firmware

from aircue_node.host import cli, discover
from aircue_node.host.discover import Drive, Port
from aircue_node.host.flashing import Computer

pytestmark = pytest.mark.hil

PICO_USB = (0x2E8A, 0x0005)


def port_at(path: Path) -> list[Port]:
    return [Port(device=str(path), usb=PICO_USB, text="simulated")] if path.exists() else []


def drives_of(plugged: Plugged) -> list[Drive]:
    assert plugged.drive is not None
    there = discover.drive_at(plugged.drive.folder)
    return [] if there is None else [there]


@pytest.fixture
def picos(tmp_path: Path, micropython: Path) -> Iterator[list[Plugged]]:
    """The first runs already, the second shows its drive."""
    made = [
        plug("pico_w", tmp_path / "running", micropython, blank=False),
        plug("pico_w", tmp_path / "blank", micropython),
    ]
    yield made
    for one in made:
        one.unplug()


def run(tmp_path: Path, picos: list[Plugged]) -> int:
    """The release is in the cache; every board of `picos` is plugged in."""
    image = tmp_path / "cache" / picos[0].kind.image_name
    image.parent.mkdir(exist_ok=True)
    image.write_bytes(image_for(picos[0].kind))
    computer = Computer(
        cache=image.parent,
        ports=lambda: [port for one in picos for port in port_at(one.board.line.path)],
        drives=lambda: [drive for one in picos for drive in drives_of(one)],
        restart_s=5,
    )
    source = write_firmware(tmp_path / "source", "1.0.0")
    return cli.main(["--board", "pico_w", "--source", str(source)], computer)


def test_the_only_board_is_used(picos: list[Plugged], tmp_path: Path) -> None:
    assert run(tmp_path, picos[:1]) == 0
    assert "/a/aircue_node/report.mpy" in stored(picos[0].board.flash)


def test_a_pico_that_shows_its_drive_is_meant_and_not_the_one_that_runs(picos: list[Plugged], tmp_path: Path) -> None:
    assert run(tmp_path, picos) == 0
    assert "/a/aircue_node/report.mpy" in stored(picos[1].board.flash)
    assert picos[0].board.received == 0


def test_with_two_running_ones_none_is_touched_and_one_has_to_be_named(
    picos: list[Plugged], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, picos) == 0
    touched = [one.board.received for one in picos]
    assert run(tmp_path, picos) == 1
    said = capsys.readouterr().err
    assert "several ports could be a pico_w; name one with PORT=device" in said
    assert all(one.port in said for one in picos)
    assert [one.board.received for one in picos] == touched
