"""Partners: accounts, their feeds and what is wrong with them, and what pushes with their products did."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from flask import Response, abort, redirect, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge

from aircue_cloud import db
from aircue_cloud.errors import CommandError
from aircue_cloud.partners import accounts, conformance, results, supplying
from aircue_cloud.partners.accounts import Account
from aircue_cloud.partners.conformance import Report
from aircue_cloud.partners.feeds import reading as feeds_read
from aircue_cloud.partners.feeds import taking
from aircue_cloud.partners.feeds.offer import Problem
from aircue_cloud.partners.feeds.taking import Feed
from aircue_cloud.partners.results import Results
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame, wording
from aircue_cloud.web.listing import MOST_SHOWN, Cell, Column, Content, Listing, Row

blueprint = frame.blueprint("partners", __name__)
READ, WRITE = "partners:read", "partners:write"
_CELLS = {results.BOUGHT: "bought after it", results.CLICKED: "clicked, did not buy", results.SAW: "neither"}
_OUTCOMES = {taking.TAKEN: "good", taking.REFUSED: "warn"}


@blueprint.get("/partners")
@requires(READ)
def page() -> Response:
    return _page("")


@blueprint.post("/partners")
@requires(WRITE)
def add() -> Response:
    name, contact = request.form.get("name", "").strip(), request.form.get("contact", "").strip()
    partner, now = request.form.get("partner", "").strip(), services().intake.clock()
    try:
        with db.writing(services().engine) as connection:
            if accounts.find(connection, partner) is not None:
                raise CommandError(f"partner {partner} has an account already")
            accounts.save(connection, partner, now, name=name, contact=contact)
    except CommandError as error:
        return _page(f"Not added: {error}.", 422)
    return _to(url_for(".partner", partner=partner))


@blueprint.get("/devices-of-partners")
@requires(READ)
def conformance_page() -> Response:
    return _tested("", None, "")


@blueprint.post("/devices-of-partners")
@requires(READ)
def hold_recording() -> Response:
    """Nothing of the recording is kept."""
    name, found = request.form.get("profile", ""), request.files.get("recording")
    if name not in conformance.shipped() or found is None or not found.filename:
        return _tested("Nothing was tested: choose a profile and a file.", None, name, 422)
    try:
        lines = found.read().decode().splitlines()
    except UnicodeDecodeError:
        return _tested("Not read: no UTF-8. Record binary payloads in hexadecimal.", None, name, 422)
    report = conformance.check(lines, conformance.profile(name), db.to_ms(services().intake.clock()))
    return _tested(_conforms(report), report, name)


def _conforms(report: Report) -> str:
    missing = f" No line tells {', '.join(report.missing)}." if report.missing else ""
    return f"{'It conforms' if report.conforms else 'It does not conform'}.{missing}"


def _tested(said: str, report: Report | None, name: str, status: int = 200) -> Response:
    profiles = [(one, conformance.profile(one)) for one in conformance.shipped()]
    return frame.page(
        "console/conformance.html",
        title="Devices of other brands",
        crumbs=[("Partners", url_for(".page")), ("Devices", "")],
        listings=[_lines(report)],
        status=status,
        files=url_for(".conformance_page"),
        said=said,
        tested=report is not None,
        profiles=profiles,
        chosen=name,
    )


def _lines(report: Report | None) -> Listing:
    tones = {conformance.DECODED: "good", conformance.WRONG: "warn"}
    rows: list[Row] = [
        [
            one.number,
            Cell(text=one.verdict, tone=tones.get(one.verdict, "")),
            ", ".join(f"{reading.quantity or '?'} {reading.value:g}" for reading in one.readings),
            "; ".join(one.why),
        ]
        for one in (() if report is None else report.lines[:MOST_SHOWN])
    ]
    columns = (
        Column(label="Line", number=True),
        "Verdict",
        Column(label="Read", wide=True),
        Column(label="Why", wide=True),
    )
    empty = "The recording has no line with a message."
    return Listing(name="lines", caption="Line by line", columns=columns, rows=rows, empty=empty)


@blueprint.get("/partners/<partner>")
@requires(READ)
def partner(partner: str) -> Response:
    return _partner(partner, "")


@blueprint.post("/partners/<partner>/status")
@requires(WRITE)
def change_status(partner: str) -> Response:
    wanted, now = request.form.get("status", ""), services().intake.clock()
    try:
        with db.writing(services().engine) as connection:
            one = accounts.must_find(connection, partner)
            said = {"name": one.name, "contact": one.contact, "status": wanted}
            accounts.save(connection, partner, now, assumed_stock=one.assumed_stock, **said)
    except CommandError as error:
        return _partner(partner, f"Nothing was changed: {error}.", 422)
    return _to(url_for(".partner", partner=partner))


@blueprint.post("/partners/<partner>/feeds")
@requires(WRITE)
def upload(partner: str) -> Response:
    try:
        found, mode = request.files.get("feed"), request.form.get("mode", taking.WHOLE)
    except RequestEntityTooLarge:
        return _partner(partner, "The feed is larger than this page takes: aircue-cloud partners feed take.", 413)
    if found is None or not found.filename:
        return _partner(partner, "Nothing was sent: choose a file first.", 422)
    format_ = feeds_read.format_of(found.filename, found.mimetype or "")
    if format_ is None or mode not in taking.MODES:
        return _partner(partner, "Not read: its name has to end in .csv, .tsv, .json or .xml.", 422)
    now = services().intake.clock()
    try:
        feed = supplying.supply(
            services().engine, partner, found.read(), source="upload", format_=format_, mode=mode, now=now
        )
    except CommandError as error:
        return _partner(partner, f"Not taken: {error}.", 422)
    return _to(url_for(".feed", partner=partner, feed=feed.id))


@blueprint.get("/partners/<partner>/feeds/<int:feed>")
@requires(READ)
def feed(partner: str, feed: int) -> Response:
    with db.reading(services().engine) as connection:
        account = accounts.find(connection, partner)
        found = taking.one(connection, partner, feed) if feed < 2**63 else None
    if account is None or found is None:
        abort(404, f"feed {feed} of partner {partner!r:.100} is not known")
    above = [("Partners", url_for(".page")), (account.name, url_for(".partner", partner=partner))]
    return frame.page(
        "console/feed.html",
        title=f"Feed {found.id}",
        crumbs=[*above, (f"Feed {found.id}", "")],
        listings=[_problems(found)],
        feed=found,
        verdict=_verdict(found),
        facts=_feed_facts(found),
    )


def _to(path: str) -> Response:
    return redirect(path, 303)  # type: ignore[return-value]  # a werkzeug response; Flask serves both


def _page(said: str, status: int = 200) -> Response:
    with db.reading(services().engine) as connection:
        found = accounts.listed(connection)
        counts = accounts.products(connection, [one.id for one in found])
        latest = {one.id: taking.history(connection, one.id, 1) for one in found}
    rows: list[Row] = [
        [
            Cell(text=one.name, href=url_for(".partner", partner=one.id)),
            one.id,
            Cell(text=one.status, tone="" if one.status == accounts.ACTIVE else "warn"),
            counts.get(one.id, 0),
            *(_latest(latest[one.id])),
        ]
        for one in found
    ]
    columns = ("Partner", "Id", "Status", Column(label="On sale", number=True), "Last feed", "Outcome")
    empty = "No partner yet. Add one below, or with: aircue-cloud partners add ID NAME"
    listing = Listing(name="partners", caption="Partners", columns=columns, rows=rows, empty=empty)
    return frame.page(
        "console/partners.html",
        title="Partners",
        listings=[listing],
        status=status,
        files=url_for(".page"),
        said=said,
        may=WRITE in who().scopes,
    )


def _latest(feeds: Sequence[Feed]) -> tuple[Content, Content]:
    if not feeds:
        return None, None
    return _when(feeds[0]), Cell(text=feeds[0].outcome, tone=_OUTCOMES[feeds[0].outcome])


def _when(feed: Feed) -> Cell:
    return Cell(text=wording.day_and_time(feed.at, ZoneInfo("UTC")), raw=feed.at.isoformat())


def _partner(partner: str, said: str, status: int = 200) -> Response:
    now = services().intake.clock()
    month = f"{now.replace(day=1) - timedelta(days=1):%Y-%m}"
    with db.writing(services().engine) as connection:
        account = None if "\0" in partner else accounts.find(connection, partner)
        if account is None:
            abort(404, f"partner {partner!r:.100} is not known: choose one among the partners")
        feeds = taking.history(connection, partner, frame.most())
        count = accounts.products(connection, [partner]).get(partner, 0)
        told = results.of_month(connection, partner, month, now)
    return frame.page(
        "console/partner.html",
        title=account.name,
        crumbs=[("Partners", url_for(".page")), (account.id, "")],
        listings=[_feeds(account, feeds), _results(told)],
        status=status,
        files=url_for(".partner", partner=partner),
        said=said,
        account=account,
        facts=_facts(account, count),
        may=WRITE in who().scopes,
        other=accounts.PAUSED if account.status == accounts.ACTIVE else accounts.ACTIVE,
    )


def _facts(account: Account, count: int) -> list[tuple[str, str]]:
    return [
        ("Id", account.id),
        ("Contact", account.contact or "none given"),
        ("Status", account.status),
        ("Products on sale", wording.count(count)),
        ("Feed fetched from", account.feed_url or "nowhere: it is sent"),
        ("Webhook", account.webhook_url or "none"),
    ]


def _feeds(account: Account, feeds: Sequence[Feed]) -> Listing:
    rows: list[Row] = [
        [
            Cell(text=str(one.id), href=url_for(".feed", partner=account.id, feed=one.id)),
            _when(one),
            one.source,
            one.format,
            Cell(text=one.outcome, tone=_OUTCOMES[one.outcome]),
            one.rows,
            Cell(text=wording.count(one.wrong), raw=one.wrong, tone="warn" if one.wrong else ""),
            one.created,
            one.changed,
            one.retired,
        ]
        for one in feeds
    ]
    names = ("Rows", "Wrong", "New", "Changed", "Off sale")
    counted = [Column(label=name, number=True) for name in names]
    columns = [*(Column(label=name) for name in ("Feed", "At", "From", "Format", "Outcome")), *counted]
    empty = "No feed yet. Upload one, or let the partner send it: POST /api/v1/partners/ID/feeds"
    return Listing(name="feeds", caption="Feeds", columns=columns, rows=rows, empty=empty)


def _results(told: Results) -> Listing:
    hidden = Cell(text=f"under {told.at_least}, or it would tell of so few", raw="", tone="soft")
    counts = {"reached by a push": told.people, **{_CELLS[name]: count for name, count in told.people_by.items()}}
    rows: list[Row] = [[name, hidden if count is None else _count(count)] for name, count in counts.items()]
    columns = ("People", Column(label="Count", number=True))
    note = f"of {told.month}, as the partner is told it"
    caption = "What pushes with its products did"
    return Listing(name="results", caption=caption, columns=columns, rows=rows, note=note, empty="")


def _count(count: int) -> Cell:
    return Cell(text=wording.count(count), raw=count)


def _problems(feed: Feed) -> Listing:
    rows: list[Row] = [_problem(one) for one in feed.problems]
    columns = (
        Column(label="Row", number=True), "Field", Column(label="Found", wide=True),
        Column(label="Expected", wide=True), Column(label="What to do", wide=True),
    )  # fmt: skip
    note = f"the first {len(feed.problems)}" if feed.wrong > len(feed.problems) else ""
    empty = "Nothing is wrong with it."
    return Listing(name="problems", caption="What is wrong", columns=columns, rows=rows, note=note, empty=empty)


def _problem(one: Problem) -> Row:
    row = Cell(text=str(one.row), raw=one.row) if one.row else Cell(text="file", raw=0)
    return [row, one.field or "the row", one.found, one.expected, one.remedy]


def _verdict(feed: Feed) -> str:
    if feed.outcome == taking.REFUSED:
        return "Refused: nothing of it was taken, and what was on sale stays as it is."
    left = f"; {wording.count(feed.wrong)} rows were left out" if feed.wrong else ""
    return f"Taken{left}."


def _feed_facts(feed: Feed) -> list[tuple[str, str]]:
    names = (("Rows", feed.rows), ("Wrong", feed.wrong), ("New", feed.created), ("Changed", feed.changed))
    counted = [(name, wording.count(count)) for name, count in (*names, ("Off sale", feed.retired))]
    return [("At", _when(feed).text), ("From", feed.source), ("Format", feed.format), *counted]
