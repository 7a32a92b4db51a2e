"""Takes modules out of memory again that were needed for a moment."""

import sys


def unload(*names: str) -> None:
    """Modules of this package by their full name, loaded, half loaded (there was no memory for more) or not. Nothing
    that stays may hold a part of them."""
    for name in names:
        if sys.modules.pop(name, None) is not None:
            package, _, module = name.rpartition(".")
            if hasattr(sys.modules[package], module):
                delattr(sys.modules[package], module)
