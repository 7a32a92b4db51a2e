"""A feed as a whole: its good rows, and what is wrong with the others. Pure."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from aircue_cloud.importing.cells import harmless
from aircue_cloud.importing.errors import FileRefused
from aircue_cloud.partners.feeds import reading
from aircue_cloud.partners.feeds.offer import Offer, Problem, checked

MOST_KEPT = 1000  # problems; the others are counted


@dataclass(frozen=True, kw_only=True)
class Checked:
    """wrong: rows with a problem; unread: those of them that were not even read. named: ids of the others of them.
    problems: the first ones."""

    rows: int
    wrong: int
    unread: int = 0
    offers: Sequence[Offer]
    named: frozenset[str]
    problems: Sequence[Problem]


def check(content: bytes, format_: str) -> Checked:
    """A feed that cannot be read to its end has a problem that says so, of row 0 (the file), and no good row."""
    rows = wrong = unread = 0
    offers: list[Offer] = []
    named: set[str] = set()
    problems: list[Problem] = []
    first_row: dict[str, int] = {}
    try:
        for rows, fields in reading.read(content, format_):
            if isinstance(fields, Problem):
                found: Offer | list[Problem] = [fields]
            else:
                found = checked(rows, fields)
                before = first_row.setdefault(fields.get("id", ""), rows)
                if before != rows and isinstance(found, Offer):
                    found = [_twice(rows, found.id, before)]
            if isinstance(found, Offer):
                offers.append(found)
                continue
            wrong += 1
            problems.extend(found[: max(0, MOST_KEPT - len(problems))])
            if isinstance(fields, Problem):
                unread += 1
            else:
                named.add(fields.get("id", ""))
    except FileRefused as refused:
        whole = Problem(0, "", "", "a feed that can be read to its end", str(refused))
        return Checked(rows=rows, wrong=max(wrong, 1), offers=(), named=frozenset(named), problems=(whole, *problems))
    return Checked(rows=rows, wrong=wrong, unread=unread, offers=offers, named=frozenset(named), problems=problems)


def _twice(row: int, id_: str, before: int) -> Problem:
    return Problem(row, "id", id_, "an id of its own", f"row {before} has it already: leave one of them out")


def told(problem: Problem) -> str:
    """In one line."""
    if problem.row == 0:
        return f"file: {problem.remedy}"
    field = problem.field or "row"
    return f"row {problem.row}: {field} is {problem.found}, expected {problem.expected}: {problem.remedy}"


COLUMNS = ("row", "field", "found", "expected", "remedy")


def as_csv(problems: Sequence[Problem]) -> str:
    """What a spreadsheet would run as a formula is text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([harmless(str(getattr(one, name))) for name in COLUMNS] for one in problems)
    return out.getvalue()
