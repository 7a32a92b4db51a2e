"""Shows what the drivers' codec tests are worth: changes each codec in one place at a time and runs its tests on it.

    python tests/mutants.py [driver ...]

One line a driver, the survivors below it with --survivors; the last line is one JSON object. Ends with 1 where fewer
than 90 % of a driver's mutants are killed. An equivalent mutant counts as a survivor.

Every mutant is a process of its own, forked from one that has collected the tests, so that a mutant costs its tests
alone, and only until the first is red.
"""

import argparse
import ast
import copy
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
SENSORS = ROOT / "firmware" / "aircue_node" / "sensors"
CODECS_TEST = "tests/node/test_sensor_codecs.py"
PACKAGE = "aircue_node.sensors."
LEAST = 0.9
GREEN, RED = 0, 1
# Of the processor's time: a mutant that goes on for ever is killed, one on a busy machine is not.
PATIENCE_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Codec:
    """A driver's codec: its module, the names it begins with (what these use in the module belongs to it), its tests.

    only: words of which a test of it has one in its name; none = every test of the file.
    """

    module: str
    entries: tuple[str, ...]
    tests: str = CODECS_TEST
    only: tuple[str, ...] = ()


# bmp280 and pms7003 have the codecs of bme280 and pms5003; sensirion and serial are what several drivers share.
CODECS = {
    "bme280": Codec(
        module="bme280",
        entries=("Calibration", "decode", "PARTS", "_MEASURE", "_MEASURE_WITH_HUMIDITY"),
        only=(
            "bme280",
            "bmp280",
        ),
    ),
    "dht11": Codec(
        module="dht",
        entries=("decode_dht11",),
        only=(
            "dht11",
            "clone",
        ),
    ),
    "dht22": Codec(module="dht", entries=("decode_dht22",), only=("dht22",)),
    "mhz19": Codec(
        module="mhz19",
        entries=("decode", "READ_CO2", "HEAD", "SIZE"),
        only=(
            "mhz19",
            "frame",
        ),
    ),
    "mq135": Codec(module="mq135", entries=("decode", "LOAD_OHM", "CLEAN_OHM", "FULL_SCALE_MV"), only=("mq135",)),
    "pms5003": Codec(
        module="pms5003",
        entries=("decode", "WAKE", "PASSIVE", "READ", "HEAD", "SIZE"),
        only=(
            "pms",
            "frame",
        ),
    ),
    "scd4x": Codec(
        module="scd4x",
        entries=("decode", "is_ready", "START_PERIODIC", "DATA_READY", "READ_MEASUREMENT"),
        only=("scd4x",),
    ),
    "sgp40": Codec(module="sgp40", entries=("request", "decode", "check_self_test", "SELF_TEST"), only=("sgp40",)),
    "sht3x": Codec(module="sht3x", entries=("decode", "SOFT_RESET", "MEASURE_HIGH_REPEATABILITY"), only=("sht3x",)),
    "sht4x": Codec(module="sht4x", entries=("decode", "SOFT_RESET", "MEASURE_HIGH_PRECISION"), only=("sht4x",)),
    "sensirion": Codec(
        module="sensirion",
        entries=("crc8", "words", "framed", "temperature_centi"),
        only=(
            "crc",
            "sht",
            "scd",
            "sgp",
        ),
    ),
    "serial": Codec(module="serial", entries=("find",), only=("frame",)),
    "voc_index": Codec(
        module="voc_index",
        entries=("VocIndex", "BLACKOUT_S"),
        tests="tests/node/test_voc_index.py",
        only=("45_seconds", "stays_the_same", "counts_as", "published_algorithm", "whole_number"),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    line: int
    what: str
    tree: ast.Module


_SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitAnd,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """What one node may be changed into."""
    for swapped in _SWAPS.get(type(node), ()):
        yield swapped()
    if isinstance(node, ast.Constant):
        yield from (ast.Constant(value) for value in _other_values(node.value))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        for decided in (True, False):
            changed = copy.deepcopy(node)
            changed.test = ast.Constant(decided)
            yield changed
    elif isinstance(node, ast.AugAssign | ast.Raise) or _is_call(node):
        yield ast.Pass()


def _is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _other_values(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, float):
        yield from (value + 1.0, value - 1.0) if abs(value) >= 1.0 or value == 0.0 else (value * 2.0, value / 2.0)
    elif isinstance(value, bytes) and value:
        yield from (bytes((value[0] ^ 1,)) + value[1:], value[:-1] + bytes((value[-1] ^ 1,)))


def belonging(tree: ast.Module, entries: Sequence[str]) -> list[ast.stmt]:
    """The module's statements that define the entries and whatever of the module these use."""
    defined = {name: statement for statement in tree.body for name in _names(statement)}
    wanted, found = list(entries), dict[str, ast.stmt]()
    while wanted:
        name = wanted.pop()
        if name in defined and name not in found:
            found[name] = defined[name]
            wanted += [node.id for node in ast.walk(defined[name]) if isinstance(node, ast.Name)]
    missing = [name for name in entries if name not in found]
    if missing:
        pytest.exit(f"mutants: {', '.join(missing)} is not in the module any more: correct CODECS")
    return [statement for statement in tree.body if statement in found.values()]


def _names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]


def sites(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """(parent, field, place in it, node) of everything below that runs: no annotation, no docstring, no message."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list") or isinstance(node, ast.JoinedStr):
            continue
        for place, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                yield node, field, place, child
                yield from sites(child)


def mutants(source: str, entries: Sequence[str]) -> Iterator[Mutant]:
    """The source's tree with one change each, in the order of the source."""
    tree = ast.parse(source)
    for statement in belonging(tree, entries):
        for parent, field, place, node in list(sites(statement)):
            line = getattr(node, "lineno", getattr(parent, "lineno", 0))
            for variant in variants(node):
                _put(parent, field, place, variant)
                changed = ast.fix_missing_locations(copy.deepcopy(tree))
                _put(parent, field, place, node)
                yield Mutant(line=line, what=f"{_shown(node, parent)} -> {_shown(variant, parent)}", tree=changed)


def _put(parent: ast.AST, field: str, place: int | None, node: ast.AST) -> None:
    if place is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[place] = node


def _shown(node: ast.AST, parent: ast.AST) -> str:
    if not isinstance(node, ast.expr | ast.stmt):
        return type(node).__name__
    return ast.unparse(node).partition("\n")[0]


class Session:
    """A pytest plugin: the tests are collected once; each mutant then runs its own of them in a fork."""

    def __init__(self, act: Callable[["Session"], int]) -> None:
        self._act = act
        self.items: list[pytest.Item] = []
        self.result = 1

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = session.items
        self.result = self._act(self)
        return True

    def start(self, codec: Codec, tree: ast.Module) -> int:
        """Runs the codec's tests on this tree in a process of its own; its id."""
        process = os.fork()
        if process == 0:
            self._run(codec, tree)
        return process

    def tests(self, codec: Codec) -> list[pytest.Item]:
        """Those with one example come before those that try many: most mutants die sooner so."""
        here = [item for item in self.items if item.nodeid.startswith(codec.tests)]
        own = [item for item in here if not codec.only or any(word in item.name for word in codec.only)]
        return sorted(own, key=_tries_many)

    def _run(self, codec: Codec, tree: ast.Module) -> None:
        """The child's part; it never returns."""
        signal.setitimer(signal.ITIMER_PROF, PATIENCE_S)
        outcome = RED
        try:
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
            replace(codec.module, tree)
            outcome = GREEN if all(passes(item) for item in self.tests(codec)) else RED
        finally:
            os._exit(outcome)


def _tries_many(item: pytest.Item) -> bool:
    return getattr(getattr(item, "obj", None), "is_hypothesis_test", False)


def passes(item: pytest.Item) -> bool:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    return item.session.testsfailed == 0


def replace(module: str, tree: ast.Module) -> None:
    """Runs the changed code in the module's own name space, then the modules anew that took names from it."""
    changed = sys.modules[PACKAGE + module]
    exec(compile(tree, str(changed.__file__), "exec"), changed.__dict__)
    for name, other in list(sys.modules.items()):
        if name.startswith(PACKAGE) and other is not changed and f"{PACKAGE}{module} import" in _source(name):
            exec(compile(_source(name), str(other.__file__), "exec"), other.__dict__)


def _source(name: str) -> str:
    return (SENSORS / (name.removeprefix(PACKAGE) + ".py")).read_text()


def killed(status: int) -> bool:
    """Whether the child ended as one whose tests went red, or in any other way than green."""
    return os.WIFSIGNALED(status) or os.WEXITSTATUS(status) != GREEN


def survivors(session: Session, codec: Codec, found: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """Those that no test noticed; `jobs` of them are tried at a time."""
    running: dict[int, Mutant] = {}
    alive = []
    for mutant in [*found, None]:
        while running and (mutant is None or len(running) >= jobs):
            process, status = os.wait()
            done = running.pop(process)
            alive += [] if killed(status) else [done]
        if mutant is not None:
            running[session.start(codec, mutant.tree)] = mutant
    return sorted(alive, key=lambda one: one.line)


def refuse_red(session: Session, codec: Codec, source: str) -> None:
    """No tests would kill nothing, and tests that are red without a change everything."""
    if not session.tests(codec):
        pytest.exit(f"mutants: no test of {codec.tests} has one of {', '.join(codec.only)} in its name")
    _, status = os.waitpid(session.start(codec, ast.parse(source)), 0)
    if killed(status):
        pytest.exit(f"mutants: the tests of {codec.module} are red without any change; see {codec.tests}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Mutate the drivers' codecs and run their tests.")
    parser.add_argument("drivers", nargs="*", metavar="driver", help=f"of {', '.join(CODECS)}; without one, all")
    parser.add_argument("--survivors", action="store_true", help="print each surviving mutant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at a time (default: one a core)")
    given = parser.parse_args(arguments)
    for driver in given.drivers:
        if driver not in CODECS:
            parser.error(f"unknown driver {driver}; known are {', '.join(CODECS)}")
    hypothesis.settings.register_profile(
        "mutants",
        database=None,
        deadline=None,
        derandomize=True,
        max_examples=20,
        report_multiple_bugs=False,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    )
    session = Session(lambda begun: _try_all(begun, given.drivers or list(CODECS), given.jobs, given.survivors))
    options = ["-s", "-qq", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-profile=mutants", f"--rootdir={ROOT}"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    pytest.main([*options, *sorted({str(ROOT / codec.tests) for codec in CODECS.values()})], plugins=[session])
    return session.result


def _try_all(session: Session, drivers: Sequence[str], jobs: int, tell: bool) -> int:
    figures = {driver: _try(session, driver, jobs, tell) for driver in drivers}
    print(json.dumps(figures), flush=True)
    return 0 if all(row["killed"] >= LEAST * row["mutants"] for row in figures.values()) else 1


def _try(session: Session, driver: str, jobs: int, tell: bool) -> dict[str, int]:
    codec, began = CODECS[driver], time.monotonic()
    source = _source(PACKAGE + codec.module)
    refuse_red(session, codec, source)
    found = list(mutants(source, codec.entries))
    alive = survivors(session, codec, found, jobs)
    dead, took = len(found) - len(alive), time.monotonic() - began
    print(f"{driver:10} {dead:4} of {len(found):4} killed, {dead / len(found):6.1%}, {took:5.1f} s", flush=True)
    for mutant in alive if tell else []:
        print(f"    {codec.module}.py:{mutant.line}: {mutant.what}", flush=True)
    return {"mutants": len(found), "killed": dead}


if __name__ == "__main__":
    sys.exit(main())
