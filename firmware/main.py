"""MicroPython runs this file after boot."""

import gc

# What importing leaves behind is collected early: otherwise the program's parts lie scattered over the whole heap, and
# no piece large enough for the next part is free.
gc.threshold(8192)  # type: ignore[attr-defined]  # MicroPython's alone

from aircue_node.program import run  # noqa: E402

if __name__ == "__main__":
    run()
