"""A payment provider that charges nobody: it signs like the real ones, and does on purpose what goes wrong with them.

It keeps what was paid in a file of its own, beside the store's database, so that the store can ask it as it asks a real
one. The shopper decides on a page of ours (/sandbox/pay/...) whether to pay. What it then tells is signed with
HMAC-SHA256 over "TIME.BODY", and delivered over HTTP until it is accepted.
"""

import hashlib
import hmac
import logging
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event as Waking
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import msgspec

from aircue_cloud.delivery import own_keys
from aircue_cloud.errors import SettingsError
from aircue_cloud.payment import provider
from aircue_cloud.payment.provider import (
    Asked,
    Begun,
    Callback,
    Http,
    NotGenuine,
    Opening,
    PaymentError,
    Refund,
    Refused,
    Told,
)
from aircue_cloud.settings import build
from aircue_cloud.tables.columns import from_ms, to_ms

log = logging.getLogger(__name__)
NAME = "sandbox"
HEADER = "sandbox-signature"
TOLERANCE = timedelta(seconds=300)
PAY, FAIL = "pay", "fail"
OPEN = "open"
RETRIES = 8
PRODUCTION = "production"
POLL_S = 0.25
_AFTERWARDS = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """[payment.sandbox]. faults: names of FAULTS; late_s: how late what is late comes."""

    faults: list[str] = field(default_factory=list)
    late_s: float = 90.0


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One callback to be made of an event. after: this long after it happened. twist: what is wrong with it."""

    kind: str
    after: timedelta = timedelta()
    twist: str = ""


Change = Callable[[Sequence[Delivery], timedelta], Sequence[Delivery]]


def _tampered(planned: Sequence[Delivery], _late: timedelta) -> Sequence[Delivery]:
    """A forged one first, and the right one after it."""
    forged = [Delivery(kind=one.kind, twist="tampered") for one in planned]
    return [*forged, *(Delivery(kind=one.kind, after=_AFTERWARDS, twist=one.twist) for one in planned)]


# By name, what is delivered instead. All but lost and wrong ones end with the truth.
FAULTS: Mapping[str, Change] = {
    "duplicate": lambda planned, _: [one for one in planned for _ in range(3)],
    "reordered": lambda planned, _: [*planned, Delivery(kind=provider.PENDING, after=_AFTERWARDS)],
    "late": lambda planned, late: [Delivery(kind=one.kind, after=one.after + late, twist=one.twist) for one in planned],
    "tampered": _tampered,
    "wrong-amount": lambda planned, _: [Delivery(kind=one.kind, after=one.after, twist="amount") for one in planned],
    "wrong-currency": lambda planned, _: [
        Delivery(kind=one.kind, after=one.after, twist="currency") for one in planned
    ],
    "unknown-order": lambda planned, _: [Delivery(kind=one.kind, after=one.after, twist="payment") for one in planned],
    "lost": lambda _planned, _late: [],
}


def planned(kind: str, faults: Sequence[str], late: timedelta) -> list[Delivery]:
    """Pure."""
    found: Sequence[Delivery] = [Delivery(kind=kind)]
    for name in faults:
        found = FAULTS[name](found, late)
    return list(found)


class Message(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What a callback's body holds."""

    id: str
    kind: provider.Kind
    payment: str
    reference: str
    amount_minor: int
    currency: str
    at: datetime
    refund: str = ""


def signature(key: bytes, body: bytes, at: datetime) -> str:
    """What the header holds."""
    second = int(at.timestamp())
    return f"t={second},v1={hmac.new(key, f'{second}.'.encode() + body, hashlib.sha256).hexdigest()}"


