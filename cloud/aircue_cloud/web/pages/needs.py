"""Needs: which hold, and for each an editor with validation, a trial on past readings, its lifts and its history."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Response, abort, redirect, request, url_for
from markupsafe import Markup
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.errors import CommandError, SettingsError
from aircue_cloud.needs import stored, toml
from aircue_cloud.needs.backtest import TRUSTED
from aircue_cloud.needs.needs import Need, Needs
from aircue_cloud.needs.stored import Version
from aircue_cloud.outcomes import lifts as learning
from aircue_cloud.outcomes.learned_lift import Learned
from aircue_cloud.outcomes.report import Terms
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.services import config, services
from aircue_cloud.web import frame, intervals, wording
from aircue_cloud.web.listing import Cell, Column, Content, Listing
from aircue_cloud.web.views import lifts, need_form, needs_shown, tried
from aircue_cloud.web.views.heads import numbers
from aircue_cloud.web.views.need_form import Draft
from aircue_cloud.web.views.needs_shown import Past, Shown
from aircue_cloud.web.views.tried import COURSES, Tried

blueprint = frame.blueprint("needs", __name__)

WRITE = "needs:write"
DAYS = (7, 30, 90)
MOST_SITES = 200
LONGEST = 20_000  # letters of a document
FORM, TEXT_FORM = "editor-form", "toml-form"
TIMES = "\N{MULTIPLICATION SIGN}"
_MOST_EPISODES = 50
_DONE: Mapping[str, str] = {
    "saved": "Saved. It holds from now on.",
    "restored": "The earlier version is saved as the newest, and holds from now on.",
    "retired": "Taken away: it begins no further episode.",
}


@blueprint.get("/needs")
@requires("needs:read")
def page() -> Response:
    with db.reading(services().engine) as connection:
        found = needs_shown.shown(connection, shipped(), services().intake.clock())
    return frame.page("console/needs.html", title="Needs", listings=[_listing(found)], may_change=WRITE in who().scopes)


@blueprint.get("/needs/<name>")
@requires("needs:read")
def need(name: str) -> Response:
    return _page(name, None, "", 200)


@blueprint.post("/needs/<name>")
@requires(WRITE)
def edit(name: str) -> Response:
    """Checks what was typed; tries it on past readings, or saves it."""
    found = _of(name)
    typed = request.form.to_dict()
    draft = checked(name, drafted(found.need.document, typed))
    if draft.errors:
        return _page(name, draft, "Not saved: see what is marked below.", 422)
    if typed.get("do") == "save":
        return _saved(name, draft.document, typed.get("note", ""), "saved", draft)
    return _page(name, draft, "This is how it would have been; nothing is saved yet." if typed.get("do") == "try" else
                 "It could be saved as it stands.", 200)  # fmt: skip


@blueprint.post("/needs/<name>/restore")
@requires(WRITE)
def restore(name: str) -> Response:
    """Saves an earlier version, or what ships, as the newest."""
    number = request.form.get("version", "")
    with db.reading(services().engine) as connection:
        versions = stored.history(connection, name)
    documents = {str(one.number): one.document for one in versions}
    if name in shipped().by_name:
        documents["0"] = shipped().by_name[name].document
    if number not in documents:
        abort(404, f"need {name!r:.80} has no version {number!r:.20}: see its history")
    if request.form.get("confirmed") != "yes":
        return _page(name, None, "Not done: tick the box that says so, next to the button.", 422)
    said = "what ships" if number == "0" else f"version {number}"
    return _saved(name, documents[number], f"back to {said}", "restored", None)


@blueprint.post("/needs/<name>/retire")
@requires(WRITE)
def retire(name: str) -> Response:
    _of(name)
    if request.form.get("confirmed") != "yes":
        return _page(name, None, "Not done: tick the box that says so, next to the button.", 422)
    here, note = services(), request.form.get("note", "")
    try:
        with db.writing(here.engine) as connection:
            stored.retire(connection, name, author(), note, here.intake.clock(), shipped())
    except SettingsError as error:
        return _page(name, None, f"Not done: {error}", 422)
    return _to(name, "retired")


def _saved(name: str, document: Mapping[str, Any], note: str, done: str, draft: Draft | None) -> Response:
    here = services()
    try:
        with db.writing(here.engine) as connection:
            stored.save(connection, name, document, author(), note, here.intake.clock())
    except SettingsError as error:
        return _page(name, draft, f"Not saved: {error}", 422)
    return _to(name, done)


def _to(name: str, done: str) -> Response:
    """What was saved counts for whoever asks next."""
    services().live.forget()
    return redirect(url_for(".need", name=name, done=done), 303)  # type: ignore[return-value]  # Flask serves both


def author() -> str:
    actor = who()
    return f"{actor.kind} {actor.name}".strip()


def shipped() -> Needs:
    return services().live.shipped


def _of(name: str) -> Shown:
    """404 for one that never was."""
    with db.reading(services().engine) as connection:
        return _found(connection, name)


def _found(connection: Connection, name: str) -> Shown:
    every = needs_shown.shown(connection, shipped(), services().intake.clock())
    found = next((one for one in every if one.need.name == name), None)
    if found is None:
        abort(404, f"need {name!r:.80} is not known: see the list of needs")
    return found


# What was typed.


def drafted(base: Mapping[str, Any], typed: Mapping[str, str]) -> Draft:
    """The base with what was typed into its fields; or the text in its place."""
    return _from_text(base, typed) if typed.get("as") == "toml" else need_form.draft(base, typed)


def _from_text(base: Mapping[str, Any], typed: Mapping[str, str]) -> Draft:
    text = typed.get("toml", "")
    try:
        if len(text) > LONGEST:
            raise ValueError(f"{len(text)} letters, at most {LONGEST}")
        document = tomllib.loads(text.replace("\r\n", "\n"))
        json.dumps(document, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:  # no TOML, or what no need may hold: a date, nan, inf
        return Draft(document=base, typed=typed, errors={"toml": f"not readable as a need: {error}"[:300]})
    return Draft(document=document, typed={"toml": text})


def checked(name: str, draft: Draft) -> Draft:
    """With what its reader says against the document, where the fields could be read."""
    if draft.errors:
        return draft
    if "\\u0000" in json.dumps(draft.document):
        return draft.with_error("it holds a NUL, which no database keeps: take it out")
    try:
        stored.check(name, draft.document)
    except SettingsError as error:
        return draft.with_error(str(error))
    return draft


# The page of one.


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which readings a draft is tried on."""

    site: str
    days: int


