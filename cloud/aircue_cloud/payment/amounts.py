"""Amounts as providers write them, from and to our minor units (shop/money.py); exact, or not at all."""

import re
from decimal import Decimal

from aircue_cloud.payment.provider import Refused
from aircue_cloud.shop import money

_PLAIN = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)


def rescaled(amount: int, decimals: int, wanted: int) -> int:
    """An amount of so many decimals in units of another number of them. ValueError where that would round it.

    >>> rescaled(1200, 2, 0), rescaled(5, 0, 2)
    (12, 500)
    """
    found = Decimal(amount).scaleb(wanted - decimals)
    if found != int(found):
        raise ValueError(f"{amount} with {decimals} decimals cannot be said with {wanted}")
    return int(found)


def units(amount_minor: int, currency: str, decimals: int) -> int:
    """As a provider counts it. Refused where that would round it."""
    try:
        return rescaled(amount_minor, money.exponent(currency), decimals)
    except ValueError as error:
        raise Refused(f"{error}, as {currency} is counted there: round the price") from error


def text(amount_minor: int, currency: str, decimals: int) -> str:
    """With exactly so many decimals. Refused where that would round it.

    >>> text(1999, "EUR", 2), text(500, "JPY", 0), text(120000, "HUF", 0)
    ('19.99', '500', '1200')
    """
    return f"{Decimal(units(amount_minor, currency, decimals)).scaleb(-decimals):.{decimals}f}"


def minor(said: str, currency: str) -> int:
    """ValueError where it is no plain amount, or finer than the currency's minor unit.

    >>> minor("19.9", "EUR"), minor("500", "JPY"), minor("1.250", "KWD")
    (1990, 500, 1250)
    """
    if not _PLAIN.fullmatch(said):
        raise ValueError(f"amount {said!r:.40}")
    found = Decimal(said).scaleb(money.exponent(currency))
    if found != int(found):
        raise ValueError(f"amount {said} is finer than the minor unit of {currency}")
    return int(found)
