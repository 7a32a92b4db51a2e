"""Constants stand where they are used, and a program with them does what it did before."""

import ast
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from tests.flash.stage import FIRMWARE

from aircue_node.host.constants import inlined

PACKETS = """
CONNECT = 1
LIMIT = 4 * 16
LEAST = -3
NAME = "birth"
TABLE = [CONNECT, LIMIT]


def kind():
    return CONNECT, NAME
"""


def put(**sources: str) -> Mapping[str, str]:
    return {name: text.decode() for name, text in inlined({n: s.encode() for n, s in sources.items()}).items()}


def run(name: str, sources: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module after all are imported in their order."""
    for each, text in sources.items():
        module = ModuleType(each)
        monkeypatch.setitem(sys.modules, each, module)
        exec(compile(text, each, "exec"), module.__dict__)
    return sys.modules[name]


def test_a_constant_stands_where_another_module_reads_it_and_has_no_public_name_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = "packets.CONNECT << 4, packets.LIMIT // 3, -packets.LEAST, packets.kind()"
    user = f"import packets\n\n\ndef used():\n    return {read}\n"
    sources = {"packets": PACKETS, "user": user}
    made = put(**sources)
    assert "packets.kind()" in made["user"]
    assert "CONNECT" not in made["user"]
    assert {"_CONNECT", "_LIMIT", "_LEAST", "_NAME", "TABLE"} <= set(_given(made["packets"]))
    before = run("user", sources, monkeypatch).used()
    assert run("user", made, monkeypatch).used() == before == (16, 21, 3, (1, "birth"))


def test_it_also_stands_where_it_was_imported_beside_something_else() -> None:
    made = put(packets=PACKETS, user="from packets import CONNECT, kind\nfound = CONNECT, kind\n")
    assert made["user"] == "from packets import kind\nfound = (1), kind\n"
    assert "_CONNECT" in _given(made["packets"])


@pytest.mark.parametrize(
    "user",
    [
        "import packets\nfound = f'{packets.CONNECT}'\n",
        "import packets\nfound = getattr(packets, 'CONNECT')\n",
        "from packets import CONNECT\nfound = CONNECT\n",
        "from packets import CONNECT as one, kind\nfound = one\n",
        "from packets import CONNECT, kind\nfound = f'{CONNECT}'\n",
        "import packets\nfor packets in [packets]:\n    found = packets.CONNECT\n",
        "import packets as other\nimport packets\nmodules = [packets]\nfound = modules[0].CONNECT\n",
    ],
)
def test_what_is_reached_in_a_way_that_cannot_be_replaced_keeps_its_name(
    user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = {"packets": PACKETS, "user": user}
    made = put(**sources)
    assert "CONNECT" in _given(made["packets"])
    before = run("user", sources, monkeypatch).found
    assert run("user", made, monkeypatch).found == before


def test_a_name_that_two_modules_give_stands_for_its_own_in_each_function(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {
        "one": "ADDRESS = 1\ndef x(): pass\n",
        "two": "ADDRESS = 2\ndef y(): pass\n",
        "user": "def a():\n    from one import ADDRESS, x\n    return ADDRESS\n"
        "def b():\n    from two import ADDRESS, y\n    return ADDRESS\nfound = a(), b()\n",
    }
    assert run("user", put(**sources), monkeypatch).found == (1, 2)


def test_what_changes_is_no_constant() -> None:
    text = "COUNT = 1\n\n\ndef more():\n    global COUNT\n    COUNT += 1\n"
    assert put(counter=text, user="import counter\nfound = counter.COUNT\n")["user"].endswith("counter.COUNT\n")


def test_what_the_launcher_names_stays() -> None:
    made = inlined({"packets": PACKETS.encode()}, [b"import packets\nprint(packets.LIMIT)\n"])
    assert "LIMIT" in _given(made["packets"].decode())


def test_each_line_of_the_firmware_stays_where_it_is_and_each_module_can_still_be_read() -> None:
    sources = {path.as_posix(): path.read_bytes() for path in (FIRMWARE / "aircue_node").glob("*.py")}
    made = inlined(sources)
    for name, source in sources.items():
        ast.parse(made[name])
        assert _lines(made[name]) == _lines(source), Path(name).name


def test_a_source_that_cannot_be_read_comes_back() -> None:
    assert put(broken="def :\n") == {"broken": "def :\n"}


def _given(text: str) -> list[str]:
    targets = [node.targets[0] for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _lines(source: bytes) -> list[tuple[str, int]]:
    return [(node.name, node.lineno) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
