"""The firmware in real MicroPython: the contract's golden files, and what it says without settings."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware"

pytestmark = pytest.mark.hil


def test_golden_files_and_sensor_vectors_hold_in_micropython(micropython: Path) -> None:
    script = Path(__file__).parent / "contract_on_micropython.py"
    command = [micropython, "-X", "heapsize=160k", script, FIRMWARE, ROOT / "tests" / "contract"]
    printed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert printed.stdout.splitlines() == ["passed 27"], printed.stdout + printed.stderr


def test_every_module_of_the_node_is_imported_by_micropython(micropython: Path) -> None:
    """A name that MicroPython lacks shows when a module is loaded. ports.py is for the type checker alone, host/ never
    reaches a board; wiring/ needs a board's own modules, and runs on the bench."""
    modules = sorted(
        ".".join(path.relative_to(FIRMWARE).with_suffix("").parts)
        for path in (FIRMWARE / "aircue_node").rglob("*.py")
        if path.stem not in ("__init__", "ports") and path.parent.name not in ("host", "wiring")
    )
    lines = "\n".join(f"import {module}" for module in modules)
    program = f"import sys\nsys.path.insert(0, {str(FIRMWARE)!r})\n{lines}\nprint('imported')"
    printed = subprocess.run([micropython, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert printed.stdout.strip() == "imported", printed.stdout + printed.stderr
