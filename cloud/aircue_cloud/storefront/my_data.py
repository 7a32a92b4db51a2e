"""What is kept about the person who is signed in, and their rights over it: to see, to take back, to take along, to be
erased; and where they are signed in."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, abort, g, request, url_for
from sqlalchemy import Connection, func, select

from aircue_cloud import audit, consents, db, tables
from aircue_cloud.consents import Consent
from aircue_cloud.identity import sessions, tokens
from aircue_cloud.rights import erasure
from aircue_cloud.rights import subject as subjects
from aircue_cloud.rights.erasure import Proof
from aircue_cloud.rights.places import places
from aircue_cloud.rights.subject import Subject
from aircue_cloud.routes import browsers
from aircue_cloud.routes.access import Actor, by_shopper, shopper
from aircue_cloud.routes.services import config, services
from aircue_cloud.storefront import air, frame, wanted
from aircue_cloud.storefront.frame import Page
from aircue_cloud.storefront.visitor import BEHAVIOUR, MARKETING, SENSOR

ERASE_WORD = "ERASE"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

blueprint = frame.pages("shop_data", __name__)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What one may agree to or take back. said: the latest word, None where there is none."""

    purpose: str
    category: str
    channel: str
    said: Consent | None

    @property
    def granted(self) -> bool:
        return self.said is not None and self.said.granted


@blueprint.get("/me/data")
@by_shopper
def show() -> Response:
    with db.reading(services().engine) as connection:
        page = frame.opened(connection, known=True)
        history = consents.history(connection, page.visitor.household)
        content: dict[str, Any] = {
            "told": air.told(connection, page.visitor.household, page.now),
            "agreements": agreements(history),
            "history": list(reversed(history)),
            "sessions": _sessions(connection, page),
        }
    return frame.shown(page, "data.html", **content)


@blueprint.get("/me/data/air.csv")
@by_shopper
def air_csv() -> Response:
    """Every hour of trusted readings, as a spreadsheet reads it."""
    with db.reading(services().engine) as connection:
        page = frame.opened(connection, known=True)
        rows = air.hours(connection, page.visitor.household)
    headers = {"Content-Disposition": "attachment; filename=air.csv"}
    return Response(_csv(rows), mimetype="text/csv", headers=headers)


def _csv(rows: Iterable[Any]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["home", "room", "quantity", "hour_utc", "readings", "low", "mean", "high"])
    for row in rows:
        values = [row.low / row.scale, row.total / row.scale / row.readings, row.high / row.scale]
        hour = air.hour_of(row).isoformat()
        writer.writerow(
            [*map(cell, (row.site, row.node, row.quantity)), hour, row.readings, *(f"{v:g}" for v in values)]
        )
    return out.getvalue()


