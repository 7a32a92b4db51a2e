"""Cells of CSV files that a spreadsheet would run as formulas."""

import re

_RUN = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


def harmless(cell: str) -> str:
    """The cell as text, whichever program opens the file; numbers stay numbers.

    >>> harmless("=HYPERLINK(A1)"), harmless("-3.5"), harmless("-3+cmd")
    ("'=HYPERLINK(A1)", '-3.5', "'-3+cmd")
    """
    if cell.lstrip(" ").startswith(_RUN) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
