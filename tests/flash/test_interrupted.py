"""A copy that breaks off: whatever the moment, the simulated board starts the old program or the new one, whole.

The cable is pulled after so many bytes from the computer, evenly spread over the whole copy; the power goes in the
middle of each single write to flash. After a pulled cable the same command, run again, brings the new program.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flash.stage import said_at_start, stored, wait_until, write_firmware

from aircue_hil.emulated.chip import KINDS
from aircue_hil.emulated.repl import ReplBoard
from aircue_node.host import files, repl
from aircue_node.host.errors import FlashError
from aircue_node.host.image import Image, build_image

pytestmark = pytest.mark.hil

OLD, NEW = "1.0.0", "2.0.0"
CABLE_PULLS = 24


@pytest.fixture
def images(tmp_path: Path) -> tuple[Image, Image]:
    """The new program has another launcher, a module less and another more."""
    old = write_firmware(tmp_path / "old", OLD, launcher=OLD, modules=3)
    new = write_firmware(tmp_path / "new", NEW, launcher=NEW, modules=2)
    (new / "aircue_node" / "added.py").write_text(f"TEXT = {'added ' * 200!r}\n")
    return build_image(old), build_image(new)


@pytest.fixture
def board(tmp_path: Path, micropython: Path) -> Iterator[ReplBoard]:
    (tmp_path / "board").mkdir()
    made = ReplBoard(micropython, tmp_path / "board", KINDS["pico_w"])
    yield made
    made.power_off()


def install(board: ReplBoard, image: Image) -> None:
    with repl.session(str(board.line.path)) as line:
        files.install(line, image, None, lambda said: None)


def says_after_start(board: ReplBoard) -> str:
    """What the board prints when it starts anew, up to the prompt."""
    board.power_off()
    board.unplug_after, board.cut_at_write = None, -1
    board.told.clear()
    board.power_on()
    wait_until(lambda: b">>> " in board.told)
    return board.told.decode().partition("\r\n\r\nMicroPython")[0].strip()


def with_old_program(board: ReplBoard, image: Image) -> bytes:
    """The flash of a board that runs the old program."""
    board.power_on()
    install(board, image)
    assert says_after_start(board) == said_at_start(OLD, OLD)
    board.power_off()
    return board.flash.read_bytes()


def breaks(
    board: ReplBoard, image: Image, flash: bytes, *, unplug_after: int | None = None, cut_at_write: int = -1
) -> bool:
    """Whether installing on that flash broke off under the fault."""
    board.flash.write_bytes(flash)
    board.unplug_after, board.cut_at_write = unplug_after, cut_at_write
    board.power_on()
    try:
        install(board, image)
    except FlashError:
        return True
    return False


def test_a_cable_pulled_at_any_time_leaves_the_old_or_the_new_program_and_launcher(
    board: ReplBoard, images: tuple[Image, Image]
) -> None:
    old, new = images
    flash = with_old_program(board, old)
    assert not breaks(board, new, flash)
    whole = board.received
    seen = set()
    for number in range(CABLE_PULLS):
        board.power_off()
        after = whole * (number + 1) // CABLE_PULLS - number % 7

        assert breaks(board, new, flash, unplug_after=after), after

        said = says_after_start(board)
        assert said in (said_at_start(OLD, OLD), said_at_start(NEW, NEW)), after
        seen.add(said)
        install(board, new)
        assert says_after_start(board) == said_at_start(NEW, NEW)
        assert not any(path.endswith(".new") for path in stored(board.flash))
    assert seen == {said_at_start(OLD, OLD), said_at_start(NEW, NEW)}


def test_power_cut_at_each_write_to_flash_leaves_a_whole_program(board: ReplBoard, images: tuple[Image, Image]) -> None:
    """Slot and launcher are renamed one after the other, so that just there a new program may meet the old launcher."""
    old, new = images
    flash = with_old_program(board, old)
    seen = []
    cut = 0
    while breaks(board, new, flash, cut_at_write=cut):
        said = says_after_start(board)
        if said not in seen:
            seen.append(said)
        cut += 1
        board.power_off()
    assert seen in (
        [said_at_start(OLD, OLD), said_at_start(NEW, OLD), said_at_start(NEW, NEW)],
        [said_at_start(OLD, OLD), said_at_start(NEW, OLD)],
    )
    assert cut > 20


def test_a_first_flash_that_breaks_off_is_brought_to_its_end_by_a_second(
    board: ReplBoard, images: tuple[Image, Image]
) -> None:
    empty = board.flash.read_bytes()
    assert not breaks(board, images[1], empty)
    whole = board.received
    for after in (whole // 4, whole // 2, whole - whole // 8):
        board.power_off()
        assert breaks(board, images[1], empty, unplug_after=after)
        says_after_start(board)
        install(board, images[1])
        assert says_after_start(board) == said_at_start(NEW, NEW)


def test_a_file_that_arrived_damaged_is_found_before_anything_is_renamed(
    board: ReplBoard, images: tuple[Image, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = images
    with_old_program(board, old)
    board.power_on()
    write = repl.Repl.write

    def damaged(line: repl.Repl, path: str, data: bytes) -> None:
        write(line, path, data[:-1] + bytes([data[-1] ^ 1]) if path.endswith("report.mpy") else data)

    monkeypatch.setattr(repl.Repl, "write", damaged)
    with pytest.raises(
        FlashError, match=r"1 files are not on the board as they were sent \(/b/aircue_node/report\.mpy\)"
    ):
        install(board, new)
    assert says_after_start(board) == said_at_start(OLD, OLD)