def cell(text: str) -> str:
    """No spreadsheet runs it as a formula.

    >>> cell("=1+1"), cell("bathroom")
    ("'=1+1", 'bathroom')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


# Agreement.


@blueprint.post("/me/data/consents")
@by_shopper
def agree() -> Response:
    """Giving and taking back are this same step."""
    form = request.form
    purpose, category, channel = (form.get(name, "") for name in ("purpose", "category", "channel"))
    known = purpose in consents.PURPOSES and category in consents.DATA_CATEGORIES and channel in consents.CHANNELS
    if not known or form.get("granted") not in ("yes", "no"):
        abort(422, "this page has no such agreement")
    with db.writing(services().engine) as connection:
        page = frame.opened(connection, known=True)
        consents.record(
            connection,
            page.visitor.household,
            purpose=purpose,
            data_category=category,
            channel=channel,
            granted=form["granted"] == "yes",
            now=page.now,
            method="shop page",
            controller=config().answers,
            language=page.t.language,
        )
    return frame.to(url_for("shop_data.show", _anchor="consents"))


@blueprint.get("/me/data/receipts/<receipt>")
@by_shopper
def receipt(receipt: str) -> Response:
    """As it was given."""
    with db.reading(services().engine) as connection:
        page = frame.opened(connection, known=True)
        history = consents.history(connection, page.visitor.household)
    found = next((one for one in history if one.receipt == receipt), None)
    if found is None:
        abort(404, "there is no such receipt of your household")
    return frame.shown(page, "receipt.html", consent=found)


def agreements(history: Sequence[Consent]) -> list[Agreement]:
    """What this store may ask for, and whatever was ever said."""
    said = {(one.purpose, one.data_category, one.channel): one for one in consents.latest(history)}
    asked = [(MARKETING, BEHAVIOUR, wanted.INBOX), *((MARKETING, SENSOR, channel) for channel in wanted.channels())]
    every = dict.fromkeys([*asked, *said])
    return [Agreement(purpose=p, category=d, channel=c, said=said.get((p, d, c))) for p, d, c in every]


# Erasure.


@blueprint.get("/me/data/erase")
@by_shopper
def sure() -> Response:
    return _sure()


@blueprint.post("/me/data/erase")
@by_shopper
def erase() -> Response:
    if request.form.get("word", "").strip() != ERASE_WORD:
        return _sure(422, wrong=True)
    here = services()
    with db.reading(here.engine) as connection:
        page = frame.opened(connection, known=True)
        whole = request.form.get("home") == "yes" and _lives_alone(connection, page)
        subject = _subject(connection, page, whole=whole)
    where = places(here.engine, here.lake, here.place.model_dir, page.now)
    proof = erasure.erase(here.engine, subject, where, "the person themselves", page.now)
    _write_down(proof, page)
    g.actor = Actor(kind="shopper", name=proof.pseudonym, scopes=frozenset())  # as the audit log knows them from now on
    response = frame.plain("erased.html", proof=proof)
    browsers.clear_cookie(response, sessions.SHOPPER)
    return response


def _subject(connection: Connection, page: Page, *, whole: bool) -> Subject:
    lake, who = services().lake, page.visitor
    if whole:
        return subjects.household(connection, lake, who.household)
    return subjects.person(connection, lake, who.person)


def _write_down(proof: Proof, page: Page) -> None:
    """Under the pseudonym: the name is gone."""
    act = audit.Act(actor=f"shopper {proof.pseudonym}", action="rights erase", target=proof.pseudonym)
    with db.writing(services().engine) as connection:
        audit.append(connection, act, page.now)


def _sure(status: int = 200, *, wrong: bool = False) -> Response:
    with db.reading(services().engine) as connection:
        page = frame.opened(connection, known=True)
        alone = _lives_alone(connection, page)
    return frame.shown(page, "erase.html", status, alone=alone, wrong=wrong, word=ERASE_WORD)


def _lives_alone(connection: Connection, page: Page) -> bool:
    query = select(func.count()).select_from(tables.people)
    return connection.execute(query.where(tables.people.c.household == page.visitor.household)).scalar_one() == 1


# Sessions.


@dataclass(frozen=True, kw_only=True)
class Open:
    """A session of theirs."""

    started_at: datetime
    seen_at: datetime
    address: str
    this_one: bool


def _sessions(connection: Connection, page: Page) -> list[Open]:
    table = tables.sessions
    mine = (table.c.kind == sessions.SHOPPER, table.c.subject == page.visitor.person)
    this = tokens.digest(browsers.session_cookie(sessions.SHOPPER) or "")
    rows = connection.execute(select(table).where(*mine).order_by(table.c.seen_at.desc(), table.c.token_hash))
    return [
        Open(started_at=row.started_at, seen_at=row.seen_at, address=row.address, this_one=row.token_hash == this)
        for row in rows
    ]


@blueprint.post("/me/data/sessions")
@by_shopper
def sign_out_others() -> Response:
    with db.writing(services().engine) as connection:
        kept = browsers.session_cookie(sessions.SHOPPER)
        sessions.close_all(connection, sessions.SHOPPER, shopper(), but=kept)
    return frame.to(url_for("shop_data.show", _anchor="sessions"))
