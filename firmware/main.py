"""MicroPython runs this file after boot: it starts the program in folder a or b, or the one beside it where none is.

An update never replaces this file, so it stays small and needs nothing of either folder. What to start stands in the
file `slot`, one JSON object; aircue_node/slots.py writes it too.

    active    the folder whose program has proved itself
    trial     a folder whose program has yet to: it is started at most three times without a confirmation
    tries     how many of these starts were begun; each is counted before it begins
    version   what the trial calls itself
    why       what its last start ended with, where this file saw it
    outcome   why a trial was given up, or a folder
    swapped   true: the active folder is a stopgap, its forerunner could not be started any more

A folder with a file `unfinished` in it is never started: a download into it has begun and not ended.
"""

import gc
import json
import os
import sys
import time

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

STARTS = 3
FOLDERS = ("a", "b")
_PLACES = ("slot", "slot.new")
_PAUSE_S = 60
_LONGEST_WHY = 120
_COLLECT_EVERY = 8192


def read() -> "dict[str, Any]":
    """What stands in the file; {"active": "a"} where there is none, or none that makes sense.

    Where renaming takes two steps (FAT), a power cut between them leaves the new file under its first name alone.
    """
    for name in _PLACES:
        try:
            with open(name) as file:
                state = json.loads(file.read())
            if _makes_sense(state):
                return dict(state)
        except (OSError, ValueError):
            pass
    return {"active": FOLDERS[0]}


def save(state: "dict[str, Any]") -> bool:
    """The file holds the old state or this one, whenever the power goes. False: the flash takes nothing."""
    try:
        with open(_PLACES[1], "w") as file:
            file.write(json.dumps(state))
        os.rename(_PLACES[1], _PLACES[0])
    except OSError as error:
        print("main: slot cannot be written:", error)
        return False
    return True


def pick(state: "dict[str, Any]", ready: list[str]) -> str:
    """The folder to start, one of those that are ready. `state` becomes what must be saved before the start."""
    trial: str | None = state.get("trial")
    if trial is not None and trial in ready and state["tries"] < STARTS:
        state["tries"] += 1
        state.pop("why", None)
        return trial
    if trial is not None:
        _give_up(state, trial in ready)
    if state["active"] not in ready:
        _swap(state, "it is not whole")
    active: str = state["active"]
    return active


def choose() -> "tuple[str | None, dict[str, Any], list[str]]":
    """(folder to start, what `slot` says then, folders that are ready); None where there are no folders."""
    ready = [folder for folder in FOLDERS if _exists(folder + "/aircue_node") and not _exists(folder + "/unfinished")]
    state = read()
    if not ready:
        return None, state, ready
    before = dict(state)
    folder = pick(state, ready)
    if state != before and not save(state):
        return _uncounted(before, ready), before, ready
    return folder, state, ready


def main() -> None:
    """What importing leaves behind is collected early, or the program's parts would lie scattered over the heap."""
    if hasattr(gc, "threshold"):
        gc.threshold(_COLLECT_EVERY)
    folder, state, ready = choose()
    if folder is None:
        _program()()
        return
    sys.path.insert(0, folder)
    if folder == state.get("trial"):
        _try_out(folder)
    else:
        _start(state, folder, ready)


def _makes_sense(state: "Any") -> bool:
    if not isinstance(state, dict) or state.get("active") not in FOLDERS:
        return False
    return "trial" not in state or (state["trial"] == _other(state["active"]) and type(state.get("tries")) is int)


def _other(folder: str) -> str:
    return FOLDERS[1 - FOLDERS.index(folder)]


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def _give_up(state: "dict[str, Any]", whole: bool) -> None:
    """The trial is over, the active folder stays."""
    why = f"no ack in {STARTS} starts" if whole else "its folder is not whole"
    last = state.get("why")
    state["outcome"] = f"rolled back from {state.get('version')}: {why}" + (f"; the last: {last}" if last else "")
    for key in ("trial", "tries", "version", "why"):
        state.pop(key, None)


def _swap(state: "dict[str, Any]", why: str) -> None:
    """The other folder takes over, until its program is confirmed as the one that works."""
    state["outcome"] = f"folder {state['active']} was given up: {why}"
    state["active"] = _other(state["active"])
    state["swapped"] = True


def _uncounted(state: "dict[str, Any]", ready: list[str]) -> str:
    """Flash that takes nothing counts no start, so no trial begins."""
    active: str = state["active"]
    return active if active in ready else ready[0]


def _try_out(folder: str) -> None:
    """Starts a trial. However it ends a reset follows, and the next start counts; Ctrl-C gives the prompt."""
    try:
        _program(True)()
        why = "it ended by itself"
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 -- whatever ends a trial, an exit too, counts against it
        why = _told(error)
    state = read()
    if state.get("trial") == folder:
        state["why"] = why
        save(state)
    _reset()


def _start(state: "dict[str, Any]", folder: str, ready: list[str]) -> None:
    """Starts the active folder. One that cannot be loaded gives way to the other, once."""
    try:
        _program()()
    except Exception as error:  # noqa: BLE001 -- told whole; flash that lost a byte raises anything
        why = _told(error)
        if state.get("swapped") or _other(folder) not in ready or not _swapped(state, why):
            time.sleep(_PAUSE_S)
        _reset()


def _swapped(state: "dict[str, Any]", why: str) -> bool:
    _swap(state, why)
    return save(state)


def _program(on_trial: bool = False) -> "Callable[[], None]":
    from aircue_node.start import load

    return load(on_trial)


def _told(error: BaseException) -> str:
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    return f"{type(error).__name__}: {error}"[:_LONGEST_WHY]


def _reset() -> None:
    import machine

    machine.reset()


if __name__ == "__main__":
    main()
