"""Sales: what was bought by month, category and way; and the return on pushes, each figure with its label."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from flask import Response, request
from markupsafe import Markup

from aircue_cloud import db
from aircue_cloud.decision import local_time
from aircue_cloud.outcomes import observed
from aircue_cloud.outcomes.assignment import GLOBAL
from aircue_cloud.outcomes.attribution import LABEL
from aircue_cloud.outcomes.whole import Whole
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import config, services
from aircue_cloud.shop import money
from aircue_cloud.web import bars, frame, wording
from aircue_cloud.web.listing import NOTHING, Cell, Column, Listing
from aircue_cloud.web.views import assumptions, experiments, outcomes, sales
from aircue_cloud.web.views.assumptions import MONTHS, Assumptions
from aircue_cloud.web.views.experiments import Figure, Shown
from aircue_cloud.web.views.heads import numbers
from aircue_cloud.web.views.outcomes import Shares
from aircue_cloud.web.views.sales import HIDDEN, Group, Sales

blueprint = frame.blueprint("sales", __name__)

_EMPTY = "Nothing was bought yet. Send purchases with POST /api/v1/events, or from a file with: aircue-cloud import"
_MOST_BARS = 8


@blueprint.get("/sales")
@requires("events:read")
def page() -> Response:
    said, now, zone = assumptions.read(request.args), services().intake.clock(), store_zone()
    with db.reading(services().engine) as connection:
        known = outcomes.currencies(connection)
        currency = outcomes.chosen(known, said)
        if currency is None:
            return frame.page("console/sales.html", title="Sales", said=said, currencies=known, choices=MONTHS,
                              label=LABEL, empty=_EMPTY)  # fmt: skip
        record = observed.record(connection, currency, now)
        channel_of = sales.channels(connection)
        reported = outcomes.reported(connection, record, said, shares(), now)
    found = sales.build(record, channel_of, said.months, said.costs(currency), zone, now)
    overall = experiments.shown([one for one in reported if one.experiment == GLOBAL], {}, currency)
    return _page(said, known, found, zone, next(iter(overall), None))


def shares() -> Shares:
    return Shares(holdout=config().holdout, need_holdout=config().need_holdout)


def store_zone() -> ZoneInfo:
    """The store's own; the configuration took care that there is such a one."""
    return local_time.zone(config().timezone) or ZoneInfo(local_time.UNSAID)


def _page(said: Assumptions, known: Sequence[str], found: Sales, zone: ZoneInfo, experiment: Shown | None) -> Response:
    return frame.page(
        "console/sales.html",
        title="Sales",
        listings=[_months(found), _categories(found), _channels(found)],
        said=said,
        currencies=known,
        choices=MONTHS,
        label=LABEL,
        found=found,
        zone=zone.key,
        summary=_summary(found),
        months_chart=_months_chart(found),
        categories_chart=_categories_chart(found),
        compared=[] if found.compared is None else _compared(found.compared),
        experiment=experiment,
    )


def _summary(found: Sales) -> list[tuple[str, str, str]]:
    span = frame.say("in {months} months, net of returns", months=len(found.months))
    mean = wording.price(found.revenue / found.orders, found.currency) if found.orders else NOTHING
    best = next(iter(found.categories), None)
    return [
        ("Revenue", _money(found.revenue, found), span),
        ("Orders", wording.count(found.orders), span),
        ("An order", mean, frame.say("on average")),
        ("Best category", NOTHING if best is None else best.name, "" if best is None else _money(best.revenue, found)),
    ]


def _money(minor: int | None, found: Sales) -> str:
    return HIDDEN if minor is None else wording.price(minor, found.currency)


def _months_chart(found: Sales) -> Markup:
    size = 10 ** money.exponent(found.currency)
    columns = [
        bars.Column(
            name=f"{one.begin:%b %y}",
            parts=((one.revenue - (one.associated or 0)) / size, (one.associated or 0) / size),
            told=f"{_money(one.revenue, found)}, {wording.count(one.orders)} orders",
        )
        for one in found.months
    ]
    return bars.columns(f"Revenue by month, {found.currency}", columns)


def _months(found: Sales) -> Listing:
    heads = ("Orders", "Revenue", f"After a push ({LABEL})")
    rows = [
        [
            Cell(text=f"{one.begin:%B %Y}", raw=f"{one.begin:%Y-%m}"),
            _count(one.orders),
            _priced(one.revenue, found),
            _priced(one.associated, found),
        ]
        for one in reversed(found.months)
    ]
    return _listing("months", "By month", "Month", heads, rows, found)


def _categories_chart(found: Sales) -> Markup:
    rows = [
        bars.Row(name=one.name, values=(float(one.revenue or 0),), told=_money(one.revenue, found))
        for one in found.categories[:_MOST_BARS]
    ]
    return bars.rows(f"Revenue by category, {found.currency}", rows)


def _categories(found: Sales) -> Listing:
    heads = ("Orders", "Revenue", "Share")
    return _listing("categories", "By category", "Category", heads, _groups(found.categories, found), found)


def _channels(found: Sales) -> Listing:
    heads = ("Orders", "Revenue", "Share")
    rows = _groups(found.channels, found)
    return _listing("channels", "By channel", "Channel of the push touched last", heads, rows, found)


def _groups(groups: Sequence[Group], found: Sales) -> list[list[Cell | str | None]]:
    return [
        [one.name, _count(one.orders), _priced(one.revenue, found), _share(one.revenue, found.revenue)]
        for one in groups
    ]


def _listing(
    name: str, caption: str, head: str, heads: Sequence[str], rows: Sequence[Sequence[Cell | str | None]], found: Sales
) -> Listing:
    columns: list[Column | str] = [head, *numbers(heads)]
    note = frame.say("in the file: minor units of {currency}", currency=found.currency)
    return Listing(name=name, caption=caption, columns=columns, rows=rows, empty=_EMPTY, note=note)


def _count(number: int | None) -> Cell:
    return Cell(text=HIDDEN, raw="", tone="soft") if number is None else Cell(text=wording.count(number), raw=number)


def _priced(minor: int | None, found: Sales) -> Cell:
    return _count(None) if minor is None else Cell(text=wording.price(minor, found.currency), raw=minor)


def _share(part: int | None, whole: int) -> Cell | None:
    return None if part is None or whole <= 0 else Cell(text=f"{part / whole:.1%}", raw=round(part / whole, 6))


def _compared(one: Whole) -> list[Figure]:
    many = len(one.pairs)
    span = f"{many} months before {one.began:%B %Y}, when the first push was sent, and as many after it"
    missing = "say the margin and what a push costs, above"
    cost = missing if one.cost is None else f"at a cost of {wording.price(one.cost, one.currency)}"
    roi = "not known" if one.roi_of_sums is None else f"{one.roi_of_sums:+.0%}"
    return [
        Figure(label="Change of revenue", value=f"{one.ratio_of_sums:+.1%}", note=f"{one.label}: {span}"),
        Figure(label="ROI", value=roi, note=f"{one.label}: {cost}"),
    ]
