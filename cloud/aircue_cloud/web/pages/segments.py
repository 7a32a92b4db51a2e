"""Segments: who is in which, what has changed since, and audiences, each with its file of people."""

from collections.abc import Sequence

from flask import Response, redirect, request, url_for
from markupsafe import Markup

from aircue_cloud import audit, db
from aircue_cloud.audit import Act
from aircue_cloud.errors import CommandError, SettingsError
from aircue_cloud.needs import toml
from aircue_cloud.rights.small_groups import K
from aircue_cloud.routes import browsers
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.services import services
from aircue_cloud.segments import audiences, exporting, figures, saved, snapshots
from aircue_cloud.segments.figures import DriftShown, ProfileShown, Shown
from aircue_cloud.web import bars, frame, wording
from aircue_cloud.web.listing import Cell, Column, Listing
from aircue_cloud.web.views.heads import numbers

blueprint = frame.blueprint("segments", __name__)
WRITE = "segments:write"
LARGEST = 20_000  # characters of an audience's document
_EMPTY = (
    "No snapshot was made yet. The server makes one each day; make the first now with the button above, or with: "
    "aircue-cloud segments refresh"
)
EXAMPLE = """title = "Homes that are often damp"
all = [{profile = "need:damp-air", any = ["often"]}]
"""


@blueprint.get("/segments")
@requires("segments:read")
def page() -> Response:
    return _page()


@blueprint.post("/segments/refresh")
@requires(WRITE)
def refresh() -> Response:
    snapshots.refresh(services().engine, services().intake.clock())
    return _back()


@blueprint.post("/segments/audiences")
@requires(WRITE)
def save() -> Response:
    name, document = request.form.get("name", "").strip(), request.form.get("document", "")
    try:
        if len(document) > LARGEST:
            raise SettingsError(f"audience: a document of {len(document)} characters, expected up to {LARGEST}")
        read = audiences.of_toml(name, document)
        with db.writing(services().engine) as connection:
            saved.save(connection, name, read, _author(), services().intake.clock())
    except SettingsError as error:
        return _page(said=f"{error}.", name=name, document=document, status=422)
    return _back("table-audiences")


@blueprint.post("/segments/audiences/<audience>/remove")
@requires(WRITE)
def remove(audience: str) -> Response:
    with db.writing(services().engine) as connection:
        saved.retire(connection, audience, _author(), services().intake.clock())
    return _back("table-audiences")


@blueprint.post("/segments/audiences/<audience>/people")
@requires(WRITE)
def people(audience: str) -> Response:
    """As a file; who took it is in the audit log."""
    now = services().intake.clock()
    try:
        with db.writing(services().engine) as connection:
            text = exporting.as_csv(connection, audience)
            act = Act(actor=_author(), action="segments export", target=audience, address=browsers.address())
            audit.append(connection, act, now)
    except CommandError as error:
        return _page(said=f"{error}.", status=409)
    return frame.file(text, f"audience-{audience}")


def _back(anchor: str | None = None) -> Response:
    return redirect(url_for(".page", _anchor=anchor), 303)  # type: ignore[return-value]  # Flask serves both


def _author() -> str:
    actor = who()
    return f"{actor.kind} {actor.name}".strip()


def _page(said: str = "", name: str = "", document: str = EXAMPLE, status: int = 200) -> Response:
    with db.reading(services().engine) as connection:
        found, days = figures.shown(connection), snapshots.days(connection)
        first, last, why_not = _days(days)
        drifted = figures.drift(connection, first, last) if not why_not else []
    return frame.page(
        "console/segments.html",
        title="Segments",
        listings=[*map(_profile, found.profiles), _audiences(found), *map(_drift, drifted)],
        status=status,
        files=url_for(".page"),
        found=found,
        days=days,
        begin=first,
        end=last,
        why_not=why_not,
        drifted=[(one, _names(one), _picture(one)) for one in drifted],
        moved=_moved(drifted),
        may_write=WRITE in who().scopes,
        said=said,
        name=name,
        document=document,
        toml_of={one.name: toml.written(one.document) for one in found.audiences},
        empty=_EMPTY,
        longest=LARGEST,
    )


def _days(known: Sequence[str]) -> tuple[str, str, str]:
    """The two that are compared; or why none are."""
    try:
        first, last = figures.chosen(known, request.args.get("begin") or None, request.args.get("end") or None)
    except CommandError as error:
        return "", "", f"{error}."
    return first, last, ""


def _people(count: int | None) -> Cell:
    hidden = Cell(text=f"under {K}, or hidden", raw="", tone="soft")
    return hidden if count is None else Cell(text=f"about {wording.count(count)}", raw=count)


def _profile(one: ProfileShown) -> Listing:
    several = "" if one.parts else "; one may be in several"
    return Listing(
        name=one.name.replace(":", "-"),
        caption=one.title,
        columns=("Segment", Column(label="People", number=True)),
        rows=[[segment.name, _people(segment.people)] for segment in one.segments],
        empty=f"Fewer than {K} people are in it, so nothing is told.",
        note=f"of people: {_people(one.people).text}{several}",
    )


def _audiences(found: Shown) -> Listing:
    return Listing(
        name="audiences",
        caption="Audiences",
        columns=("Name", Column(label="Title", wide=True), Column(label="People", number=True), "Version"),
        rows=[[one.name, one.title, _people(one.people), one.number] for one in found.audiences],
        empty="No audience was saved yet. Write one below: a rule over segments. Needs name it, and it is a file.",
        note="told where it differs by nobody or by 20 people and more from all else that is told",
    )


def _names(one: DriftShown) -> str:
    return f"drift-{one.profile.replace(':', '-')}"


def _drift(one: DriftShown) -> Listing:
    index = "" if one.psi is None else f", PSI {one.psi:.3f}"
    return Listing(
        name=_names(one),
        caption=f"{one.title}: what has changed",
        columns=["Segment", *numbers((one.begin, one.end))],
        rows=[[row.name, _people(row.before), _people(row.after)] for row in one.segments],
        empty=f"Fewer than {K} people were in it, so nothing is told.",
        note=f"{one.verdict}{index}",
    )


def _picture(one: DriftShown) -> Markup:
    """Both days of each segment."""
    rows = [
        bars.Row(
            name=row.name,
            values=(float(row.before or 0), float(row.after or 0)),
            told=f"{_people(row.before).text} \N{RIGHTWARDS ARROW} {_people(row.after).text}",
        )
        for row in one.segments
    ]
    return bars.rows(f"{one.title}: people on {one.begin} and on {one.end}", rows)


def _moved(drifted: Sequence[DriftShown]) -> list[str]:
    """In words: who went from where to where."""
    return [
        f"{one.title}: {_people(flow.people).text} went from {flow.origin or 'nowhere'} to {flow.goal or 'nowhere'}"
        for one in drifted
        for flow in one.flows
        if flow.people and flow.origin != flow.goal
    ]
