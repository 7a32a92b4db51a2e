"""Compiled modules get short names for what they keep to themselves, and mean the same as before."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.flash.stage import FIRMWARE

from aircue_node.host.image import build_image, compile_module
from aircue_node.host.names import renamed, short_names, with_texts

COUNTER = b"""
_START = [1]


class Counter:
    def __init__(self, first, step=1):
        self._value = first
        self._step = step

    def _next(self, times):
        self._value += self._step * times
        return self._value

    def count(self, times):
        return f"{self._next(times)} is what it {'_next'} gave"


def start(first):
    return Counter(first + _START[0], step=2)
"""


def names_of(**sources: str | bytes) -> dict[str, Mapping[str, str]]:
    return short_names({name: text.encode() if isinstance(text, str) else text for name, text in sources.items()})


def test_what_a_module_keeps_to_itself_is_shortened_and_nothing_else() -> None:
    assert set(names_of(counter=COUNTER)["counter"]) == {"_START", "_value", "_step", "first", "times"}


def test_every_module_begins_with_the_same_short_names() -> None:
    names = names_of(a="def f(speed): return speed", b="def g(weight): return weight")
    assert names == {"a": {"speed": "_a"}, "b": {"weight": "_a"}}


@pytest.mark.parametrize(
    ("kept", "source"),
    [
        ("_said", "def _said(): pass\ngetattr(x, '_said')"),
        ("_given", "class C:\n    def _given(self): pass\nf(_given=1)"),
        ("_taken", "from other import _taken\n_taken = 1"),
        ("__init__", "class C:\n    def __init__(self): pass"),
        ("public", "def public(): pass"),
        ("speed", "def f(speed): pass\nf(speed=1)"),
        ("speed", "def f(speed): return x.speed"),
        ("speed", "speed = 1\ndef f(speed): pass"),
        ("speed", "class C:\n    speed = 1\ndef f(speed): pass"),
        ("type", "def f(type): pass\ndef g(x): return type(x)"),
    ],
)
def test_a_name_that_others_may_know_stays(kept: str, source: str) -> None:
    assert kept not in names_of(module=source)["module"]


def test_a_private_name_that_another_module_reads_stays_everywhere() -> None:
    names = names_of(a="class A:\n    def __init__(self): self._x = self._y = 1", b="def f(a): return a._x")
    assert ("_x" in names["a"], "_y" in names["a"]) == (False, True)


def test_a_keyword_of_one_module_keeps_the_parameter_of_another() -> None:
    names = names_of(a="def f(speed, weight): pass", b="import a\na.f(1, weight=2)")
    assert set(names["a"]) == {"speed"}


def test_modules_whose_classes_inherit_from_each_other_share_their_names() -> None:
    base = "class Base:\n    def __init__(self): self._one = 1\n    def _two(self): pass"
    names = names_of(base=base, derived="from base import Base\nclass D(Base):\n    def _two(self): self._three = 3")
    assert names["base"] == names["derived"]
    assert set(names["derived"]) == {"_one", "_two", "_three"}
    assert len(set(names["derived"].values())) == 3


def test_a_short_name_that_is_taken_is_passed_over() -> None:
    assert names_of(a="_a = []\ndef f(speed): return _b")["a"] == {"_a": "_c", "speed": "_d"}


def test_a_source_that_cannot_be_parsed_is_left_alone() -> None:
    assert names_of(broken="def :") == {}


def compiled(folder: Path, source: bytes) -> bytes:
    (folder / "counter.py").write_bytes(source)
    made = compile_module(folder / "counter.py", "counter")
    (folder / "counter.py").unlink()
    return made


def test_no_shortened_name_is_left_in_the_compiled_module(tmp_path: Path) -> None:
    made = compiled(tmp_path, COUNTER)
    names = names_of(counter=COUNTER)["counter"]
    assert all(b"\0" + name.encode() not in renamed(made, names) for name in names)
    assert renamed(made, {}) == made
    assert renamed(made, {"_value": "x" * 80}) != made


@pytest.mark.hil
@pytest.mark.parametrize("texts", [False, True])
def test_micropython_runs_it_as_before(micropython: Path, tmp_path: Path, texts: bool) -> None:
    made = renamed(compiled(tmp_path, COUNTER), names_of(counter=COUNTER)["counter"])
    (tmp_path / "counter.mpy").write_bytes(with_texts(made) if texts else made)
    program = "import sys\nsys.path.insert(0, '.')\nimport counter\nprint(counter.start(4).count(3))"
    done = subprocess.run([micropython, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "11 is what it _next gave", done.stderr


@pytest.mark.hil
def test_texts_in_the_table_of_names_take_less_of_the_heap(micropython: Path, tmp_path: Path) -> None:
    line = b"def f%d(): return 'a text of the module, number %d', ('another %d', b'x')\n"
    source = b"".join(line % (n, n, n) for n in range(40))
    made = compiled(tmp_path, source)
    program = (
        "import gc, sys\nsys.path.insert(0, '.')\nfor n in range(320): hasattr(gc, 'name%d' % n)\n"
        "gc.collect()\nbefore = gc.mem_alloc()\nimport counter\n"
        "gc.collect()\nprint(gc.mem_alloc() - before, counter.f7())"
    )
    taken = []
    for data in (made, with_texts(made)):
        (tmp_path / "counter.mpy").write_bytes(data)
        done = subprocess.run([micropython, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
        count, _, said = done.stdout.strip().partition(" ")
        assert said == "('a text of the module, number 7', ('another 7', b'x'))", done.stderr
        taken.append(int(count))
    assert taken[1] < taken[0]


def test_each_name_of_the_image_that_is_not_said_anywhere_is_short() -> None:
    uplink = next(file for file in build_image(FIRMWARE).program if file.path == "aircue_node/uplink.mpy")
    assert b"_escalation" not in uplink.data
    assert b"Escalation" in uplink.data
