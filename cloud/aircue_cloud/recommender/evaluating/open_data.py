"""Open data sets under the folder AIRCUE_DATA, as docs/data-sets.md lists them."""

import csv
import gzip
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aircue_cloud.errors import CommandError
from aircue_cloud.recommender.interactions import Interactions

FOLDER = "AIRCUE_DATA"
_SHARED_BY = 10  # products that make a word a kind of thing
_NO_THINGS = frozenset(  # what things look like
    [
        "AND",
        "ASSORTED",
        "BLACK",
        "BLUE",
        "CHRISTMAS",
        "CREAM",
        "DESIGN",
        "EASTER",
        "FOR",
        "FROM",
        "GLASS",
        "GOLD",
        "GREEN",
        "IVORY",
        "LARGE",
        "MEDIUM",
        "MINI",
        "ORANGE",
        "PACK",
        "PAISLEY",
        "PINK",
        "POLKADOT",
        "PURPLE",
        "RED",
        "RETROSPOT",
        "SET",
        "SILVER",
        "SMALL",
        "SPOT",
        "STRIPE",
        "THE",
        "TRADITIONAL",
        "VINTAGE",
        "WHITE",
        "WITH",
        "WOOD",
        "YELLOW",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """weight of an event: what was paid for the line. descriptions: by item, in capitals as the shop writes them."""

    log: Interactions
    descriptions: Mapping[str, str]


def folder() -> Path:
    """CommandError where the variable names none."""
    found = Path(os.environ.get(FOLDER, ""))
    if FOLDER not in os.environ or not found.is_dir():
        raise CommandError(f"{FOLDER} names no folder: set it to one that is laid out as docs/data-sets.md says")
    return found


def path_of(name: str) -> Path:
    path = folder() / name
    if not path.exists():
        raise CommandError(f"{path} is not there: docs/data-sets.md says where to get it")
    return path


def online_retail() -> Shop:
    """Lines of customers; cancellations and lines without a customer are left out."""
    names: dict[str, Counter[str]] = {}
    with gzip.open(path_of("online_retail/invoices.csv.gz"), "rt", encoding="utf-8", errors="replace") as file:
        log = Interactions.of(_lines(csv.DictReader(file), names))
    return Shop(log=log, descriptions={item: found.most_common(1)[0][0] for item, found in names.items()})


def _lines(reader: "csv.DictReader[str]", names: dict[str, Counter[str]]) -> Iterator[tuple[str, str, float, float]]:
    for row in reader:
        quantity = float(row["Quantity"])
        if row["CustomerID"] and not row["InvoiceNo"].startswith("C") and quantity > 0:
            names.setdefault(row["StockCode"], Counter())[row["Description"]] += 1
            at = datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC).timestamp()
            yield row["CustomerID"], row["StockCode"], at, quantity * float(row["UnitPrice"])


def categories(descriptions: Mapping[str, str]) -> dict[str, str]:
    """The last word of a description that names a thing and stands in those of at least ten products; the shop itself
    names no categories. "other" where there is none."""
    words = {item: re.findall(r"[A-Z]{3,}", text.upper()) for item, text in descriptions.items()}
    known = {word for found in words.values() for word in found}
    things = {item: [_singular(word, known) for word in found] for item, found in words.items()}
    shared = Counter(word for found in things.values() for word in set(found) - _NO_THINGS)
    return {
        item: next((word for word in reversed(found) if shared[word] >= _SHARED_BY), "other")
        for item, found in things.items()
    }


def _singular(word: str, known: Set[str]) -> str:
    return word[:-1] if word.endswith("S") and word[:-1] in known else word


def daily(name: str, date: str, columns: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """By day (ISO) the numbers of columns, given as new name: name in the file; empty lines are left out."""
    path = path_of(name)
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [row for row in csv.DictReader(content.decode("utf-8-sig").splitlines()) if row[date]]
    return {row[date]: {new: float(row[old]) for new, old in columns.items()} for row in rows}
