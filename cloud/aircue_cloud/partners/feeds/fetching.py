"""A feed from where its partner serves it: the address checked as every one that somebody gives us, its size limited,
and not fetched again while it has not changed (ETag).

Errors: CommandError with what was wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aircue_cloud.delivery.endpoints import Gate, NoAnswer, NotReached, TooLong, Unsafe
from aircue_cloud.errors import CommandError
from aircue_cloud.partners.feeds.reading import MOST_BYTES, format_of

_TIME_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Fetched:
    content: bytes
    format: str
    etag: str | None


def fetch(gate: Gate, url: str, etag: str | None, most: int = MOST_BYTES) -> Fetched | None:
    """None where it has not changed since etag."""
    headers: Mapping[str, str] = {"Accept": "text/csv, application/json, application/xml"}
    headers = headers if etag is None else {**headers, "If-None-Match": etag}
    try:
        answer = replace(gate, timeout_s=_TIME_S).get(url, headers, most)
    except (Unsafe, NotReached, NoAnswer, TooLong) as error:
        raise CommandError(f"feed {url:.200}: {error}") from error
    if answer.status == 304:
        return None
    if answer.status != 200:
        raise CommandError(f"feed {url:.200}: answered {answer.status}, expected 200; redirects are not followed")
    format_ = format_of(url.partition("?")[0], answer.headers.get("content-type", ""))
    if format_ is None:
        raise CommandError(f"feed {url:.200}: neither its name nor its type says csv, json or xml")
    return Fetched(content=answer.content, format=format_, etag=answer.headers.get("etag"))
