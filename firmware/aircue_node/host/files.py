"""Brings a board's files up to date: only what differs goes over the line, and the change takes effect in one step.

The board computes the hashes. New files go into the slot that is not running, or beside the old ones as NAME.new; when
every hash is right, one command releases the slot and renames the NAME.new into place, main.py last. A cable pulled
before that leaves the old program, one pulled after it the new one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aircue_node.host.errors import FlashError
from aircue_node.host.image import (
    LAUNCHER,
    SETTINGS_FILE,
    SLOT_FILE,
    SLOTS,
    UNFINISHED,
    Image,
    ImageFile,
    SlotState,
    file_of,
    slot_state,
    slot_text,
)
from aircue_node.host.repl import Repl

Say = Callable[[str], None]

_NEW = ".new"
_BLOCK = 4096  # littlefs gives a file whole blocks
_SPARE = 8 * _BLOCK  # folders, and what littlefs needs to write anything at all
# Renamed in this order: nothing starts the new program before main.py, and main.py finds its slot already named.
_ROOT = (SETTINGS_FILE, SLOT_FILE, *LAUNCHER)

_WALK = (
    "def _hash(p):\n"
    " h=hashlib.sha256();b=bytearray(512);m=memoryview(b)\n"
    " with open(p,'rb') as f:\n"
    "  while True:\n"
    "   n=f.readinto(b)\n"
    "   if not n:break\n"
    "   h.update(m[:n])\n"
    " return hexlify(h.digest()).decode()\n"
    "def _show(p):\n"
    " _fed()\n"
    " try:print(_hash(p),p)\n"
    " except OSError:pass\n"
    "def _walk(d):\n"
    " try:found=list(os.ilistdir(d))\n"
    " except OSError:return\n"
    " for e in found:\n"
    "  p=d+'/'+e[0]\n"
    "  if e[1]&0x4000:_walk(p)\n"
    "  else:_show(p)\n"
)
_FREE = "s=os.statvfs('/');print(s[0]*s[3])"
_MAKE_FOLDER = "try:os.mkdir({!r})\nexcept OSError as e:\n if e.errno!=17:raise"
_REMOVE = "_fed();os.remove({!r})"
_COPY = (
    "with open({!r},'rb') as s:\n"
    " with open({!r},'wb') as t:\n"
    "  while True:\n"
    "   _fed();b=s.read(512)\n"
    "   if not b:break\n"
    "   t.write(b)\n"
)
_GUARD = "open({!r},'wb').close()"
_FINISH = "for n in {!r}:os.remove(n)\nfor n in {!r}:\n os.rename(n+{!r},n)"
# The pause lets the board acknowledge the command before its port goes away.
_LEAVE = "import machine,time\ntime.sleep_ms(100)\nmachine.{}()"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do to a board, paths from its root, in the order of the fields.

    guard: the file that keeps the launcher from starting a slot while it is written, removed together with the
    renaming. remove: what differs or is not in the image, from the slot that does not run and of leftover NAME.new.
    folders: to be made. copy: (from, to) on the board itself. send: over the line. rename: NAME.new to NAME. expect:
    sha256 by path when all is done.
    """

    guard: str | None
    remove: tuple[str, ...]
    folders: tuple[str, ...]
    copy: tuple[tuple[str, str], ...]
    send: tuple[ImageFile, ...]
    rename: tuple[str, ...]
    expect: Mapping[str, str]

    @property
    def nothing_to_do(self) -> bool:
        return not (self.guard or self.remove or self.copy or self.send or self.rename)


@dataclass(frozen=True, kw_only=True)
class Done:
    """How many files the board got over the line, and how many it has of the image now."""

    sent: int
    verified: int


# --- deciding -----------------------------------------------------------------------------------------------------


def plan(image: Image, settings: bytes | None, there: Mapping[str, str], state: SlotState) -> Plan:
    """there: sha256 by path of what the board has in its slots and at its root; state: what its `slot` says."""
    active = _runs(there, state)
    slot = _target(image, there, active)
    program = {f"/{slot}/{file.path}": file for file in image.program}
    named = slot == state.active and not state.on_trial
    root = _root(image, settings, None if named else slot_text(slot, state.sequence))
    missing = {path: file for path, file in program.items() if there.get(path) != file.sha256}
    changed = {path + _NEW: file for path, file in root.items() if there.get(path) != file.sha256}
    on_board = {} if active in (None, slot) else _by_hash(there, f"/{active}/")
    copied = {path: on_board[file.sha256] for path, file in missing.items() if file.sha256 in on_board}
    unsent = {path: file for path, file in missing.items() if path not in copied}
    unsent.update({path: file for path, file in changed.items() if there.get(path) != file.sha256})
    return Plan(
        guard=None if slot == active else f"/{slot}/{UNFINISHED}",
        remove=tuple(_stale(there, slot, {**program, **changed})),
        folders=tuple(_folders(missing)),
        copy=tuple((start, path) for path, start in copied.items()),
        send=tuple(ImageFile(path=path, data=file.data, sha256=file.sha256) for path, file in unsent.items()),
        rename=tuple(f"/{name}" for name in _ROOT if f"/{name}{_NEW}" in changed),
        expect={path: file.sha256 for path, file in {**program, **root}.items()},
    )


def _runs(there: Mapping[str, str], state: SlotState) -> str | None:
    """The slot the launcher starts; without a `slot` that makes sense that is the first, if it is whole."""
    first = f"/{SLOTS[0]}/"
    if state.active is not None:
        return state.active
    return SLOTS[0] if any(path.startswith(first) for path in there) and first + UNFINISHED not in there else None