def verify(key: bytes, header: str, body: bytes, now: datetime) -> None:
    """NotGenuine says what does not fit."""
    said = dict(part.partition("=")[::2] for part in header.split(","))
    second = said.get("t", "")
    if not (second.isascii() and second.isdigit() and len(second) < 12):
        raise NotGenuine(f"header {HEADER} has no time")
    right = hmac.new(key, f"{second}.".encode() + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(said.get("v1", "").encode(), right.encode()):
        raise NotGenuine("the signature does not fit the body")
    if abs(now.timestamp() - int(second)) > TOLERANCE.total_seconds():
        raise NotGenuine("it was signed more than 300 s ago, or ahead")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A payment as the sandbox keeps it. state: open, paid or failed."""

    reference: str
    payment: str
    number: int
    amount_minor: int
    currency: str
    return_url: str
    cancel_url: str
    notify_url: str
    state: str
    changed_ms: int


_TABLES = """
CREATE TABLE IF NOT EXISTS payments (reference TEXT PRIMARY KEY, payment TEXT, number INTEGER, amount_minor INTEGER,
    currency TEXT, return_url TEXT, cancel_url TEXT, notify_url TEXT, state TEXT, changed_ms INTEGER);
CREATE TABLE IF NOT EXISTS refunds (key TEXT PRIMARY KEY, reference TEXT, amount_minor INTEGER, at_ms INTEGER);
CREATE TABLE IF NOT EXISTS deliveries (number INTEGER PRIMARY KEY, url TEXT, body BLOB, twist TEXT, due_ms INTEGER,
    tries INTEGER);
"""


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """file: what was paid. key: of its signatures."""

    file: Path
    key: bytes = field(repr=False)
    settings: SandboxSettings
    http: Http
    clock: Callable[[], datetime]
    store: str
    name: str = NAME
    woken: Waking = field(default_factory=Waking, repr=False)

    def begin(self, asked: Asked) -> Begun:
        reference = f"{self.store}.{asked.payment}"
        row = {
            "reference": reference,
            "payment": asked.payment,
            "number": asked.order_number,
            "amount_minor": asked.amount_minor,
            "currency": asked.currency,
            "return_url": asked.return_url,
            "cancel_url": asked.cancel_url,
            "notify_url": asked.notify_url,
            "state": OPEN,
            "changed_ms": to_ms(self.clock()),
        }
        names = ", ".join(row)
        with self._opened() as file:
            marks = ", ".join(f":{name}" for name in row)
            file.execute(f"INSERT OR IGNORE INTO payments ({names}) VALUES ({marks})", row)  # our own names
        ours = urlsplit(asked.notify_url)
        return Begun(
            provider_reference=reference, redirect_url=f"{ours.scheme}://{ours.netloc}/sandbox/pay/{reference}"
        )

    def read(self, callback: Callback, now: datetime) -> Told | None:
        verify(self.key, callback.headers.get(HEADER, ""), callback.body, now)
        try:
            said = msgspec.json.decode(callback.body, type=Message)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise NotGenuine(f"it is signed, and no message of the sandbox's: {error}") from error
        return Told(
            event=said.id,
            payment=said.payment,
            provider_reference=said.reference,
            kind=said.kind,
            amount_minor=said.amount_minor,
            currency=said.currency,
            at=said.at,
            refund=said.refund,
        )

    def look(self, payment: str, provider_reference: str) -> Told | None:
        held = self.held(provider_reference or f"{self.store}.{payment}")
        if held is None:
            return None
        kind: provider.Kind = {OPEN: provider.PENDING, "paid": provider.PAID}.get(held.state, provider.FAILED)
        with self._opened() as file:
            rows = file.execute(
                "SELECT key, amount_minor FROM refunds WHERE reference = ?", (held.reference,)
            ).fetchall()
        refunds = tuple(Refund(id=key, amount_minor=amount) for key, amount in rows)
        return self._told(held, kind, refunds=refunds)

    def refund(self, payment: str, provider_reference: str, amount_minor: int, currency: str, key: str) -> Told:
        held = self.held(provider_reference or f"{self.store}.{payment}")
        if held is None or held.state != provider.PAID or held.currency != currency:
            raise Refused("the sandbox knows no such payment that was paid")
        with self._opened() as file:
            known = file.execute("SELECT amount_minor FROM refunds WHERE key = ?", (key,)).fetchone()
            if known is None:
                self._give_back(file, held, amount_minor, key)
        told = self._told(held, provider.REFUNDED, amount=known[0] if known else amount_minor, refund=key)
        if known is None:
            self._tell(held, provider.REFUNDED, amount_minor, key)
        return told

    def reply(self, accepted: bool) -> tuple[int, str, bytes]:
        return (200, "application/json", b'{"accepted":true}') if accepted else (400, "application/json", b"{}")

    def held(self, reference: str) -> Held | None:
        with self._opened() as file:
            row = file.execute("SELECT * FROM payments WHERE reference = ?", (reference,)).fetchone()
        return None if row is None else Held(**dict(zip(Held.__dataclass_fields__, row, strict=True)))

    def answer(self, reference: str, answer: str) -> Held | None:
        """What the shopper does on its page: pay or fail, once; anything else leaves it open. None where there is no
        such payment."""
        state = {PAY: provider.PAID, FAIL: provider.FAILED}.get(answer)
        changed = 0
        if state is not None:
            with self._opened() as file:
                values = (state, to_ms(self.clock()), reference, OPEN)
                query = "UPDATE payments SET state = ?, changed_ms = ? WHERE reference = ? AND state = ?"
                changed = file.execute(query, values).rowcount
        held = self.held(reference)
        if held is not None and changed and state is not None:
            self._tell(held, state, held.amount_minor, "")
        return held

    def deliver(self, now: datetime) -> int:
        """Makes the callbacks that are due; how many were accepted. What is not is tried again, later each time."""
        with self._opened() as file:
            query = "SELECT number, url, body, twist, tries FROM deliveries WHERE due_ms <= ? ORDER BY number"
            due = file.execute(query, (to_ms(now),)).fetchall()
        return sum(self._deliver(row, now) for row in due)

    def _deliver(self, row: Sequence[Any], now: datetime) -> bool:
        number, url, body, twist, tries = row
        sent = body.replace(b'"amount_minor":', b'"amount_minor":1') if twist == "tampered" else body
        headers = {HEADER: signature(self.key, body, now), "Content-Type": "application/json"}
        try:
            accepted = self.http.request("POST", url, headers, sent).status // 100 == 2
        except PaymentError as error:
            log.info("a callback of the sandbox did not arrive: %s", error)
            accepted = False
        with self._opened() as file:
            if accepted or twist == "tampered" or tries + 1 >= RETRIES:
                file.execute("DELETE FROM deliveries WHERE number = ?", (number,))
            else:
                due = to_ms(now + timedelta(seconds=2.0**tries))
                file.execute("UPDATE deliveries SET tries = tries + 1, due_ms = ? WHERE number = ?", (due, number))
        return accepted

    def _give_back(self, file: sqlite3.Connection, held: Held, amount: int, key: str) -> None:
        query = "SELECT COALESCE(SUM(amount_minor), 0) FROM refunds WHERE reference = ?"
        back = file.execute(query, (held.reference,)).fetchone()[0]
        if not 0 < amount <= held.amount_minor - back:
            raise Refused(f"the sandbox has {held.amount_minor - back} of this payment left to give back")
        row = (key, held.reference, amount, to_ms(self.clock()))
        file.execute("INSERT INTO refunds (key, reference, amount_minor, at_ms) VALUES (?, ?, ?, ?)", row)

    def _told(
        self,
        held: Held,
        kind: provider.Kind,
        *,
        amount: int | None = None,
        refund: str = "",
        refunds: tuple[Refund, ...] = (),
    ) -> Told:
        return Told(
            event=secrets.token_hex(16),
            payment=held.payment,
            provider_reference=held.reference,
            kind=kind,
            amount_minor=held.amount_minor if amount is None else amount,
            currency=held.currency,
            at=from_ms(held.changed_ms),
            refund=refund,
            refunds=refunds,
        )

    def _tell(self, held: Held, kind: str, amount: int, refund: str) -> None:
        """One event has one id, however often it is delivered."""
        now, event = self.clock(), secrets.token_hex(16)
        rows = []
        for one in planned(kind, self.settings.faults, timedelta(seconds=self.settings.late_s)):
            message = {
                "id": event if one.kind == kind else f"{event}-{one.kind}",
                "kind": one.kind,
                "payment": secrets.token_hex(16) if one.twist == "payment" else held.payment,
                "reference": held.reference,
                "amount_minor": amount + 1 if one.twist == "amount" else amount,
                "currency": ("XTS" if one.twist == "currency" else held.currency),
                "at": now,
                "refund": refund,
            }
            twist = one.twist if one.twist == "tampered" else ""
            rows.append((held.notify_url, msgspec.json.encode(message), twist, to_ms(now + one.after)))
        with self._opened() as file:
            query = "INSERT INTO deliveries (url, body, twist, due_ms, tries) VALUES (?, ?, ?, ?, 0)"
            file.executemany(query, rows)
        self.woken.set()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with closing(sqlite3.connect(self.file, timeout=30.0, isolation_level=None)) as file:
            file.execute("PRAGMA journal_mode=WAL")
            file.execute("PRAGMA synchronous=NORMAL")
            file.execute("BEGIN IMMEDIATE")
            try:
                yield file
            except BaseException:
                file.execute("ROLLBACK")
                raise
            file.execute("COMMIT")


class Courier:
    """Delivers what a sandbox tells, beside the requests."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._stopping = False
        self._thread: Thread | None = None

    def start(self) -> None:
        self._thread = Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._sandbox.woken.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            self._sandbox.woken.wait(POLL_S)
            self._sandbox.woken.clear()
            try:
                self._sandbox.deliver(self._sandbox.clock())
            except Exception:
                log.exception("the sandbox's callbacks could not be made; it is tried again")


def open_provider(opening: Opening) -> Sandbox:
    """SettingsError in production, and for a fault that nobody knows."""
    if opening.environment == PRODUCTION:
        raise SettingsError(
            f'{opening.where}: the sandbox charges nobody, so it does not start where environment = "production": '
            "remove this table, and switch a real provider on"
        )
    settings = build(SandboxSettings, opening.table, opening.where)
    for name in settings.faults:
        if name not in FAULTS:
            raise SettingsError(f"{opening.where}: unknown fault {name!r}; known faults: {', '.join(FAULTS)}")
    key = own_keys.kept(opening.folder, NAME, lambda: secrets.token_bytes(32))
    file = opening.folder / "sandbox.db"
    with closing(sqlite3.connect(file)) as made:
        made.executescript(_TABLES)
    return Sandbox(
        file=file, key=key, settings=settings, http=opening.http, clock=opening.clock, store=opening.folder.name
    )
