"""One item or many in one request: what is valid is stored, what is not is listed with its place and its reason."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from flask import Response, abort, request

from aircue_cloud import strict
from aircue_cloud.fields import Outcome, Reason, Receipt, Rejected
from aircue_cloud.keyed import Verdict
from aircue_cloud.routes import wire
from aircue_cloud.strict import Unfit

T = TypeVar("T")
Store = Callable[[Sequence[Any]], Sequence[Verdict | Reason]]

LIMIT = 10_000


def take(kind: Any, store: Store, conflict: Callable[[str], Reason]) -> Response:
    """A JSON object is one item and answered as such; a JSON array or NDJSON are many, each judged by itself.

    store gets the items that fit kind, and says what became of each. conflict: the reason to give where an id is taken.
    """
    if request.mimetype not in (wire.JSON, wire.NDJSON):
        wire.unsupported(wire.JSON, wire.NDJSON)
    data = wire.data()
    if request.mimetype == wire.JSON and not data.lstrip().startswith(b"["):
        return _one(kind, data, store, conflict)
    return many(kind, _lines(data), store, conflict)


def lines() -> list[bytes]:
    """The items of the request, which must be an array or NDJSON."""
    if request.mimetype not in (wire.JSON, wire.NDJSON):
        wire.unsupported(wire.JSON, wire.NDJSON)
    return _lines(wire.data())


def many(kind: Any, found: Sequence[bytes], store: Store, conflict: Callable[[str], Reason]) -> Response:
    """200 where every item is stored or was before, 207 where some were rejected."""
    read = [_read(kind, line) for line in found]
    verdicts = iter(store([item for item in read if not isinstance(item, Reason)]))
    became = [item if isinstance(item, Reason) else next(verdicts) for item in read]
    rejected = [
        Rejected(index=index, id=(id_ := _id(found[index])), reason=_reason(verdict, id_, conflict))
        for index, verdict in enumerate(became)
        if verdict not in ("stored", "duplicate")
    ]
    outcome = Outcome(
        received=len(became),
        stored=became.count("stored"),
        duplicates=became.count("duplicate"),
        rejected=rejected,
    )
    return wire.reply(outcome, 207 if rejected else 200)


def _one(kind: Any, data: bytes, store: Store, conflict: Callable[[str], Reason]) -> Response:
    try:
        item = strict.decode(kind, data)
    except Unfit as unfit:
        wire.refuse(400 if unfit.malformed else 422, unfit.reason)
    verdict = store([item])[0]
    if isinstance(verdict, Reason):
        wire.refuse(422, verdict)
    if verdict == "conflict":
        wire.refuse(409, conflict(item.id))
    receipt = Receipt(id=item.id, duplicate=verdict == "duplicate")
    return wire.reply(receipt, 200 if receipt.duplicate else 201)


def _lines(data: bytes) -> list[bytes]:
    found = _ndjson(data) if request.mimetype == wire.NDJSON else _array(data)
    if len(found) > LIMIT:
        abort(413, f"the body holds {len(found)} items, expected up to {LIMIT}: send them in several requests")
    return found


def _ndjson(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line.strip()]


def _array(data: bytes) -> list[bytes]:
    try:
        return [bytes(item) for item in strict.decode(list[msgspec.Raw], data)]
    except Unfit as unfit:
        wire.refuse(400 if unfit.malformed else 422, unfit.reason)


def _read(kind: Any, line: bytes) -> Any:
    try:
        return strict.decode(kind, line)
    except Unfit as unfit:
        return unfit.reason


def _reason(verdict: Verdict | Reason, id_: str | None, conflict: Callable[[str], Reason]) -> Reason:
    return verdict if isinstance(verdict, Reason) else conflict(id_ or "")


def _id(line: bytes) -> str | None:
    """The id that the sender knows the item by, however wrong the rest of it is."""
    try:
        found = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        return None
    name = found.get("id") if isinstance(found, dict) else None
    return name[:200] if isinstance(name, str) else None
