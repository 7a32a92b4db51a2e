"""The demo's products. Invented, like their makers; the table is catalogue.csv beside this file.

Its columns: category, title, price_minor (cents), stock, tier (budget, mid, premium: what purses of simulated shoppers
tell apart) and attributes as name=value;name=value.
"""

import csv
import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

CURRENCY = "EUR"
TIERS = ("budget", "mid", "premium")
_UNITS = {
    "litres_per_day": "{} litres of water a day",
    "noise_db": "{} dB",
    "area_m2": "for rooms up to {} m2",
    "watts": "{} W",
    "cooling_kw": "{} kW of cooling",
    "m3_per_hour": "moves {} m3 of air an hour",
    "cadr_m3_per_hour": "cleans {} m3 of air an hour",
    "quantities": "shows {}",
    "grade": "grade {}",
    "lasts_days": "lasts about {} days",
    "material": "{}",
    "litres": "{} litres",
}


@dataclass(frozen=True, kw_only=True)
class Product:
    """price_minor in cents of CURRENCY. attributes: name -> number or text; "tier" is one of TIERS."""

    id: str
    name: str
    category: str
    price_minor: int
    stock: int
    attributes: dict[str, str | float] = field(hash=False)

    @property
    def tier(self) -> str:
        return str(self.attributes["tier"])

    @property
    def maker(self) -> str:
        """Products of one maker share their first word."""
        return self.name.split()[0]

    @property
    def description(self) -> str:
        """What the attributes say, in words; empty where they say nothing a shopper asks for."""
        known = [text.format(self.attributes[name]) for name, text in _UNITS.items() if name in self.attributes]
        said = ", ".join(known)
        return f"{said[0].upper()}{said[1:]}." if said else ""


@cache
def products() -> tuple[Product, ...]:
    """All products, in the table's order; ids are made of the titles and so stay when rows are added."""
    text = files(__package__).joinpath("catalogue.csv").read_text(encoding="utf-8")
    return tuple(_product(row) for row in csv.DictReader(text.splitlines()))


def _product(row: dict[str, str]) -> Product:
    return Product(
        id=re.sub(r"[^a-z0-9]+", "-", row["title"].lower()).strip("-"),
        name=row["title"],
        category=row["category"],
        price_minor=int(row["price_minor"]),
        stock=int(row["stock"]),
        attributes={"tier": row["tier"], **_attributes(row["attributes"])},
    )


def _attributes(text: str) -> dict[str, str | float]:
    return {name: _number_or_text(value) for name, _, value in (part.partition("=") for part in text.split(";"))}


def _number_or_text(value: str) -> str | float:
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number
