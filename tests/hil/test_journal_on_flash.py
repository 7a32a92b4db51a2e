"""The journal in real MicroPython, on littlefs over a simulated flash: power cuts, wear, memory.

AIRCUE_LONG=1 cuts at every byte instead of every program unit of the flash, which takes a quarter of an hour.
"""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"
FIRMWARE = ROOT / "firmware"
MODULES = ROOT / "hil" / "aircue_hil" / "modules"
LONG = bool(os.environ.get("AIRCUE_LONG"))
# Bytes of a program unit: what MicroPython sets up on an ESP32 and on an RP2.
ESP32, RP2 = 32, 256

pytestmark = pytest.mark.hil


def run(micropython: Path, program: str, *arguments: object, heap: str = "64m", timeout_s: float = 300) -> list[str]:
    """The lines a program of this folder prints; it must end well."""
    script = PROGRAMS / f"{program}.py"
    command = [micropython, "-X", f"heapsize={heap}", script, FIRMWARE, MODULES, *map(str, arguments)]
    path = {"MICROPYPATH": f"{PROGRAMS}:.frozen"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=timeout_s, env={**os.environ, **path}
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.splitlines()


def numbers(line: str) -> dict[str, int]:
    """'erases 3 in all 7' as {"erases": 3, "in all": 7}."""
    found, words = {}, []
    for word in line.split():
        if word.isdigit():
            found[" ".join(words)] = int(word)
            words = []
        else:
            words.append(word)
    return found


@pytest.mark.parametrize("unit", [ESP32, RP2])
def test_wherever_the_power_goes_the_journal_is_readable_and_misses_nothing(micropython: Path, unit: int) -> None:
    """Every prefix of the flash's operations, each erase half done from either end, each program at every unit."""
    lines = run(micropython, "journal_power_cut", 1 if LONG else unit, unit, 0, 1, timeout_s=7200 if LONG else 300)
    print(*lines, sep="\n")
    story, cuts = numbers(lines[0].removeprefix("story: ")), numbers(lines[-1])
    assert story["samples"] > 700
    assert cuts["power cuts tried"] > story["programs"] + 2 * story["erases"]
    assert cuts["different states"] > 150


@pytest.mark.parametrize("unit", [ESP32, RP2])
@pytest.mark.parametrize("quantities", [2, 8])
def test_a_day_offline_costs_less_than_a_tenth_of_an_erase_a_reading(
    micropython: Path, quantities: int, unit: int
) -> None:
    lines = run(micropython, "journal_wear", quantities, unit, heap="8m")
    kept, wear = numbers(lines[-2]), numbers(lines[-1])
    assert (kept["lost"], kept["left"]) == (0, 0)
    erases = wear["erases offline"] + wear["draining"]
    print(f"{quantities} quantities, units of {unit} bytes: {erases} erases, {erases / wear['readings']:.4f} a reading")
    assert 0 < erases / wear["readings"] < 0.1


def test_the_memory_it_takes_is_told(tmp_path: Path, micropython: Path) -> None:
    """On this 64-bit computer, whose objects are about twice as large as a board's. What is kept does not grow."""
    lines = run(micropython, "journal_heap", tmp_path / "flash", heap="160k")
    print(*lines, sep="\n")
    first, second = numbers(lines[-2]), numbers(lines[-1])
    assert first["object"] < 10_000
    assert second["filled"] < 1000
    assert second["in all"] < 60_000


def test_killing_the_process_is_a_power_cut_and_what_was_stored_is_there(tmp_path: Path, micropython: Path) -> None:
    """Ten boots on one flash in a file, each killed after it has said so often that something is stored."""
    flash, stored, erases = tmp_path / "flash", 0, 0
    for boot in range(1, 11):
        command = [micropython, PROGRAMS / "journal_killed.py", FIRMWARE, MODULES, flash, str(boot)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            found = numbers(process.stdout.readline())
            assert found["found"] >= stored, f"boot {boot}"
            assert found["erases"] >= erases
            said = [process.stdout.readline() for _ in range(boot)]
            process.kill()
            rest = process.stdout.read().splitlines()
        last = [line for line in [*said, *rest] if line.startswith("stored ")][-1]
        stored += numbers(last)["stored"]
        erases = found["erases"]
    assert erases > 3
