"""Questions to a provider over HTTP, and what their answers mean before anything in them is read."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from aircue_cloud.payment.provider import Answered, Http, NotGenuine, PaymentError, ProviderDown, Refused

# 409: the same request is still under way there.
AGAIN = frozenset({408, 409, 425, 429})
_LONGEST = 1024 * 1024


def ask(http: Http, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answered:
    """ProviderDown where nobody knows what became of it, so that it is asked again with the same key."""
    answered = http.request(method, url, {"User-Agent": "aircue-cloud", **headers}, body)
    if answered.status >= 500 or answered.status in AGAIN or answered.status < 200:
        raise ProviderDown(f"{urlsplit(url).hostname} answered {answered.status}")
    return answered


def document(answered: Answered) -> dict[str, Any]:
    return parsed(answered.body, ProviderDown)


def parsed(body: bytes, error: type[PaymentError]) -> dict[str, Any]:
    """A JSON object; error where it is none."""
    with well_formed(error):
        if len(body) > _LONGEST:
            raise ValueError("it is too long")
        found = json.loads(body)
        if not isinstance(found, dict):
            raise TypeError("no JSON object")
    return found


@contextmanager
def unsettled() -> Iterator[None]:
    """A provider that refuses a question (our key has run out) has said nothing about the payment."""
    try:
        yield
    except Refused as reason:
        raise ProviderDown(str(reason)) from reason


@contextmanager
def well_formed(error: type[PaymentError] = NotGenuine) -> Iterator[None]:
    """What a message lacks, or holds in another form than is documented, becomes an error that says so."""
    try:
        yield
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as reason:
        raise error(f"format: {type(reason).__name__} {reason!s:.80}") from reason
