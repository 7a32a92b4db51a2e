"""One row of a feed: what it has to say, checked field by field; every problem of a row is told, not the first alone.

Names and values of fields are Google's product data specification's (support.google.com/merchants/answer/7052112)
where it has them: id, title, description, link, image_link, price ("12.90 EUR"), availability, product_type, gtin and
brand. quantity, the pieces in stock, is ours. Pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from aircue_cloud.shop import money

AVAILABLE: Mapping[str, bool] = MappingProxyType(
    {"in_stock": True, "out_of_stock": False, "preorder": False, "backorder": False}
)
NEEDED = ("id", "title", "description", "image_link", "price", "availability", "product_type")
FIELDS = (*NEEDED, "link", "gtin", "brand", "quantity")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
_PRICE = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,4}))? ([A-Z]{3})")
_HTTPS = re.compile(r"https://[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}(?::443)?(?:[/?#][!-~]*)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN = re.compile(r"[^a-z0-9]+")
_CODES = frozenset(money.CODES)
_GTINS = frozenset({8, 12, 13, 14})
_MOST_PIECES = 2**31 - 1
_LONGEST_URL = 2000


class Problem(Struct, frozen=True, gc=False):
    """row: from 1, the first after a header. field: "" for the row or the file as a whole."""

    row: int
    field: str
    found: str
    expected: str
    remedy: str


class Offer(Struct, frozen=True, gc=False):
    """A row that is well. quantity: None where it names none. gtin, link, brand: "" for none."""

    id: str
    title: str
    description: str
    category: str
    price_minor: int
    currency: str
    available: bool
    quantity: int | None
    image_link: str
    link: str
    gtin: str
    brand: str


Fault = tuple[str, str, str]  # field, expected, remedy


def gtin_is_right(gtin: str) -> bool:
    """GTIN-8, -12, -13 and -14: digits weighted 3, 1, 3, ... from the right, without the last, which brings the sum to
    a multiple of ten (GS1 General Specifications, 7.9).

    >>> gtin_is_right("4006381333931"), gtin_is_right("4006381333932"), gtin_is_right("96385074")
    (True, False, True)
    """
    if not (gtin.isascii() and gtin.isdigit() and len(gtin) in _GTINS):
        return False
    digits = [int(digit) for digit in gtin]
    return (3 * sum(digits[-2::-2]) + sum(digits[-1::-2])) % 10 == 0


def price(text: str) -> tuple[int, str] | None:
    """Minor units and currency; None where it is no price, or has more decimals than its currency.

    >>> price("12.90 EUR"), price("1290 JPY"), price("12.90 JPY"), price("1.5 KWD"), price("12,90 EUR")
    ((1290, 'EUR'), (1290, 'JPY'), None, (1500, 'KWD'), None)
    """
    found = _PRICE.fullmatch(text)
    if found is None:
        return None
    whole, decimals, currency = found[1], found[2] or "", found[3]
    if currency not in _CODES:
        return None
    exponent = money.exponent(currency)
    if len(decimals) > exponent:
        return None
    return int(whole) * 10**exponent + int(decimals.ljust(exponent, "0") or "0"), currency


def category(product_type: str) -> str:
    """The store's category: the last part of a path.

    >>> category("Home & Garden > Climate > Dehumidifier"), category(" > ")
    ('dehumidifier', '')
    """
    return _PLAIN.sub("-", product_type.rpartition(">")[2].lower()).strip("-")


def checked(row: int, fields: Mapping[str, str]) -> Offer | list[Problem]:
    """fields: of FIELDS, without space at either end; one that is not there is ""."""
    get = fields.get
    cost, kind, stock = price(get("price", "")), category(get("product_type", "")), get("quantity", "")
    available = get("availability", "").replace(" ", "_")
    faults = list(_faults(fields, cost, kind, available))
    if faults or cost is None:
        return [Problem(row, field, shown(get(field, "")), expected, remedy) for field, expected, remedy in faults]
    return Offer(
        fields["id"], fields["title"], fields["description"], kind, cost[0], cost[1], AVAILABLE[available],
        int(stock) if stock else None, fields["image_link"], get("link", ""), get("gtin", ""), get("brand", ""),
    )  # fmt: skip


def _faults(fields: Mapping[str, str], cost: tuple[int, str] | None, kind: str, available: str) -> Iterator[Fault]:
    get = fields.get
    if _ID.fullmatch(get("id", "")) is None:
        yield (
            "id",
            "1 to 50 letters, digits, . _ and -, a letter or digit first",
            "give it the partner's own article number",
        )
    if not 1 <= len(get("title", "")) <= 150 or _LINE.search(get("title", "")):
        yield "title", "1 to 150 characters on one line", "shorten it"
    if not 1 <= len(get("description", "")) <= 5000 or _CONTROL.search(get("description", "")):
        yield "description", "1 to 5000 characters of plain text", "shorten it"
    if not _is_https(get("image_link", "")):
        yield "image_link", "an address that begins with https://", "serve the picture over HTTPS"
    if cost is None:
        expected = 'an amount and its currency, such as "12.90 EUR", with no more decimals than the currency has'
        yield "price", expected, "write it so, with a point"
    elif cost[0] == 0:
        yield "price", "more than nothing", "leave out what is not for sale"
    if available not in AVAILABLE:
        yield "availability", f"one of {', '.join(AVAILABLE)}", "use one of these"
    if not 1 <= len(kind) <= 100 or len(get("product_type", "")) > 750:
        yield "product_type", 'a category, such as "Climate > Dehumidifier"', "name what the product is"
    yield from _optional(fields)


def _optional(fields: Mapping[str, str]) -> Iterator[Fault]:
    gtin, link, brand, stock = (fields.get(name, "") for name in ("gtin", "link", "brand", "quantity"))
    if gtin and not gtin_is_right(gtin):
        yield (
            "gtin",
            "8, 12, 13 or 14 digits of which the last is the check digit",
            "copy it from the package, or leave it out",
        )
    if link and not _is_https(link):
        yield "link", "an address that begins with https://", "mend it, or leave it out"
    if len(brand) > 70 or _LINE.search(brand):
        yield "brand", "up to 70 characters on one line", "shorten it"
    if stock and not (stock.isascii() and stock.isdigit() and len(stock) <= 10 and int(stock) <= _MOST_PIECES):
        yield "quantity", "pieces in stock, a whole number", "write digits alone, or leave it out"


def _is_https(url: str) -> bool:
    return len(url) <= _LONGEST_URL and _HTTPS.fullmatch(url) is not None


def shown(value: str) -> str:
    """What was found, short enough to read."""
    if value == "":
        return "nothing"
    return value if len(value) <= 80 else f"{value[:80]}... ({len(value)} characters)"


Check = Callable[[int, Mapping[str, str]], Offer | list[Problem]]
