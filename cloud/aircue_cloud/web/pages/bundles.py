"""Bundles: what is bought together beyond chance, what showing it is worth, and whether showing it sells more."""

from collections.abc import Sequence

from flask import Response, redirect, url_for

from aircue_cloud import db
from aircue_cloud.associations import experiment, offers, stored
from aircue_cloud.associations.findings import DEVICE
from aircue_cloud.associations.offers import Offer
from aircue_cloud.outcomes.report import Terms
from aircue_cloud.rights.small_groups import K
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.services import config, services
from aircue_cloud.segments.figures import about
from aircue_cloud.web import frame, wording
from aircue_cloud.web.listing import Cell, Column, Content, Listing
from aircue_cloud.web.views import experiments, outcomes
from aircue_cloud.web.views.experiments import Shown
from aircue_cloud.web.views.heads import numbers

blueprint = frame.blueprint("bundles", __name__)
WRITE = "segments:write"
_EMPTY = (
    f"Nothing is bought together by {K} people and more beyond what chance explains, or nothing was mined yet. The "
    "server mines once a week; do it now with the button above, or with: aircue-cloud associations mine"
)
_KINDS = {"pair": "two", "triple": "three", DEVICE: "owners"}


@blueprint.get("/bundles")
@requires("events:read")
def page() -> Response:
    now = services().intake.clock()
    with db.reading(services().engine) as connection:
        run = stored.last(connection)
        found = offers.offers(connection, stored.rules(connection, stored.MOST))
        known = outcomes.currencies(connection)
        terms = Terms(now=now, holdout=config().holdout, need_holdout=config().need_holdout)
        reported = [experiment.reported(connection, known[0], terms)] if known else []
    shown = next(iter(experiments.shown(reported, {}, known[0] if known else "")), None)
    return frame.page(
        "console/bundles.html",
        title="Bundles",
        listings=[_offers(found[: frame.most()]), *_experiment(shown)],
        run=run,
        shown=shown,
        may_write=WRITE in who().scopes,
    )


@blueprint.post("/bundles/mine")
@requires(WRITE)
def mine() -> Response:
    stored.refresh(services().engine, services().intake.clock())
    return redirect(url_for(".page"), 303)  # type: ignore[return-value]  # Flask serves both


def _offers(found: Sequence[Offer]) -> Listing:
    heads = numbers(("Baskets", "Confidence", "Lift", "False share", "Price", "Worth"))
    return Listing(
        name="offers",
        caption="What goes well with what",
        columns=["Who buys", Column(label="buys as well", wide=True), "Of", *heads],
        rows=[_row(one) for one in found],
        empty=_EMPTY,
        note="on sale and in stock, the most worth first; worth: what showing it is expected to earn, a buyer",
    )


def _row(one: Offer) -> list[Content]:
    rule = one.rule
    price, worth = (wording.price(minor, one.currency) for minor in (one.price_minor, one.worth))
    return [
        f"owners of {rule.antecedent}" if rule.kind == DEVICE else rule.antecedent,
        " + ".join(one.names),
        _KINDS[rule.kind],
        Cell(text=f"about {wording.count(about(rule.baskets) or 0)}", raw=about(rule.baskets)),
        Cell(text=f"{rule.confidence:.0%}", raw=round(rule.confidence, 2)),
        Cell(text=f"{rule.lift:.1f}", raw=round(rule.lift, 1)),
        Cell(text=f"{rule.q:.1g}", raw=rule.q),
        Cell(text=price, raw=one.price_minor),
        Cell(text=worth, raw=round(one.worth, 1)),
    ]


def _experiment(shown: Shown | None) -> list[Listing]:
    if shown is None or shown.hidden is not None or shown.blocked is not None:
        return []
    what = Column(label="What it is", wide=True)
    columns: list[Column | str] = ["Figure", *numbers(("Value", "From", "To")), what]
    rows = [[row.label, row.value, row.low or None, row.high or None, row.note] for row in shown.figures]
    caption = "Effect of showing what goes well with a product"
    return [Listing(name="effect", caption=caption, columns=columns, rows=rows, empty="Nothing is told.")]
