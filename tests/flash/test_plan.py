"""What is decided to be done to a board: little over the line, nothing to what runs, everything right at the end."""

import json

from hypothesis import given
from hypothesis import strategies as st

from aircue_node.host.files import Plan, plan
from aircue_node.host.image import Image, SlotState, file_of, slot_state, slot_text

PATHS = ("aircue_node/__init__.mpy", "aircue_node/clock.mpy", "aircue_node/sensors/dht.mpy")
CONTENTS = st.sampled_from([b"one", b"two", b"three"])
PROGRAMS = st.dictionaries(st.sampled_from(PATHS), CONTENTS, min_size=1)
ROOTS = st.fixed_dictionaries({"main.py": CONTENTS}, optional={"boot.py": CONTENTS})

Files = dict[str, bytes]


def image_of(files: Files) -> Image:
    return Image(files=tuple(file_of(path, data) for path, data in sorted(files.items())), version="1")


def hashes(board: Files) -> dict[str, str]:
    return {path: file_of(path, data).sha256 for path, data in board.items()}


def steps(wanted: Plan, board: Files) -> list[Files]:
    """The board after each step; the last, which releases the slot and renames, is one."""
    after = [dict(board)]
    if wanted.guard is not None:
        after.append({**after[-1], wanted.guard: b""})
    for path in wanted.remove:
        after.append({name: data for name, data in after[-1].items() if name != path})
    for start, path in wanted.copy:
        after.append({**after[-1], path: after[-1][start]})
    for file in wanted.send:
        after.append({**after[-1], file.path: file.data})
    renamed = {name: after[-1][f"{name}.new"] for name in wanted.rename}
    gone = {wanted.guard, *(f"{name}.new" for name in renamed)}
    after.append({name: data for name, data in {**after[-1], **renamed}.items() if name not in gone})
    return after


@st.composite
def boards(draw: st.DrawFn) -> Files:
    """Anything a board may have: both slots, leftovers, a damaged or missing `slot`."""
    board: Files = {}
    for slot in "ab":
        board.update({f"/{slot}/{path}": data for path, data in draw(st.one_of(PROGRAMS, st.just({}))).items()})
    board.update({f"/{path}": data for path, data in draw(st.one_of(ROOTS, st.just({}))).items()})
    for slot in draw(st.sets(st.sampled_from("ab"))):
        board[f"/{slot}/unfinished"] = b""
    trial = b'{"active": "a", "trial": "b", "tries": 1, "sequence": 7}'
    named = draw(st.sampled_from([None, b"", b"[]", b'{"active": "c"}', slot_text("a"), slot_text("b"), trial]))
    if named is not None:
        board["/slot"] = named
    for name in draw(st.sets(st.sampled_from(["/main.py.new", "/slot.new", "/settings.json.new"]))):
        board[name] = draw(CONTENTS)
    return board


def started(board: Files) -> str | None:
    """The slot that a launcher starts: the one `slot` names, without one that makes sense a, if it is whole."""
    active = slot_state(board.get("/slot", b"")).active
    if active is None and "/a/unfinished" not in board and any(path.startswith("/a/") for path in board):
        return "a"
    return active


@given(board=boards(), program=PROGRAMS, root=ROOTS, settings=st.one_of(st.none(), CONTENTS))
def test_the_running_slot_and_the_root_stay_until_all_is_there_and_then_all_is_right(
    board: Files, program: Files, root: Files, settings: bytes | None
) -> None:
    state = slot_state(board.get("/slot", b""))
    wanted = plan(image_of({**program, **root}), settings, hashes(board), state)
    *before, last = steps(wanted, board)
    running = {path: data for path, data in board.items() if not path.startswith(("/a/", "/b/")) and ".new" not in path}
    runs = started(board)
    running |= {path: data for path, data in board.items() if path.startswith(f"/{runs}/")}
    for there in before:
        assert running.items() <= there.items()
        spare = {path: data for path, data in there.items() if not path.startswith(f"/{runs}/")}
        untouched = {path: data for path, data in board.items() if not path.startswith(f"/{runs}/")}
        assert spare == untouched or wanted.guard is None or wanted.guard in there
    slot = started(last)
    assert "trial" not in json.loads(last.get("/slot", b"{}"))
    assert slot_state(last.get("/slot", b"")).sequence == state.sequence
    assert {path: data for path, data in last.items() if path.startswith(f"/{slot}/")} == {
        f"/{slot}/{path}": data for path, data in program.items()
    }
    assert {f"/{path}": data for path, data in root.items()}.items() <= last.items()
    assert settings is None or last["/settings.json"] == settings
    assert not any(path.endswith(".new") for path in last)
    assert wanted.expect.items() <= hashes(last).items()


