"""What is bought together, as it was mined last."""

from datetime import datetime

from flask import Blueprint, Response
from msgspec import Struct

from aircue_cloud import db
from aircue_cloud.associations import findings, stored
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import LIMIT, Operation, described
from aircue_cloud.routes.services import services
from aircue_cloud.segments.figures import about

blueprint = Blueprint("associations", __name__, url_prefix="/api/v1/associations")


class AssociationRule(Struct, kw_only=True, frozen=True):
    """antecedent: a product; of a device its category. baskets: that hold all, in tens; of a device homes. false_share:
    of false findings among those at least as sure."""

    kind: str
    antecedent: str
    consequent: list[str]
    baskets: int | None
    confidence: float
    lift: float
    leverage: float
    false_share: float


class AssociationRules(Struct, kw_only=True, frozen=True):
    """The surest first. mined_at: null before the first time."""

    mined_at: datetime | None
    rules: list[AssociationRule]


@blueprint.get("")
@requires("catalogue:read")
@described(
    Operation(
        summary="Rules of what is bought together, each of 20 people and more",
        replies={200: AssociationRules},
        query=(LIMIT,),
    )
)
def listed() -> Response:
    limit = wire.limit()
    with db.reading(services().engine) as connection:
        run, rules = stored.last(connection), stored.rules(connection, limit)
    made = None if run is None else run.made_at
    return wire.reply(AssociationRules(mined_at=made, rules=[_rule(one) for one in rules]))


def _rule(one: findings.Rule) -> AssociationRule:
    return AssociationRule(
        kind=one.kind,
        antecedent=one.antecedent,
        consequent=list(one.consequent),
        baskets=about(one.baskets),
        confidence=round(one.confidence, 2),
        lift=round(one.lift, 1),
        leverage=round(one.leverage, 4),
        false_share=one.q,
    )