def _page(name: str, draft: Draft | None, said: str, status: int) -> Response:
    here, now = services(), services().intake.clock()
    with db.reading(here.engine) as connection:
        found = _found(connection, name)
        versions = stored.history(connection, name)
        sites = needs_shown.sites(connection, found.need.rule.quantity, MOST_SITES)
        learned = _learned(connection, found.need, now)
        asked = asked_for(sites)
        wanted = draft is not None and not draft.errors and request.form.get("do") == "try"
        versions_tried = _versions(found.need, draft) if wanted and draft is not None else {}
        trials, trouble = tried_on(connection, versions_tried, asked, now)
    shown = draft or Draft(document=found.need.document)
    unit = needs_shown.unit(found.need)
    sent_by = TEXT_FORM if "toml" in shown.typed else FORM
    past = needs_shown.past(shipped().by_name.get(name), versions)
    return frame.page(
        "console/need.html",
        title=found.need.title,
        status=status,
        crumbs=[("Needs", url_for(".page")), (name, "")],
        files=None if request.method == "GET" else url_for(".need", name=name),
        listings=[_lift_list(learned), _history(past), *trial_listings(trials, unit, sent_by)],
        said=said,
        done=_DONE.get(request.args.get("done", "")),
        found=found,
        quantity=found.need.rule.quantity,
        quantity_label=wording.quantity(found.need.quantity).label,
        facts=_facts(found),
        unit=unit,
        form=need_form.form(shown, unit),
        text=shown.typed.get("toml", toml.written(shown.document)),
        text_error=shown.errors.get("toml", ""),
        as_text=shown.typed.get("as") == "toml" or "toml" in shown.typed,
        note=request.form.get("note", ""),
        may_change=WRITE in who().scopes,
        sites=sites,
        days=DAYS,
        asked=asked,
        trials=trials,
        compared=compared(trials),
        panels=tried.panels(trials[-1], unit) if trials else [],
        trouble=trouble,
        lift_chart=_lift_chart(learned),
        past=past,
        ships=name in shipped().by_name,
    )


