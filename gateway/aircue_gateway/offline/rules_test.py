"""`aircue-gateway rules test`: rules on fabricated series, before a home has them (docs/gateway-rules.md).

Series are written compactly, as Prometheus' promtool does: "79+0.5x10" is 79 and ten more, each 0.5 above the last;
"82x5" is 82 and five more; "_" is a missing reading, "_x3" are three.

Exit status 0, or 1 where an episode is not as expected, or 2 where the file cannot be used. Errors: RulesTestError,
naming the file, the place and what was expected.
"""

import argparse
import difflib
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aircue_gateway.alerts import RulesError, decode_rule, decode_rules
from aircue_gateway.cleaning.air import Air
from aircue_gateway.episodes import Change, Rule, State, fresh, step

_MOST_READINGS = 1_000_000
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_TERM = re.compile(rf"(?:(?P<gap>_)|(?P<first>{_NUMBER})(?P<step>[+-](?:\d+\.?\d*|\.\d+))?)(?:x(?P<times>\d+))?")
_TEST_KEYS = ("name", "interval", "series", "episodes")
_EPISODE_KEYS = ("need", "start", "end")


class RulesTestError(ValueError):
    """A file of rules and tests that cannot be used."""


@dataclass(frozen=True, order=True)
class Span:
    """An episode; times in seconds since the series began. end: None while it lasts."""

    start: float
    need: str
    end: float | None

    def __str__(self) -> str:
        return f"{self.need}: {duration(self.start)} to {'the end' if self.end is None else duration(self.end)}"


@dataclass(frozen=True)
class Case:
    name: str
    interval_s: float
    series: Mapping[str, Sequence[float | None]]
    expected: tuple[Span, ...]


def seconds(text: Any) -> float:
    """
    >>> seconds("1h30m"), seconds("45s"), seconds(0)
    (5400.0, 45.0, 0.0)
    """
    if type(text) in (int, float):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text) if isinstance(text, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise RulesTestError(f"{text!r}: expected a duration such as 90s, 15m or 1h30m")
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))


def duration(passed: float) -> str:
    """
    >>> duration(5400), duration(0), duration(61.5)
    ('1h30m', '0s', '1m1.5s')
    """
    hours, rest = divmod(passed, 3600)
    minutes, left = divmod(rest, 60)
    parts = [f"{hours:g}h"] * bool(hours) + [f"{minutes:g}m"] * bool(minutes) + [f"{left:g}s"] * bool(left)
    return "".join(parts) or "0s"


def values(text: str) -> list[float | None]:
    """
    >>> values("79+0.5x2 _x2 82x1")
    [79.0, 79.5, 80.0, None, None, 82.0, 82.0]
    """
    found: list[float | None] = []
    for term in text.split():
        match = _TERM.fullmatch(term)
        if match is None:
            raise RulesTestError(f"{term!r}: expected terms such as 79+0.5x10, 82x5, 82, _ or _x3")
        found += _term(match)
        if len(found) > _MOST_READINGS:
            raise RulesTestError(f"{term!r}: expected at most {_MOST_READINGS} readings in a series")
    return found


def _term(match: re.Match[str]) -> list[float | None]:
    times = min(int(match["times"] or 0), _MOST_READINGS)
    if match["gap"]:
        return [None] * (times if match["times"] else 1)
    first, each = float(match["first"]), float(match["step"] or 0)
    if match["step"] and not match["times"]:
        raise RulesTestError(f"{match[0]!r}: expected how often to step, as in {match[0]}x10")
    return [round(first + each * number, 9) for number in range(times + 1)]


