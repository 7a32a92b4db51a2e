"""How many rows of a feed are checked and stored in a second: 100,000 rows of CSV into an empty catalogue on SQLite, by
the very code that the API runs, each with a valid GTIN of its own.

Beside it, in the same run on the same bytes: a plain loop over csv.DictReader with the same checks written out by hand,
which stores nothing. Times are the best of ROUNDS, taken in turn.
"""

import csv
import io
import sys
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

from aircue_cloud import db
from aircue_cloud.partners import accounts, supplying
from aircue_cloud.partners.feeds import offer, taking
from aircue_cloud.shop import money

ROWS = 100_000
ROUNDS = 3
_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
_NAMES = (*offer.NEEDED, "link", "gtin", "brand", "quantity")


def measured(rows: int = ROWS, rounds: int = ROUNDS) -> dict[str, float]:
    content = feed(rows)
    own, peer = [], []
    for _ in range(rounds):
        own.append(_taken(content, rows))
        peer.append(_plain(content, rows))
    found = {"feed_rows_per_s": rows / min(own), "feed_rows_per_s_plain_loop": rows / min(peer)}
    told = ", ".join(f"{name} {value:,.0f}" for name, value in found.items())
    print(f"feeds: {rows:,} rows, {len(content):,} bytes: {told}", file=sys.stderr)
    return {name: round(value) for name, value in found.items()}


def feed(rows: int) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_NAMES)
    writer.writerows(_row(number) for number in range(rows))
    return out.getvalue().encode()


def _row(number: int) -> tuple[str, ...]:
    body = f"{400_000_000_000 + number}"
    digit = -sum(int(one) * (3 if place % 2 else 1) for place, one in enumerate(body)) % 10
    return (
        f"A-{number}", f"Product {number}, quiet", f"What product {number} does, in a sentence or two.",
        f"https://pictures.example/{number}.png", f"{number % 500 + 1}.90 EUR", "in_stock",
        f"Home > Climate > Kind {number % 40}", f"https://shop.example/{number}", f"{body}{digit}", "Acme",
        str(number % 50),
    )  # fmt: skip


def _taken(content: bytes, rows: int) -> float:
    """Seconds, from the bytes to the end of the transaction."""
    with tempfile.TemporaryDirectory() as folder:
        engine = db.open_database(db.sqlite_url(str(Path(folder) / "shop.db")))
        try:
            with db.writing(engine) as connection:
                accounts.save(connection, "acme", _NOW, name="Acme", contact="")
            began = time.perf_counter()
            made = supplying.supply(engine, "acme", content, source="file", format_="csv", mode=taking.WHOLE, now=_NOW)
            took = time.perf_counter() - began
        finally:
            engine.dispose()
    if (made.outcome, made.created) != (taking.TAKEN, rows):
        raise RuntimeError(f"expected {rows} new products, got {made.outcome} with {made.created}: {made.problems[:3]}")
    return took


def _plain(content: bytes, rows: int) -> float:
    seen: set[str] = set()
    began = time.perf_counter()
    good = sum(_is_good(row, seen) for row in csv.DictReader(io.StringIO(content.decode())))
    took = time.perf_counter() - began
    if good != rows:
        raise RuntimeError(f"expected {rows} good rows, got {good}")
    return took


def _is_good(row: dict[str, str], seen: set[str]) -> bool:
    amount, _, currency = row["price"].partition(" ")
    try:
        minor = Decimal(amount).scaleb(money.exponent(currency))
    except InvalidOperation:
        return False
    digits = [int(one) for one in row["gtin"]]
    is_new = row["id"] not in seen
    seen.add(row["id"])
    return (
        is_new
        and 1 <= len(row["id"]) <= 50
        and all(one.isalnum() or one in "._-" for one in row["id"])
        and 1 <= len(row["title"]) <= 150
        and row["title"].isprintable()
        and 1 <= len(row["description"]) <= 5000
        and currency in money.CODES
        and minor == minor.to_integral_value()
        and minor > 0
        and all(urlsplit(row[name]).scheme == "https" for name in ("image_link", "link"))
        and row["availability"] in ("in_stock", "out_of_stock", "preorder", "backorder")
        and bool(row["product_type"].rpartition(">")[2].strip())
        and len(digits) in (8, 12, 13, 14)
        and (3 * sum(digits[-2::-2]) + sum(digits[-1::-2])) % 10 == 0
        and len(row["brand"]) <= 70
        and 0 <= int(row["quantity"]) < 2**31
    )


if __name__ == "__main__":
    measured()
