"""How much likelier each remedy is bought with a push: the rule, what arms that were drawn show, and what both say."""

from dataclasses import asdict
from datetime import datetime

from flask import Blueprint, Response
from msgspec import Struct

from aircue_cloud import db
from aircue_cloud.outcomes import learnt, lifts
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import Operation, described
from aircue_cloud.routes.services import services

blueprint = Blueprint("lifts", __name__, url_prefix="/api/v1/lifts")


class OneLift(Struct, kw_only=True, frozen=True):
    """prior: the need's rule. mean, low, high: of 90 %. source: prior, or randomised. sent, held: households; bought by
    each; null where they are fewer than 20 in an arm."""

    need: str
    category: str
    source: str
    prior: float
    mean: float
    low: float
    high: float
    sent: int | None
    sent_bought: int | None
    held: int | None
    held_bought: int | None


class Lifts(Struct, kw_only=True, frozen=True):
    """in_use: the version that decisions take theirs from; null while they go by the rules and the model alone."""

    in_use: int | None
    in_use_as_of: datetime | None
    lifts: list[OneLift]


@blueprint.get("")
@requires("decisions:read")
@described(Operation(summary="The lift of every remedy of every need, as of now", replies={200: Lifts}))
def get() -> Response:
    found = services()
    with db.reading(found.engine) as connection:
        now = found.intake.clock()
        stand = learnt.newest(connection) or learnt.NOTHING
        told = [OneLift(**asdict(one)) for one in lifts.lifts(connection, now, found.needs)]
    return wire.reply(Lifts(in_use=stand.version, in_use_as_of=stand.as_of, lifts=told))
