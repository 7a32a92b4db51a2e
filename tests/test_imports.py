"""Imports point toward the sensor, the gateway stays small, and importing a module does nothing else."""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "aircue_node": ROOT / "firmware",
    "aircue_gateway": ROOT / "gateway",
    "aircue_cloud": ROOT / "cloud",
    "aircue_hil": ROOT / "hil",
}
MAY_IMPORT = {
    "aircue_node": {"aircue_node"},
    "aircue_gateway": {"aircue_node", "aircue_gateway"},
    "aircue_cloud": {"aircue_node", "aircue_gateway", "aircue_cloud"},
    "aircue_hil": {"aircue_node", "aircue_gateway", "aircue_hil"},
}
GATEWAY_NEEDS = {"paho", "prometheus_client", "socks", "urllib3"}  # paho loads PySocks where it lies about
HOST = ROOT / "firmware" / "aircue_node" / "host"  # the computer's side of a board
# Run by MicroPython alone: the node's wiring, modules that stand in for a board's own, and what a simulated board runs.
HIL = ROOT / "hil" / "aircue_hil"
DEVICE_ONLY = {
    HIL / "modules",
    HIL / "emulated" / "on_board",
    HIL / "player",
    ROOT / "firmware" / "aircue_node" / "wiring",
}


def imported_modules(source: str) -> set[str]:
    """The names of all modules a source imports anywhere in it."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def forbidden_imports(package: str, source: str) -> set[str]:
    """Our own packages that `source` imports although `package` may not."""
    ours = {name.partition(".")[0] for name in imported_modules(source)} & set(FOLDERS)
    return ours - MAY_IMPORT[package]


def sources(package: str) -> list[Path]:
    """All sources of the folder, so that the firmware's main.py counts with its package."""
    return sorted(FOLDERS[package].rglob("*.py"))


def module_names(package: str) -> list[str]:
    """All modules of the package that CPython can import."""
    files = (path for path in (FOLDERS[package] / package).rglob("*.py") if not DEVICE_ONLY & set(path.parents))
    names = (".".join(path.relative_to(FOLDERS[package]).with_suffix("").parts) for path in files)
    return sorted(name.removesuffix(".__init__") for name in names)


def host_imports(source: str) -> set[str]:
    """The imports of the computer's side of a board, which no board has, absolute and relative."""
    found = {name for name in imported_modules(source) if name.startswith(("aircue_node.host", "host"))}
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom))
    own = (node for node in nodes if node.module in (None, "aircue_node"))
    return found | {alias.name for node in own for alias in node.names if alias.name == "host"}


@pytest.mark.parametrize(
    "path", [path for path in sources("aircue_node") if HOST not in path.parents], ids=lambda p: p.stem
)
def test_what_runs_on_a_board_imports_nothing_of_the_computers_side(path: Path) -> None:
    assert host_imports(path.read_text()) == set()


@pytest.mark.parametrize(
    "source",
    [
        "from aircue_node.host import image",
        "import aircue_node.host.image",
        "from aircue_node import host",
        "def late():\n    from .host.image import build_image",
        "from . import host",
    ],
)
def test_the_walk_sees_an_import_of_the_computers_side(source: str) -> None:
    assert host_imports(source) != set()


