"""A file of months before and after something was begun; what it gives is called before/after, not causal."""

import csv
from collections.abc import Iterator
from pathlib import Path

from aircue_cloud.errors import CommandError
from aircue_cloud.recommender.evaluating.before_after import BeforeAfter, before_after

COLUMNS = ("before", "after", "roi")


def read(path: Path) -> BeforeAfter:
    """CommandError names line and column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise CommandError(f"{path}: no column {', '.join(missing)}; expected {','.join(COLUMNS)}")
            rows = [[_number(path, reader.line_num, name, row[name]) for name in COLUMNS] for row in reader]
        before, after, roi = ([row[place] for row in rows] for place in range(len(COLUMNS)))
        return before_after(before, after, roi)
    except (UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{path}: no CSV in UTF-8 ({error}); save it as one") from error
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error


def _number(path: Path, line: int, column: str, text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise CommandError(f"{path}: line {line}, column {column}: {text!r}, expected a number") from None


def told(found: BeforeAfter) -> Iterator[str]:
    """Lines for a terminal; none of them without the label."""
    yield f"mean of ratios  {found.mean_of_ratios:+.2%} ({found.label})"
    yield f"ratio of sums   {found.ratio_of_sums:+.2%} ({found.label})"
    yield f"mean ROI        {found.mean_roi:.1f} % ({found.label})"
