"""UCI Online Retail: invoices of a British shop. https://doi.org/10.24432/C5BW33

A line with an invoice number that begins with C takes pieces back. Customers and products are made where they are not
there yet, a household for each customer; products have no stock, so that none is offered. Lines without a customer
are nobody's, and lines whose stock code does not begin with five digits are postage, fees and corrections: both are
rejected. Times are those of the shop's clock.
"""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from aircue_cloud import strict
from aircue_cloud.fields import Reason, name_of
from aircue_cloud.importing.instants import instant
from aircue_cloud.importing.records import Columns
from aircue_cloud.importing.taking import DRAWN, Item
from aircue_cloud.shop import money
from aircue_cloud.shop.events import Act, Purchase, Return
from aircue_cloud.strict import Unfit

CURRENCY = "GBP"
_ZONE = "Europe/London"
_NEEDED = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")
_PRODUCT = re.compile(r"[0-9]{5}")
_CUSTOMER = re.compile(r"([0-9]+)(\.0)?")


class OnlineRetailFile:
    columns = Columns(needed=_NEEDED, more=("Description", "Country"))

    def item(self, cells: dict[str, str]) -> Item:
        customer, code = _customer(cells), _code(cells)
        price = _price(cells.get("UnitPrice", ""))
        said: dict[str, Any] = {
            "id": DRAWN,
            "person": f"retail-{customer}",
            "product": f"retail-{code}",
            "at": instant(cells.get("InvoiceDate", ""), "InvoiceDate", ZoneInfo(_ZONE)),
        }
        act = _act(cells, said, price)
        return Item(act=act, others=tuple(_others(act, customer, cells, price)))


def _act(cells: dict[str, str], said: dict[str, Any], price: int) -> Act:
    quantity = cells.get("Quantity", "")
    if cells.get("InvoiceNo", "").startswith("C"):
        returned: Return = strict.convert(Return, {**said, "quantity": quantity.removeprefix("-")})
        return returned
    bought: Purchase = strict.convert(
        Purchase, {**said, "quantity": quantity, "price_minor": price, "currency": CURRENCY}
    )
    return bought


def _others(act: Act, customer: str, cells: dict[str, str], price: int) -> Iterator[tuple[str, dict[str, Any]]]:
    household = f"retail-household-{customer}"
    yield "households", {"id": household, "name": f"Customer {customer}"}
    yield "people", {"id": act.person, "household": household, "name": f"Customer {customer}"}
    row: dict[str, Any] = {"id": act.product, "name": name_of(cells.get("Description", ""), act.product)}
    row |= {"category": "online-retail", "price_minor": price, "currency": CURRENCY, "stock": 0}
    yield "products", row | {"description": "", "attributes": {}, "retired_at": None}


def _customer(cells: dict[str, str]) -> str:
    found = _CUSTOMER.fullmatch(cells.get("CustomerID", ""))
    if found is None:
        raise _unfit(cells, "CustomerID", "a customer's number", "nobody to ascribe it to; leave it out")
    return found[1]


def _code(cells: dict[str, str]) -> str:
    code = cells.get("StockCode", "")
    if not _PRODUCT.match(code):
        raise _unfit(cells, "StockCode", "five digits, as products have", "no product; leave it out")
    return code


def _price(text: str) -> int:
    """In pence, exactly."""
    try:
        minor = Decimal(text).scaleb(money.exponent(CURRENCY))
        if minor == minor.to_integral_value() and 0 <= minor < 10**15:
            return int(minor)
    except InvalidOperation:
        pass
    raise _unfit(
        {"UnitPrice": text}, "UnitPrice", f"an amount of {CURRENCY} with at most two decimals", "mend this row"
    )


def _unfit(cells: dict[str, str], field: str, expected: str, remedy: str) -> Unfit:
    return Unfit(Reason(field=field, found=strict.shown(cells.get(field, "")), expected=expected, remedy=remedy))
