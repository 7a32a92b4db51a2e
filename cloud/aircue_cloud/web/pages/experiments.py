"""Experiments: the split first; then each effect with its interval, its power and what it returned."""

from collections.abc import Sequence

from flask import Response, request

from aircue_cloud import db
from aircue_cloud.outcomes import observed
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame
from aircue_cloud.web.listing import Column, Content, Listing
from aircue_cloud.web.pages.sales import shares
from aircue_cloud.web.views import assumptions, experiments, outcomes
from aircue_cloud.web.views.experiments import Shown
from aircue_cloud.web.views.heads import numbers

blueprint = frame.blueprint("experiments", __name__)

_EMPTY = (
    "Nothing was bought yet, so there is no outcome to compare. Send purchases with POST /api/v1/events; a household "
    "enters an experiment with its first decision that ends in a push, or would have."
)
_NOBODY = (
    "No household has entered an experiment yet: each does with its first decision that ends in a push, or in the "
    "holdout would have."
)


@blueprint.get("/experiments")
@requires("decisions:read")
def page() -> Response:
    said, now = assumptions.read(request.args), services().intake.clock()
    found: Sequence[Shown] = ()
    with db.reading(services().engine) as connection:
        known = outcomes.currencies(connection)
        currency = outcomes.chosen(known, said)
        if currency is not None:
            record = observed.record(connection, currency, now)
            reported = outcomes.reported(connection, record, said, shares(), now)
            titles = {name: need.title for name, need in services().needs.by_name.items()}
            found = experiments.shown(reported, titles, currency)
    return frame.page(
        "console/experiments.html",
        title="Experiments",
        listings=[listing for one in found for listing in _listings(one)],
        said=said,
        currencies=known,
        found=found,
        empty=_EMPTY if currency is None else _NOBODY,
    )


def _listings(one: Shown) -> list[Listing]:
    if one.hidden is not None:
        return []
    effects = [] if one.blocked is not None else [_effect(one)]
    return [*effects, _beside(one)]


_WHAT = Column(label="What it is", wide=True)


def _effect(one: Shown) -> Listing:
    columns: list[Column | str] = ["Figure", *numbers(("Value", "From", "To")), _WHAT]
    rows = [[row.label, row.value, row.low or None, row.high or None, row.note] for row in one.figures]
    return _listing(one, "effect", "Effect", columns, rows)


def _beside(one: Shown) -> Listing:
    rows = [[row.label, row.value, row.note] for row in one.beside]
    return _listing(one, "beside", "Beside it", ("Figure", Column(label="Value", number=True), _WHAT), rows)


def _listing(
    one: Shown, name: str, caption: str, columns: Sequence[Column | str], rows: Sequence[Sequence[Content]]
) -> Listing:
    return Listing(
        name=f"{one.key}-{name}",
        caption=f"{caption}: {one.title}",
        columns=columns,
        rows=rows,
        empty="Nothing is told.",
    )
