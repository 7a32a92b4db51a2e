"""Why somebody got an offer, or did not."""

from datetime import datetime

from flask import Blueprint, Response, abort
from msgspec import Struct

from aircue_cloud import db
from aircue_cloud.decision import why
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import Argument, Operation, described
from aircue_cloud.routes.services import services

blueprint = Blueprint("why", __name__, url_prefix="/api/v1/why")

_PERSON = Argument(
    name="person", about="whose offers", schema={"type": "string", "minLength": 1, "maxLength": 128}, required=True
)
_PUSH = Argument(name="push", about="only about this one", schema={"type": "string", "maxLength": 128})


class Reasoned(Struct, kw_only=True, frozen=True):
    """lines: the decision in words, the outcome first, then each gate, then what was chosen from."""

    decision: int
    push: str | None
    outcome: str
    at: datetime
    lines: list[str]


class Reasons(Struct, kw_only=True, frozen=True):
    person: str
    answers: list[Reasoned]


@blueprint.get("")
@requires("decisions:read")
@described(
    Operation(
        summary="Why a person got an offer, or did not, in words; the latest decision first",
        replies={200: Reasons},
        query=(_PERSON, _PUSH),
        refusals=(404,),
    )
)
def get() -> Response:
    person, push = wire.text_argument("person"), wire.text_argument("push") or None
    with db.reading(services().engine) as connection:
        found = why.of_person(connection, person, push)
    if found is None:
        abort(404, f"person {person!r:.100} is not known")
    answers = [
        Reasoned(decision=one.decision, push=one.push, outcome=one.outcome, at=one.at, lines=list(one.lines))
        for one in found
    ]
    return wire.reply(Reasons(person=person, answers=answers))