def _facts(found: Shown) -> list[tuple[str, str]]:
    newest, doing = found.newest, found.activity
    since = "" if newest is None else f", version {newest.number} of {newest.at:%d %b %Y %H:%M} UTC, by {newest.author}"
    return [
        ("Holds when", needs_shown.condition(found.need)),
        ("State", f"{found.state}{since}"),
        ("Kind of its pushes", found.need.kind),
        ("Episodes now", wording.count(doing.open)),
        ("Begun in 30 days", wording.count(doing.begun)),
        ("Pushes in 30 days", wording.count(doing.sent)),
    ]


def _learned(connection: Connection, need: Need, now: datetime) -> list[Learned]:
    """Of 28 days, as the experiments."""
    terms = Terms(now=now, holdout=config().holdout, need_holdout=config().need_holdout)
    return learning.learned(connection, Needs({need.name: need}), terms)


def _lift_chart(found: Sequence[Learned]) -> Markup | None:
    label = "How many times likelier each category is wanted: prior as a ring, posterior with its interval of 90 %"
    return intervals.svg(label, lifts.estimates(found), 1.0, is_log=True, unit=TIMES) if found else None


def _lift_list(found: Sequence[Learned]) -> Listing:
    columns: list[Column | str] = [
        "Category",
        *numbers(("Prior", "Posterior", "From", "To")),
        "Stands on",
        Column(label="Evidence", wide=True),
    ]
    rows: list[list[Content]] = [
        [
            one.category,
            *(_two(number) for number in (one.prior, one.posterior.value, one.posterior.low, one.posterior.high)),
            lifts.GROUNDS[one.on],
            lifts.evidence(one),
        ]
        for one in found
    ]
    return Listing(name="lifts", caption="Lifts, 90 %", columns=columns, rows=rows, empty="It has no remedy.")


def _two(number: float) -> Cell:
    return Cell(text=f"{number:.2f}", raw=round(number, 6))


def _history(past: Sequence[Past]) -> Listing:
    columns = (Column(label="Version", number=True), "State", "Saved, UTC", "By", Column(label="Why", wide=True))
    rows: list[list[Content]] = [
        [one.version.number, _standing(one), f"{one.version.at:%d %b %Y %H:%M}", one.version.author, one.version.note]
        for one in past
    ]
    empty = "Nobody has changed it: it is as it ships. Save it once, and each version is kept here."
    return Listing(name="history", caption="History", columns=columns, rows=rows, empty=empty)


def _standing(one: Past) -> Cell | str:
    if one.holds:
        return Cell(text="holds", tone="good", word=True)
    return Cell(text="earlier", word=True) if one.version.active else Cell(text="taken away", tone="warn", word=True)


# The trial on past readings.


def asked_for(sites: Sequence[str]) -> Asked:
    site, days = request.form.get("site", ""), request.form.get("days", "")
    return Asked(
        site=site if site in sites else next(iter(sites), ""), days=int(days) if days in map(str, DAYS) else 30
    )


def _versions(need: Need, draft: Draft) -> dict[str, Need]:
    """What holds, and the draft where it differs."""
    if toml.written(need.document) == toml.written(draft.document):
        return {"as it holds": need}
    return {"as it holds": need, "as it is typed": stored.check(need.name, draft.document)}


def tried_on(
    connection: Connection, versions: Mapping[str, Need], asked: Asked, now: datetime
) -> tuple[list[Tried], str]:
    """Each version on the readings that are asked for; or why there are none. versions: by what they are called."""
    if versions and not asked.site:
        quantity = next(iter(versions.values())).rule.quantity
        return [], f"No home measures {quantity}, so there are no readings to try it on."
    here, settings, since = services(), config().pushes, now - timedelta(days=asked.days)
    try:
        return [
            tried.tried(connection, here.lake, one, asked.site, since, settings, label)
            for label, one in versions.items()
        ], ""
    except CommandError as error:
        return [], str(error)