def _target(image: Image, there: Mapping[str, str], active: str | None) -> str:
    """The running slot where it holds just this image already, else the other one."""
    if active is None:
        return SLOTS[0]
    running = {path: value for path, value in there.items() if path.startswith(f"/{active}/")}
    wanted = {f"/{active}/{file.path}": file.sha256 for file in image.program}
    return active if running == wanted else next(slot for slot in SLOTS if slot != active)


def _root(image: Image, settings: bytes | None, slot: bytes | None) -> dict[str, ImageFile]:
    """What the image wants at the root, by path; slot: what `slot` is to say, None where that may stay as it is."""
    files = list(image.launcher)
    if settings is not None:
        files.append(file_of(SETTINGS_FILE, settings))
    if slot is not None:
        files.append(file_of(SLOT_FILE, slot))
    return {f"/{file.path}": file for file in files}


def _by_hash(there: Mapping[str, str], folder: str) -> dict[str, str]:
    return {value: path for path, value in there.items() if path.startswith(folder)}


def _stale(there: Mapping[str, str], slot: str, wanted: Mapping[str, ImageFile]) -> list[str]:
    """What is not as wanted: in the slot everything, at the root every leftover NAME.new."""
    ours = [path for path in there if path.startswith(f"/{slot}/") or path.endswith(_NEW)]
    ours = [path for path in ours if path != f"/{slot}/{UNFINISHED}"]
    return sorted(path for path in ours if path not in wanted or wanted[path].sha256 != there[path])


def _folders(paths: Mapping[str, ImageFile]) -> list[str]:
    found = {path[:end] for path in paths for end in range(1, len(path)) if path[end] == "/"}
    return sorted(found)


# --- doing --------------------------------------------------------------------------------------------------------


def install(repl: Repl, image: Image, settings: bytes | None, say: Say) -> Done:
    """Raises FlashError; until the last step the board keeps the program it had."""
    repl.prepare()
    repl.run(_WALK)
    wanted = plan(image, settings, hashes(repl), slot_state(_slot(repl)))
    if wanted.nothing_to_do:
        say(f"files: all {len(wanted.expect)} are there already")
    else:
        _stage(repl, wanted, say)
        _verify(repl, {_staged(path, wanted): value for path, value in wanted.expect.items()})
        guards = () if wanted.guard is None else (wanted.guard,)
        repl.run(_FINISH.format(guards, wanted.rename, _NEW))
    _verify(repl, wanted.expect)
    say(f"files: {len(wanted.expect)} verified on the board")
    return Done(sent=len(wanted.send), verified=len(wanted.expect))


def hashes(repl: Repl) -> dict[str, str]:
    """sha256 by path of what the board has in its slots and at its root, as far as it is ours."""
    folders = "".join(f"_walk('/{slot}')\n" for slot in SLOTS)
    single = "".join(f"_show({path!r})\n" for name in _ROOT for path in (f"/{name}", f"/{name}{_NEW}"))
    lines = repl.run(folders + single).splitlines()
    return {path: value for value, _, path in (line.partition(" ") for line in lines)}


def _slot(repl: Repl) -> bytes:
    return repl.run(f"try:\n with open('/{SLOT_FILE}') as f:print(f.read())\nexcept OSError:pass").encode()


def _stage(repl: Repl, wanted: Plan, say: Say) -> None:
    """Everything but the last step."""
    if wanted.guard is not None:
        repl.run(_MAKE_FOLDER.format(wanted.guard.rpartition("/")[0]))
        repl.run(_GUARD.format(wanted.guard))
    for path in wanted.remove:
        repl.run(_REMOVE.format(path))
    _check_space(repl, wanted)
    for path in wanted.folders:
        repl.run(_MAKE_FOLDER.format(path))
    for number, (start, path) in enumerate(wanted.copy, 1):
        say(f"copy on the board {number}/{len(wanted.copy)} {path}")
        repl.run(_COPY.format(start, path))
    for number, file in enumerate(wanted.send, 1):
        say(f"send {number}/{len(wanted.send)} {file.path} ({len(file.data)} bytes)")
        repl.write(file.path, file.data)


def _check_space(repl: Repl, wanted: Plan) -> None:
    free = int(repl.run(_FREE))
    sizes = [len(file.data) for file in wanted.send]
    sizes += [int(repl.run(f"print(os.stat({start!r})[6])")) for start, _ in wanted.copy]
    needed = sum(-(-size // _BLOCK) * _BLOCK for size in sizes) + _SPARE
    if free < needed:
        raise FlashError(
            f"{repl.port}: the board's storage has {free} bytes free, {needed} are needed; remove files of yours from"
            " it (mpremote ls, mpremote rm), then run the same command again"
        )


def _staged(path: str, wanted: Plan) -> str:
    return path + _NEW if path in wanted.rename else path


def _verify(repl: Repl, expected: Mapping[str, str]) -> None:
    there = hashes(repl)
    wrong = sorted(path for path, value in expected.items() if there.get(path) != value)
    if wrong:
        raise FlashError(
            f"{repl.port}: {len(wrong)} files are not on the board as they were sent ({', '.join(wrong[:3])}); run the"
            " same command again; if it stays so, the board's flash is worn out"
        )


def restart(repl: Repl) -> None:
    repl.leave(_LEAVE.format("reset"))


def enter_boot_loader(repl: Repl) -> None:
    """A Pico shows itself as a drive after this."""
    repl.leave(_LEAVE.format("bootloader"))