def run_python(program: str, *arguments: str) -> list[str]:
    """The lines a fresh interpreter prints that runs `program`."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize("package", FOLDERS)
def test_a_package_imports_only_what_is_nearer_to_the_sensor(package: str) -> None:
    found = {
        path.relative_to(ROOT).as_posix(): forbidden_imports(package, path.read_text()) for path in sources(package)
    }
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("package", "source", "expected"),
    [
        ("aircue_node", "from aircue_gateway.batch import Row", {"aircue_gateway"}),
        ("aircue_gateway", "def late():\n    import aircue_cloud.db", {"aircue_cloud"}),
        ("aircue_hil", "import aircue_cloud", {"aircue_cloud"}),
        ("aircue_cloud", "from aircue_hil import traces", {"aircue_hil"}),
        ("aircue_cloud", "import aircue_gateway.batch, aircue_node", set()),
        ("aircue_hil", "'import aircue_cloud'", set()),
    ],
)
def test_the_walk_sees_an_import_the_wrong_way(package: str, source: str, expected: set[str]) -> None:
    assert forbidden_imports(package, source) == expected


LIST_FOREIGN = """
    import importlib, sys
    before = set(sys.modules)
    for name in sys.argv[1:]:
        importlib.import_module(name)
    loaded = {name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
    print(*sorted(name for name in loaded if not name.startswith(("aircue_", "_"))), sep="\\n")
"""


def foreign_packages(modules: list[str]) -> set[str]:
    """The packages outside the standard library and ours that importing `modules` loads."""
    return set(filter(None, run_python(LIST_FOREIGN, *modules)))


def test_the_gateway_loads_nothing_outside_its_own_extra() -> None:
    """No numpy, no flask, no database layer: it has to fit a Raspberry Pi Zero 2 W."""
    assert foreign_packages(module_names("aircue_gateway")) <= GATEWAY_NEEDS


def test_the_firmware_and_its_computers_side_load_nothing_outside_the_standard_library() -> None:
    """The computer's side loads its tools when it uses them, so that a missing one is told instead of a traceback."""
    assert foreign_packages(module_names("aircue_node")) == set()


def test_the_listing_sees_a_foreign_package() -> None:
    assert "numpy" in foreign_packages(["numpy"])


# Reports an effect only where one of our sources, not a library it imports, stands behind it: the frames are walked
# outwards from the effect until one of ours or an import is met. A compiler that reads the very source it works on, and
# keeps what it made in __pycache__, does what Python itself does: no effect of ours.
LIST_EFFECTS = """
    import importlib, sys, threading
    folders, modules = sys.argv[1].split("|"), sys.argv[2:]
    effects = ("open", "os.mkdir", "os.remove", "os.rename", "socket.", "sqlite3.connect", "subprocess.", "thread")
    def report(event, arguments):
        if not event.startswith(effects) or "__pycache__" in str(arguments[:1]):
            return
        frame, compiling = sys._getframe(1), False
        while frame is not None and "importlib" not in frame.f_code.co_filename:
            compiling = compiling or "/numba/" in frame.f_code.co_filename
            if frame.f_code.co_filename.startswith(tuple(folders)):
                if compiling and arguments[0] == frame.f_code.co_filename:
                    return
                print(f"{frame.f_code.co_filename}:{frame.f_lineno} {event} {arguments[:1]}")
                return
            frame = frame.f_back
    def start(thread):
        report("thread", (thread.name,))
        really_start(thread)
    really_start, threading.Thread.start = threading.Thread.start, start  # Python 3.11 has no audit event for it
    sys.addaudithook(report)
    for name in modules:
        importlib.import_module(name)
"""


def import_effects(folders: list[Path], modules: list[str]) -> list[str]:
    """What importing `modules` did to files, sockets, processes and threads, as "file:line event what"."""
    return run_python(LIST_EFFECTS, "|".join(map(str, folders)), *modules)


@pytest.mark.parametrize("package", FOLDERS)
def test_importing_a_module_opens_and_starts_nothing(package: str) -> None:
    assert import_effects(list(FOLDERS.values()), module_names(package)) == []


@pytest.mark.parametrize(
    ("source", "event"),
    [
        ("import pathlib; pathlib.Path(__file__).read_text()", "open"),
        ("import socket; socket.socket().close()", "socket.__new__"),
        ("import sqlite3; sqlite3.connect(':memory:').close()", "sqlite3.connect"),
        ("import threading; threading.Thread(target=int).start()", "thread"),
    ],
)
def test_the_check_sees_an_effect(tmp_path: Path, source: str, event: str) -> None:
    (tmp_path / "eager.py").write_text(source)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{textwrap.dedent(LIST_EFFECTS)}"
    effects = run_python(program, str(tmp_path), "eager")
    assert [line for line in effects if event in line], effects
