"""Who this node is across power cuts: an installation id drawn once, and a counter of boots, each in a tiny file."""

import os

MYPY = False
if MYPY:
    from collections.abc import Callable

_INSTALLATION = "installation"
_BOOT = "boot"


def start(draw: "Callable[[], int]") -> tuple[int, int]:
    """(installation id, this boot's number), written before it is used. draw: 32 random bits.

    An unreadable counter means damaged storage: a new installation begins, because a boot number must never come twice.
    """
    installation, boot = _read(_INSTALLATION), _read(_BOOT)
    if installation is None or boot is None:
        installation, boot = draw(), 0
        _write(_INSTALLATION, installation)
    _write(_BOOT, boot + 1)
    return installation, boot + 1


def _read(name: str) -> int | None:
    try:
        with open(name) as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _write(name: str, number: int) -> None:
    """The file holds the old number or the new one, whenever the power goes."""
    with open(name + ".new", "w") as file:
        file.write(str(number))
    os.rename(name + ".new", name)