def load(path: Path) -> tuple[tuple[Rule, ...], list[Case]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RulesTestError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RulesTestError(f"{path}: is no TOML: {error}") from error
    try:
        _known(document, ("rules", "rules_file", "tests"), "the file")
        rules = _rules(path, document)
        return rules, [_case(table, number, rules) for number, table in enumerate(_tables(document, "tests"), start=1)]
    except (RulesTestError, RulesError) as error:
        raise RulesTestError(f"{path}: {error}") from error


def _rules(path: Path, document: dict[str, Any]) -> tuple[Rule, ...]:
    """Those of the file and those of the rules_file, which is what GET /api/v1/rules answers."""
    rules = tuple(decode_rule(table) for table in _tables(document, "rules"))
    name = document.get("rules_file")
    if name is None:
        return rules
    try:
        return rules + decode_rules((path.parent / str(name)).read_bytes()).rules
    except OSError as error:
        raise RulesTestError(f"rules_file = {name!r}: cannot be read: {error.strerror}") from error


def _tables(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = document.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise RulesTestError(f"{key}: expected tables, each under [[{key}]]")
    return found


def _known(table: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    for key in table:
        if key not in keys:
            raise RulesTestError(f"{where}: unknown key {key}; known keys here: {', '.join(keys)}")


def _case(table: dict[str, Any], number: int, rules: Sequence[Rule]) -> Case:
    name = str(table.get("name", f"test {number}"))
    try:
        _known(table, _TEST_KEYS, "the test")
        series = table.get("series")
        if not isinstance(series, dict) or not series:
            raise RulesTestError("series: expected a table with a text for each quantity")
        expected = [_span(row, rules) for row in _tables(table, "episodes")]
        return Case(
            name=name,
            interval_s=seconds(table.get("interval", "1m")),
            series={quantity: values(str(text)) for quantity, text in series.items()},
            expected=tuple(sorted(expected)),
        )
    except RulesTestError as error:
        raise RulesTestError(f"[[tests]] {name!r}: {error}") from error


def _span(row: dict[str, Any], rules: Sequence[Rule]) -> Span:
    _known(row, _EPISODE_KEYS, "episodes")
    needs = [rule.need for rule in rules]
    if row.get("need") not in needs:
        raise RulesTestError(f"episodes.need = {row.get('need')!r}: expected one of {', '.join(needs) or 'no need'}")
    if "start" not in row:
        raise RulesTestError("episodes.start is missing: expected a duration since the series began, such as 15m")
    end = row.get("end")
    return Span(seconds(row["start"]), row["need"], None if end is None else seconds(end))


def play(rules: Sequence[Rule], case: Case) -> list[Span]:
    """The episodes that the rules make of a case, in order."""
    readings = list(_readings(case))
    spans = [span for rule in rules for span in _spans(rule, readings)]
    return sorted(spans, key=lambda span: (span.start, span.need))


def _readings(case: Case) -> Iterator[tuple[float, dict[str, float]]]:
    """At every step what is there of each quantity, with what follows from it."""
    air = Air("sensitive")
    for number in range(max(len(one) for one in case.series.values())):
        at = number * case.interval_s
        row = [(name, one[number]) for name, one in case.series.items() if number < len(one)]
        there = {name: value for name, value in row if value is not None}
        if "temperature" in there and "humidity" in there:
            there = {**dict(air.update(at, there["temperature"], there["humidity"])), **there}
        yield at, there


def _spans(rule: Rule, readings: Sequence[tuple[float, dict[str, float]]]) -> Iterator[Span]:
    state: State = fresh(rule)
    start: float | None = None
    for at, there in readings:
        if rule.quantity not in there:
            continue
        state, change = step(rule, state, at, there[rule.quantity])
        if change is Change.STARTED:
            start = state.since
        elif change is Change.ENDED and start is not None:
            yield Span(start, rule.need, at)
            start = None
    if start is not None:
        yield Span(start, rule.need, None)


def difference(case: Case, found: Sequence[Span]) -> list[str]:
    """Lines of a diff, none where all is as expected."""
    expected = [str(span) for span in sorted(case.expected, key=lambda span: (span.start, span.need))]
    lines = difflib.unified_diff(expected, [str(span) for span in found], "expected", "found", lineterm="", n=9)
    return [line for line in lines if not line.startswith("@@")]


def add(commands: Any) -> None:
    summary = "try rules before a home has them"
    rules = commands.add_parser("rules", help=summary, description=summary).add_subparsers(required=True, metavar="DO")
    summary = "run the rules of a file on its fabricated series and compare the episodes"
    test = rules.add_parser("test", help=summary, description=summary)
    test.add_argument("files", type=Path, nargs="+", metavar="FILE", help="TOML, see docs/gateway-rules.md")
    test.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    status = 0
    for path in options.files:
        try:
            status = max(status, _run(path))
        except RulesTestError as error:
            print(f"aircue-gateway: {error}", file=sys.stderr)
            status = 2
    return status


def _run(path: Path) -> int:
    rules, cases = load(path)
    failed = 0
    for case in cases:
        lines = difference(case, play(rules, case))
        failed += bool(lines)
        print(f"{'FAILED' if lines else 'ok    '} {case.name}")
        for line in lines:
            print(f"       {line}")
    print(f"{path}: {len(cases) - failed} of {len(cases)} as expected")
    return 1 if failed else 0
