"""Card numbers: none is ever taken, kept or logged. Pure."""

import re

_RUN = re.compile(r"(?<!\d)(?:\d[ .-]?){12,18}\d(?!\d)")
MASK = "[card number]"


def holds_one(text: str) -> bool:
    """Whether 13 to 19 digits stand in it that could be a card's (Luhn's check, ISO/IEC 7812-1 annex B).

    >>> holds_one("pay with 4242 4242 4242 4242"), holds_one("4242 4242 4242 4241"), holds_one("order 1001")
    (True, False, False)
    """
    return any(_is_valid(found) for found in _RUN.findall(text))


def masked(text: str) -> str:
    """
    >>> masked("card 4242-4242-4242-4242 declined")
    'card [card number] declined'
    """
    return _RUN.sub(lambda found: MASK if _is_valid(found[0]) else found[0], text)


def _is_valid(run: str) -> bool:
    digits = [int(sign) for sign in run if sign.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
