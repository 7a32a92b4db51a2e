"""Anyone's purchases as a CSV file: customer, date, amount and, if there is one, currency; refunds are under 0."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from aircue_cloud.errors import CommandError
from aircue_cloud.importing import lines
from aircue_cloud.segments.rfm import Spent

_LARGEST = 10**15


def read(path: Path) -> list[Spent]:
    """Amounts in hundredths of what the file says."""
    return [
        _spent(path, line, cells) for line, cells in lines.read(path, ("customer", "date", "amount"), ("currency",))
    ]


def _spent(path: Path, line: int, cells: Sequence[str]) -> Spent:
    customer, day, amount, currency = cells
    if not customer:
        raise CommandError(f"{path}, line {line}, column customer: empty, expected a name")
    return Spent(person=customer, day=_day(path, line, day), minor=_minor(path, line, amount), currency=currency)


def _day(path: Path, line: int, text: str) -> date:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        expected = "such as 2026-11-22 or 2026-11-22T10:00"
        raise CommandError(f"{path}, line {line}, column date: {text!r:.40}, expected one {expected}") from None


def _minor(path: Path, line: int, text: str) -> int:
    try:
        minor = Decimal(text) * 100
        if minor.is_finite() and abs(minor) < _LARGEST:
            return round(minor)
    except InvalidOperation:
        pass
    raise CommandError(f"{path}, line {line}, column amount: {text!r:.40}, expected an amount such as 12.50 or -12.50")
