"""Audiences: how many people agree to what, and where needs are felt; never a figure on fewer than 20 of them."""

from datetime import datetime, timedelta

from flask import Response, request

from aircue_cloud import db
from aircue_cloud.errors import CommandError
from aircue_cloud.rights import reports, small_groups
from aircue_cloud.rights.reports import Report
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame, wording
from aircue_cloud.web.listing import Cell, Column, Listing, Row

blueprint = frame.blueprint("audiences", __name__)
MONTHS = 12
CONSENTS, NEEDS = "consents", "needs-by-area"


@blueprint.get("/audiences")
@requires("households:read")
def page() -> Response:
    now = services().intake.clock()
    months = _months(now)
    wanted = request.args.get("month", "")
    month, said = wanted if wanted in months else months[0], ""
    try:
        with db.writing(services().engine) as connection:
            found = [reports.report(connection, name, month, now) for name in (CONSENTS, NEEDS)]
    except CommandError as error:
        found, said = [], f"{error}."
    listings = [listing(one) for listing, one in zip((_consents, _needs), found, strict=False)]
    return frame.page(
        "console/audiences.html", title="Audiences", listings=listings, months=months, month=month, said=said
    )


def _months(now: datetime) -> list[str]:
    """Those that are over, the latest first."""
    found, at = [], now
    for _ in range(MONTHS):
        at = at.replace(day=1) - timedelta(days=1)
        found.append(f"{at:%Y-%m}")
    return found


def _people(count: int | None) -> Cell:
    hidden = Cell(text=f"under {small_groups.K}, or it would tell of so few", raw="", tone="soft")
    return hidden if count is None else Cell(text=wording.count(count), raw=count)


def _consents(report: Report) -> Listing:
    rows: list[Row] = [[*_parts(group.name), _people(group.total)] for group in report.groups]
    columns = ("Purpose", "Data", "Channel", Column(label="People", number=True))
    return Listing(
        name="consents",
        caption="Who agrees to what",
        columns=columns,
        rows=rows,
        note=f"at the end of {report.month}",
        empty="Nobody had agreed to anything by the end of this month. The shop asks; see PUT /api/v1/households/ID.",
    )


def _parts(name: str) -> tuple[str, str, str]:
    purpose, _, rest = name.partition(": ")
    category, _, channel = rest.partition(", ")
    return purpose, category, channel


def _needs(report: Report) -> Listing:
    rows: list[Row] = []
    for group in report.groups:
        rows.append([group.name, "everywhere", _people(group.total)])
        rows += [[group.name, area, _people(count)] for area, count in sorted(group.people.items())]
    columns = ("Need", "Area", Column(label="People", number=True))
    empty = "No need began in this month at the home of anybody who agrees."
    note = f"at whose home it began in {report.month}"
    return Listing(name="needs", caption="Needs by area", columns=columns, rows=rows, note=note, empty=empty)