def compared(trials: Sequence[Tried]) -> list[tuple[str, list[str]]]:
    """Rows of figures, a column each version."""
    rows: list[tuple[str, list[str]]] = [
        (f"Episodes, {words}", [wording.count(len(one.found.sides[name].episodes)) for one in trials])
        for name, words in COURSES.items()
    ]
    rows.append(("Time in them", [wording.span(one.found.sides[TRUSTED].minutes * 60) for one in trials]))
    rows.append(("Offers sent", [wording.count(len(one.found.sends)) for one in trials]))
    gates = sorted({gate for one in trials for gate in one.found.held})
    rows += [(f"Held by {gate}", [wording.count(one.found.held.get(gate, 0)) for one in trials]) for gate in gates]
    return rows if trials else []


def trial_listings(trials: Sequence[Tried], unit: str, sent_by: str) -> list[Listing]:
    """What a trial shows, as tables. sent_by: the form that has what was tried."""
    if not trials:
        return []
    return [episodes(trials[-1], unit, sent_by), _figures(trials, sent_by), *_courses(trials[-1], sent_by)]


def _figures(trials: Sequence[Tried], sent_by: str) -> Listing:
    columns: list[Column | str] = ["Figure", *numbers([one.label for one in trials])]
    rows: list[list[Content]] = [[name, *values] for name, values in compared(trials)]
    return Listing(name="compared", caption="Compared", columns=columns, rows=rows, empty="", sent_by=sent_by)


def _courses(one: Tried, sent_by: str) -> Iterator[Listing]:
    for panel in tried.panels(one, ""):
        heads: list[Column | str] = ["From", *numbers(("Lowest", "Mean", "Highest", "Readings"))]
        rows = [[each.since, each.low, each.mean, each.high, each.readings] for each in panel.table]
        yield Listing(
            name=f"course/{panel.node}",
            caption=panel.node,
            columns=heads,
            rows=rows,
            empty="No trusted reading in this window.",
            sent_by=sent_by,
        )


def episodes(one: Tried, unit: str, sent_by: str) -> Listing:
    """sent_by: the form that has what was tried."""
    columns = (
        "Node",
        "Began",
        "Lasted",
        Column(label="Peak", number=True),
        "What came of it",
        Column(label="Why", wide=True),
    )
    rows: list[list[Content]] = [
        [
            decided.episode.node,
            Cell(text=wording.day_and_time(decided.episode.start, one.zone), raw=decided.episode.start.isoformat()),
            wording.span(decided.episode.minutes * 60),
            Cell(text=f"{decided.episode.peak:.4g} {unit}".rstrip(), raw=decided.episode.peak),
            tried.outcome(decided),
            decided.reason,
        ]
        for decided in one.found.decisions[:_MOST_EPISODES]
    ]
    empty = "No episode in these readings: the condition never held for long enough."
    caption = f"Episodes {one.label}, in {one.zone.key}"
    return Listing(name="tried", caption=caption, columns=columns, rows=rows, empty=empty, sent_by=sent_by)


# The list.


def _listing(found: Sequence[Shown]) -> Listing:
    counts = ("Episodes now", "Begun in 30 days", "Pushes in 30 days")
    columns: list[Column | str] = ["Need", "Holds when", "Remedies", "State", "Changed", *numbers(counts)]
    return Listing(
        name="needs",
        caption="Needs",
        columns=columns,
        rows=[_row(one) for one in found],
        empty="No need is left: save one with PUT /api/v1/needs/NAME.",
    )


def _row(one: Shown) -> list[Content]:
    doing, newest = one.activity, one.newest
    return [
        Cell(text=one.need.title, href=url_for(".need", name=one.need.name)),
        needs_shown.condition(one.need),
        ", ".join(one.need.remedies),
        Cell(text=one.state, tone="warn" if one.state == needs_shown.RETIRED else "", word=True),
        None if newest is None else _changed(newest),
        *(Cell(text=wording.count(number), raw=number) for number in (doing.open, doing.begun, doing.sent)),
    ]


def _changed(version: Version) -> str:
    return f"{version.at:%d %b %Y}, {version.author}"
