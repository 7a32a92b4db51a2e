"""What a board gets: every device module compiled, nothing of the computer's, the same bytes each time."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from tests.flash.stage import FIRMWARE, write_firmware

from aircue_node.host.errors import FlashError, Refused
from aircue_node.host.image import Image, SlotState, build_image, compile_module, slot_state, slot_text, with_constants


@pytest.fixture(scope="module")
def image() -> Image:
    return build_image(FIRMWARE)


def test_each_device_module_is_there_compiled_and_the_launcher_as_source(image: Image) -> None:
    package = FIRMWARE / "aircue_node"
    modules = {
        path.relative_to(FIRMWARE).with_suffix(".mpy").as_posix()
        for path in package.rglob("*.py")
        if package / "host" not in path.parents and path.name != "ports.py"
    }
    assert {file.path for file in image.program} == modules
    assert {file.path: file.data for file in image.launcher} == {
        path.name: path.read_bytes() for path in (FIRMWARE / "boot.py", FIRMWARE / "main.py") if path.is_file()
    }


def test_bytecode_is_of_the_version_that_micropython_since_1_23_reads_and_of_no_processor(image: Image) -> None:
    """An .mpy begins with M and 6; in the third byte the processor is above the lowest two bits."""
    assert {file.data[:2] for file in image.program} == {b"M\x06"}
    assert {file.data[2] >> 2 for file in image.program} == {0}


def test_each_file_carries_its_own_hash_and_the_version_is_the_packages(image: Image) -> None:
    from aircue_node import __version__

    assert [file.sha256 for file in image.files] == [hashlib.sha256(file.data).hexdigest() for file in image.files]
    assert image.version == __version__


def test_the_same_source_in_another_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    assert build_image(write_firmware(tmp_path / "x", "1.0")) == build_image(write_firmware(tmp_path / "y", "1.0"))


def test_a_source_that_does_not_compile_is_named(tmp_path: Path) -> None:
    source = write_firmware(tmp_path, "1.0")
    (source / "aircue_node" / "broken.py").write_text("def :\n")
    with pytest.raises(FlashError, match=r"broken\.py: mpy-cross cannot compile it: .*SyntaxError"):
        build_image(source)


@pytest.mark.parametrize(
    "line", ["_A = 5", '_TEXT = "é"  # é', "_MS = 6 * 3_600_000", "_LEAST = -(2**31)", "_B = 0x10"]
)
def test_a_private_constant_is_marked_as_one(line: str) -> None:
    marked: dict[str, object] = {}
    plain: dict[str, object] = {}
    source = f"{line}\n\n\ndef read():\n    return {line.split()[0]}\n"
    compiled = with_constants(source.encode()).decode()
    assert "= const(" in compiled
    assert compiled.count("\n") == source.count("\n")
    exec(compiled, {"const": lambda value: value}, marked)
    exec(source, {}, plain)
    assert marked[line.split()[0]] == plain[line.split()[0]]


@pytest.mark.parametrize(
    "source",
    [
        "A = 5",  # others may import it
        "_A = 5\n_A = 6",
        "_a = 5",
        "_A = []",
        "_A = None",
        "_A = f()",
        "_A = 'x' * 3",
        "_A = B * 3",
        "_A = 5\ndef f():\n    global _A\n    _A = 6",
        "class C:\n    _A = 5",
        "_A = (\n    'two'\n    'lines'\n)",
        "def :",
    ],
)
def test_whatever_else_stays_as_it_is(source: str) -> None:
    assert with_constants(source.encode()) == source.encode()


@pytest.mark.parametrize("missing", ["main.py", "aircue_node/__init__.py"])
def test_a_folder_that_holds_no_firmware_is_refused(tmp_path: Path, missing: str) -> None:
    source = write_firmware(tmp_path, "1.0")
    (source / missing).unlink()
    with pytest.raises(Refused, match=r"holds no main\.py beside aircue_node: .* with --source"):
        build_image(source)


def test_a_package_without_version_is_refused(tmp_path: Path) -> None:
    source = write_firmware(tmp_path, "1.0")
    (source / "aircue_node" / "__init__.py").write_text("")
    with pytest.raises(Refused, match="sets no __version__"):
        build_image(source)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (slot_text("a"), SlotState(active="a")),
        (slot_text("b", 7), SlotState(active="b", sequence=7)),
        (b'{"active": "b", "trial": "a", "tries": 2}', SlotState(active="b", on_trial=True)),
        (b'{"active": "c"}', SlotState(active=None)),
        (b'{"active": ["a"]}', SlotState(active=None)),
        (b'{"active": "a", "sequence": "x"}', SlotState(active=None)),
        (b"{}", SlotState(active=None)),
        (b"[]", SlotState(active=None)),
        (b"7", SlotState(active=None)),
        (b'{"acti', SlotState(active=None)),
        (b"\xff", SlotState(active=None)),
        (b"", SlotState(active=None)),
    ],
)
def test_a_damaged_slot_file_names_no_slot(text: bytes, state: SlotState) -> None:
    assert slot_state(text) == state


@pytest.mark.hil
def test_every_compiled_module_is_loaded_by_micropython(micropython: Path, tmp_path: Path, image: Image) -> None:
    for file in image.program:
        path = tmp_path / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    paths = [file.path for file in image.program if "/wiring/" not in file.path]  # these need a board's own modules
    names = [path.removesuffix(".mpy").removesuffix("/__init__").replace("/", ".") for path in paths]
    program = (
        "import sys\nsys.path.insert(0, '.')\n" + "".join(f"import {name}\n" for name in names) + "print('loaded')"
    )
    done = subprocess.run([micropython, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "loaded", done.stdout + done.stderr


@pytest.mark.hil
def test_a_private_constant_is_known_where_it_is_used_and_nowhere_else(micropython: Path, tmp_path: Path) -> None:
    (tmp_path / "says.py").write_text(
        '_MS = 2 * 5\n_GAP = -(2**31)\n_WORD = "x"\n\n\ndef all():\n    return _MS, _GAP, _WORD\n'
    )
    (tmp_path / "says.mpy").write_bytes(compile_module(tmp_path / "says.py", "aircue_node/says.py"))
    (tmp_path / "says.py").unlink()
    program = "import sys\nsys.path.insert(0, '.')\nimport says\nprint(says.all(), hasattr(says, '_MS'))"
    done = subprocess.run([micropython, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(10, -2147483648, 'x') False", done.stderr


def test_what_is_for_the_type_checker_alone_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "says.py").write_text("MYPY = False\nif MYPY:\n    from typing import Any\n")
    assert b"typing" not in compile_module(tmp_path / "says.py", "aircue_node/says.py")


@pytest.mark.hil
def test_a_traceback_names_the_source_by_its_path_in_the_firmware(micropython: Path, tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text("def now():\n    return 1 // 0\n")
    (tmp_path / "fails.mpy").write_bytes(compile_module(tmp_path / "fails.py", "aircue_node/fails.py"))
    (tmp_path / "fails.py").unlink()
    program = "import sys\nsys.path.insert(0, '.')\nimport fails\nfails.now()"
    done = subprocess.run([micropython, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 'File "aircue_node/fails.py", line 2, in now' in done.stderr
