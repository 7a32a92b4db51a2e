"""Effect of the whole: month by month before and after the first push with its return, as the study tells it, beside
what the holdout says."""

from flask import Response, request
from markupsafe import Markup

from aircue_cloud import db
from aircue_cloud.outcomes import observed, whole
from aircue_cloud.outcomes.assignment import GLOBAL
from aircue_cloud.outcomes.whole import Pair, Untold, Whole
from aircue_cloud.recommender.evaluating import before_after
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services
from aircue_cloud.shop import money
from aircue_cloud.web import bars, curves, frame, wording
from aircue_cloud.web.curves import Curve
from aircue_cloud.web.listing import NOTHING, Cell, Column, Listing
from aircue_cloud.web.pages import sales
from aircue_cloud.web.views import assumptions, experiments, outcomes
from aircue_cloud.web.views.heads import numbers

blueprint = frame.blueprint("effect", __name__)

EMPTY = "Nothing was bought yet. Send purchases with POST /api/v1/events, or from a file with: aircue-cloud import"


@blueprint.get("/effect")
@requires("events:read")
def page() -> Response:
    said, now, zone = assumptions.read(request.args), services().intake.clock(), sales.store_zone()
    with db.reading(services().engine) as connection:
        known = outcomes.currencies(connection)
        currency = outcomes.chosen(known, said)
        if currency is None:
            return _shown(said=said, currencies=known, empty=EMPTY)
        record = observed.record(connection, currency, now)
        reported = outcomes.reported(connection, record, said, sales.shares(), now)
    overall = experiments.shown([one for one in reported if one.experiment == GLOBAL], {}, currency)
    found = whole.whole(record, said.costs(currency), zone, now)
    beside = {"said": said, "currencies": known, "zone": zone.key, "experiment": next(iter(overall), None)}
    if isinstance(found, Untold):
        return _shown(**beside, why_not=found.why)
    return _shown(
        **beside,
        found=found,
        listings=[_months(found)],
        summary=_summary(found),
        months_chart=_months_chart(found),
        roi_chart=_roi_chart(found),
    )


def _shown(**shown: object) -> Response:
    return frame.page("console/effect.html", title="Effect of the whole", label=before_after.LABEL, **shown)  # type: ignore[arg-type]


def _summary(found: Whole) -> list[tuple[str, str, str]]:
    both = f"{_money(found.after, found)} after {_money(found.before, found)}"
    cost = "say the margin and what a push costs, above" if found.cost is None else f"cost {_money(found.cost, found)}"
    return [
        ("Change, mean of the months", _share(found.mean_of_ratios), found.label),
        ("Change of the sums", _share(found.ratio_of_sums), f"{both}, {found.label}"),
        ("ROI, mean of the months", _share(found.mean_roi), found.label),
        ("ROI of the sums", _share(found.roi_of_sums), f"{cost}, {found.label}"),
    ]


def _money(minor: float, found: Whole) -> str:
    return wording.price(minor, found.currency)


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:+.1%}"


def _months_chart(found: Whole) -> Markup:
    size = 10 ** money.exponent(found.currency)
    rows = [
        bars.Row(
            name=f"{one.month:%b %Y}, held against {one.against:%b %Y}",
            values=(one.before / size, one.after / size),
            told=f"{_money(one.before, found)} to {_money(one.after, found)}",
        )
        for one in found.pairs
    ]
    return bars.rows(f"Revenue by month before and after the first push, {found.currency}", rows)


def _roi_chart(found: Whole) -> Markup | None:
    points = [(float(place), 100 * one.roi) for place, one in enumerate(found.pairs) if one.roi is not None]
    if not points:
        return None
    names = [f"{one.month:%b %y}" for one in found.pairs]
    return curves.svg("Return on investment by month, percent", [Curve(name="ROI", points=points)], names)


def _months(found: Whole) -> Listing:
    columns: list[Column | str] = [
        "Month",
        "Held against",
        *numbers(("Before", "After", "Change", "Pushes", "Cost", "ROI")),
    ]
    note = f"{found.label}; in the file: minor units of {found.currency}, shares"
    rows = [_row(one, found) for one in found.pairs]
    return Listing(name="months", caption="Month by month", columns=columns, rows=rows, empty=EMPTY, note=note)


def _row(one: Pair, found: Whole) -> list[Cell | str | None]:
    return [
        Cell(text=f"{one.month:%B %Y}", raw=f"{one.month:%Y-%m}"),
        Cell(text=f"{one.against:%B %Y}", raw=f"{one.against:%Y-%m}"),
        Cell(text=_money(one.before, found), raw=one.before),
        Cell(text=_money(one.after, found), raw=one.after),
        _percent(one.change),
        Cell(text=wording.count(one.sends), raw=one.sends),
        None if one.cost is None else Cell(text=_money(one.cost, found), raw=one.cost),
        _percent(one.roi),
    ]


def _percent(value: float | None) -> Cell | None:
    return None if value is None else Cell(text=f"{value:+.1%}", raw=round(value, 6))
