"""Parcels: which are on their way, which are late, and what carriers told of each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Response, abort, redirect, request, url_for
from markupsafe import Markup
from sqlalchemy import Connection, select

from aircue_cloud import db, strict, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.fields import Reason
from aircue_cloud.logistics import callbacks, course, moving, parcels, reading
from aircue_cloud.logistics.carriers import sandbox
from aircue_cloud.logistics.parcels import Tracked
from aircue_cloud.logistics.reading import Parcel
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.services import services
from aircue_cloud.strict import Unfit
from aircue_cloud.web import frame, wording
from aircue_cloud.web.listing import Cell, Column, Content, Listing, Row

blueprint = frame.blueprint("parcels", __name__)
READ, WRITE = "parcels:read", "parcels:write"
_NOT_SAID = "not said"
# As people read the nine states.
_WORDS = {
    course.PENDING: "nothing heard yet",
    course.ANNOUNCED: "announced",
    course.MOVING: "in transit",
    course.OUT: "out for delivery",
    course.ATTEMPTED: "nobody was there",
    course.WAITING: "waits for pick-up",
    course.DELIVERED: "delivered",
    course.EXCEPTION: "something went wrong",
    course.EXPIRED: "silent for 30 days",
}
_TONES = {course.DELIVERED: "good", course.EXCEPTION: "warn", course.EXPIRED: "warn", course.ATTEMPTED: "warn"}
_COLUMNS = ("Number", "Carrier", "State", "Last heard", "Promised", Column(label="Late, h", number=True), "Order")
_EMPTY = Markup(
    "No parcel yet. Whoever sends one says so with <code>POST /api/v1/parcels</code> or "
    "<code>aircue-cloud parcels track</code>; the carrier <code>sandbox</code> is a simulated one, to try it with."
)


@blueprint.get("/parcels")
@requires(READ)
def page() -> Response:
    return _page("")


@blueprint.post("/parcels")
@requires(WRITE)
def track() -> Response:
    """A parcel of an order, by the number that people know."""
    wanted = {name: request.form.get(name, "").strip() for name in ("carrier", "tracking_number")}
    order, now = request.form.get("order", "").strip(), services().intake.clock()
    try:
        with db.writing(services().engine) as connection:
            asked = strict.convert(Tracked, {**wanted, "order": _order(connection, order)})
            parcel = parcels.sent(connection, asked)
            if isinstance(parcel, Reason):
                raise CommandError(str(parcel))
            id_, _ = parcels.track(connection, parcel, now)
    except (CommandError, Unfit) as error:
        return _page(f"Not tracked: {error}.", 422)
    return _to(url_for(".parcel", parcel=id_))


def _page(said: str, status: int = 200) -> Response:
    now, number = services().intake.clock(), request.args.get("number", "").strip()
    with db.reading(services().engine) as connection:
        found = reading.latest(connection, frame.most(), number)
    return frame.page(
        "console/parcels.html",
        title="Parcels",
        listings=[_listing(found, now)],
        status=status,
        files=url_for(".page") if said else None,
        said=said,
        carriers=[sandbox.NAME, *callbacks.CALLERS],
        number=number,
        simulated=any(one.carrier == sandbox.NAME and one.is_coming(now) for one in found),
        may=WRITE in who().scopes,
    )


@blueprint.get("/parcels/<parcel>")
@requires(READ)
def parcel(parcel: str) -> Response:
    now = services().intake.clock()
    with db.reading(services().engine) as connection:
        found = reading.one(connection, parcel)
        told = parcels.events(connection, parcel)
    if found is None:
        abort(404, f"parcel {parcel!r:.100} is not known: look for its number among the parcels")
    return frame.page(
        "console/parcel.html",
        title=f"Parcel {found.tracking_number}",
        crumbs=[("Parcels", url_for(".page")), (found.tracking_number, "")],
        listings=[_course(told), _contents(found)],
        facts=_facts(found, now),
    )


@blueprint.post("/parcels/move")
@requires(WRITE)
def move() -> Response:
    """What the simulated carrier would tell by now, without waiting for the next look."""
    with db.writing(services().engine) as connection:
        moving.move(connection, services().intake.clock())
    return _to(url_for(".page"))


def _to(path: str) -> Response:
    return redirect(path, 303)  # type: ignore[return-value]  # a werkzeug response; Flask serves both


def _order(connection: Connection, number: str) -> str:
    """CommandError for a number of none."""
    known = number.isascii() and number.isdigit() and len(number) < 10
    query = select(tables.orders.c.id).where(tables.orders.c.number == int(number)) if known else None
    found = None if query is None else connection.execute(query).scalar_one_or_none()
    if found is None:
        raise CommandError(f"order {number!r:.20} is not known: take its number from the orders")
    return str(found)


def _listing(found: Sequence[Parcel], now: datetime) -> Listing:
    rows: list[Row] = [_row(one, now) for one in found]
    return Listing(name="parcels", caption="Parcels", columns=_COLUMNS, rows=rows, empty=_EMPTY)


def _row(one: Parcel, now: datetime) -> Row:
    return [
        Cell(text=one.tracking_number, href=url_for(".parcel", parcel=one.id)),
        _carrier(one),
        _state(one.standing(now)),
        _moment(one.heard_at),
        _moment(one.promised_at),
        _late(one.delay(now)),
        one.order,
    ]


def _carrier(one: Parcel) -> str:
    return f"{one.carrier} (simulated)" if one.carrier == sandbox.NAME else one.carrier


def _state(state: str) -> Cell:
    return Cell(text=_WORDS[state], raw=state, tone=_TONES.get(state, ""))


def _moment(at: datetime | None) -> Content:
    return None if at is None else Cell(text=wording.day_and_time(at, ZoneInfo("UTC")), raw=at.isoformat())


def _late(delay: timedelta | None) -> Content:
    if delay is None:
        return None
    hours = delay / timedelta(hours=1)
    return Cell(text=f"{hours:.0f}", raw=round(hours, 1), tone="warn" if hours >= 1 else "")


def _facts(one: Parcel, now: datetime) -> list[tuple[str, str]]:
    delay = one.delay(now)
    late = _NOT_SAID if delay is None else wording.span(delay.total_seconds()) if delay else "in time"
    return [
        ("State", wording.sentence(_WORDS[one.standing(now)])),
        ("Carrier", _carrier(one)),
        ("Order", one.order or _NOT_SAID),
        ("To", one.person),
        ("Promised", _said(one.promised_at)),
        ("Expected by the carrier", _said(one.expected_at)),
        ("Delivered", _said(one.delivered_at)),
        ("Late", late),
    ]


def _said(at: datetime | None) -> str:
    return _NOT_SAID if at is None else wording.day_and_time(at, ZoneInfo("UTC"))


def _course(told: Sequence[course.Event]) -> Listing:
    rows: list[Row] = [[_moment(one.at), _state(one.state), _moment(one.expected_at)] for one in reversed(told)]
    empty = "The carrier has told nothing yet; what it calls back or lists in a file stands here then."
    columns = ("At", "State", "Expected then")
    return Listing(name="course", caption="What the carrier told", columns=columns, rows=rows, empty=empty)


def _contents(one: Parcel) -> Listing:
    rows: list[Row] = [
        [Cell(text=product, href=url_for("console_catalogue.product", product=product)), count]
        for product, count in sorted(one.contents.items())
    ]
    columns = ("Product", Column(label="Pieces", number=True))
    return Listing(name="contents", caption="In it", columns=columns, rows=rows, empty="Nothing is said to be in it.")