@given(board=boards(), program=PROGRAMS, root=ROOTS)
def test_a_second_plan_finds_nothing_to_do(board: Files, program: Files, root: Files) -> None:
    image = image_of({**program, **root})
    last = steps(plan(image, b"{}", hashes(board), slot_state(board.get("/slot", b""))), board)[-1]
    assert plan(image, b"{}", hashes(last), slot_state(last.get("/slot", b""))).nothing_to_do


def test_what_the_running_slot_has_is_copied_on_the_board_and_what_is_staged_already_is_kept() -> None:
    board = {
        "/a/aircue_node/clock.mpy": b"same",
        "/a/aircue_node/old.mpy": b"old",
        "/b/aircue_node/added.mpy": b"added",
        "/b/aircue_node/left.mpy": b"left",
        "/main.py": b"old launcher",
        "/main.py.new": b"launcher",
        "/slot": slot_text("a"),
    }
    files = {"aircue_node/clock.mpy": b"same", "aircue_node/added.mpy": b"added", "aircue_node/x/y.mpy": b"new"}
    wanted = plan(image_of({**files, "main.py": b"launcher"}), None, hashes(board), SlotState(active="a"))
    assert wanted.remove == ("/b/aircue_node/left.mpy",)
    assert wanted.copy == (("/a/aircue_node/clock.mpy", "/b/aircue_node/clock.mpy"),)
    assert [file.path for file in wanted.send] == ["/b/aircue_node/x/y.mpy", "/slot.new"]
    assert wanted.folders == ("/b", "/b/aircue_node", "/b/aircue_node/x")
    assert wanted.rename == ("/slot", "/main.py")


def test_another_launcher_or_other_settings_alone_leave_the_slots_as_they_are() -> None:
    board = {"/a/aircue_node/clock.mpy": b"same", "/main.py": b"old", "/slot": b'{"active": "a", "tries": 1}'}
    image = image_of({"aircue_node/clock.mpy": b"same", "main.py": b"new"})
    wanted = plan(image, b"{}", hashes(board), SlotState(active="a"))
    assert [file.path for file in wanted.send] == ["/main.py.new", "/settings.json.new"]
    assert wanted.rename == ("/settings.json", "/main.py")
    assert "/slot" not in wanted.expect


def test_a_module_that_is_no_longer_in_the_program_is_not_taken_out_of_the_slot_that_runs() -> None:
    board = {"/a/aircue_node/clock.mpy": b"same", "/a/aircue_node/old.mpy": b"old", "/slot": slot_text("a")}
    wanted = plan(image_of({"aircue_node/clock.mpy": b"same"}), None, hashes(board), SlotState(active="a"))
    assert wanted.remove == ()
    assert wanted.copy == (("/a/aircue_node/clock.mpy", "/b/aircue_node/clock.mpy"),)
    assert wanted.rename == ("/slot",)


def test_an_update_on_trial_ends_and_the_newest_sequence_outlives_the_flashing() -> None:
    board = {"/a/aircue_node/clock.mpy": b"same", "/b/aircue_node/clock.mpy": b"tried"}
    state = SlotState(active="a", on_trial=True, sequence=7)
    wanted = plan(image_of({"aircue_node/clock.mpy": b"same"}), None, hashes(board), state)
    assert [(file.path, file.data) for file in wanted.send] == [("/slot.new", b'{"active": "a", "sequence": 7}')]
    assert wanted.guard is None


def test_what_a_first_flash_left_unfinished_is_gone_on_with() -> None:
    board = {"/a/unfinished": b"", "/a/aircue_node/clock.mpy": b"same"}
    files = {"aircue_node/clock.mpy": b"same", "aircue_node/next.mpy": b"next"}
    wanted = plan(image_of(files), None, hashes(board), SlotState(active=None))
    assert (wanted.guard, wanted.remove, wanted.copy) == ("/a/unfinished", (), ())
    assert [file.path for file in wanted.send] == ["/a/aircue_node/next.mpy", "/slot.new"]
