"""The effect of the whole: months before and after the first push, and what the holdout says."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort
from msgspec import Struct

from aircue_cloud import db
from aircue_cloud.decision import local_time
from aircue_cloud.errors import CommandError
from aircue_cloud.outcomes import enrolment, observed, report, whole
from aircue_cloud.outcomes.assignment import GLOBAL
from aircue_cloud.outcomes.observed import Record
from aircue_cloud.outcomes.report import Terms
from aircue_cloud.outcomes.whole import Costs, Untold, Whole
from aircue_cloud.recommender.evaluating import before_after
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import Argument, Operation, described
from aircue_cloud.routes.services import config, services

blueprint = Blueprint("effect", __name__, url_prefix="/api/v1/reports")

_MOST = 1e12
_SHARE, _AMOUNT = {"type": "number", "minimum": 0, "maximum": 1}, {"type": "number", "minimum": 0, "maximum": _MOST}
_QUERY = (
    Argument(name="currency", about="needed where purchases are in several", schema={"type": "string"}),
    Argument(name="margin", about="of what is spent", schema=_SHARE),
    Argument(name="per_send", about="cost of a push, minor units", schema=_AMOUNT),
    Argument(name="fixed", about="a month, minor units", schema=_AMOUNT),
)


class MonthPair(Struct, kw_only=True, frozen=True):
    """before, after, cost: minor units. change, roi: shares."""

    month: date
    against: date
    before: int
    after: int
    sends: int
    change: float | None
    cost: float | None
    roi: float | None


class Effect(Struct, kw_only=True, frozen=True):
    """pairs: empty where nothing can be compared; untold says why. randomised: the global experiment as `outcomes
    report` writes it, null where nobody has entered it."""

    label: str
    currency: str
    untold: str | None
    began: date | None
    pairs: list[MonthPair]
    mean_of_ratios: float | None
    ratio_of_sums: float | None
    mean_roi: float | None
    roi_of_sums: float | None
    randomised: dict[str, Any] | None


@blueprint.get("/effect")
@requires("events:read")
@described(
    Operation(
        summary="Months before and after the first push with their return (not causal), and what the holdout says",
        replies={200: Effect},
        query=_QUERY,
    )
)
def effect() -> Response:
    costs = Costs(
        margin=wire.number_argument("margin", 0, 1),
        per_send=wire.number_argument("per_send", 0, _MOST) or 0.0,
        fixed=wire.number_argument("fixed", 0, _MOST) or 0.0,
    )
    now = services().intake.clock()
    try:
        with db.reading(services().engine) as connection:
            record = observed.record(connection, wire.text_argument("currency") or None, now)
            terms = _terms(costs, now)
            found = report.report(record, enrolment.of_store(connection, terms.holdout, terms.need_holdout), terms)
    except CommandError as error:
        abort(400, str(error))
    randomised = next((report.document(one) for one in found if one.experiment == GLOBAL), None)
    zone = local_time.zone(config().timezone) or ZoneInfo(local_time.UNSAID)
    return wire.reply(_told(record, whole.whole(record, costs, zone, now), randomised))


def _terms(costs: Costs, now: datetime) -> Terms:
    return Terms(
        now=now,
        holdout=config().holdout,
        need_holdout=config().need_holdout,
        margin=costs.margin,
        per_send=costs.per_send,
        fixed=costs.fixed,
    )


def _told(record: Record, found: Whole | Untold, randomised: dict[str, Any] | None) -> Effect:
    if isinstance(found, Untold):
        nothing = dict.fromkeys(("began", "mean_of_ratios", "ratio_of_sums", "mean_roi", "roi_of_sums"))
        return Effect(
            label=before_after.LABEL,
            currency=record.currency,
            untold=found.why,
            pairs=[],
            randomised=randomised,
            **nothing,
        )
    pairs = [MonthPair(**vars(one)) for one in found.pairs]
    return Effect(
        label=found.label,
        currency=found.currency,
        untold=None,
        began=found.began,
        pairs=pairs,
        mean_of_ratios=found.mean_of_ratios,
        ratio_of_sums=found.ratio_of_sums,
        mean_roi=found.mean_roi,
        roi_of_sums=found.roi_of_sums,
        randomised=randomised,
    )
