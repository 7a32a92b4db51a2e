"""Recommendations for a person, or for many at once, each with the reasons that add up to its score."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Response, abort, request
from msgspec import Meta, Struct

from aircue_cloud import db
from aircue_cloud.decision import recommending
from aircue_cloud.decision.recommending import Answer, Offer, PersonUnknown, Wish
from aircue_cloud.needs.needs import Need
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import Argument, Operation, described
from aircue_cloud.routes.services import services

MOST = 100
MOST_PEOPLE = 1000

blueprint = Blueprint("recommendations", __name__, url_prefix="/api/v1/recommendations")


Most = Annotated[int, Meta(ge=1, le=MOST)]
Head = Literal["new", "repeat"]


class Query(Struct, kw_only=True, forbid_unknown_fields=True):
    """As Asked, for one person."""

    person: str
    n: Most = 10
    need: str | None = None
    environment: bool = False
    head: Head = "new"


class Asked(Struct, kw_only=True, forbid_unknown_fields=True):
    """n: products at most, for each of the people. need: one of the shop's needs, whose remedies rank higher.
    environment: in its place, the needs that hold in each person's home now or, by their chance, within hours, where
    the home agrees to its air being used. head: "new" for what a person had nothing to do with yet, "repeat" for
    everything."""

    people: Annotated[list[str], Meta(min_length=1, max_length=MOST_PEOPLE)]
    n: Most = 10
    need: str | None = None
    environment: bool = False
    head: Head = "new"


class Reason(Struct, kw_only=True, omit_defaults=True):
    """amount: its piece of the score. product, need: what it speaks of."""

    kind: str
    amount: float
    product: str | None = None
    need: str | None = None


class Recommendation(Struct, kw_only=True):
    """text: the reasons in words. reasons: the largest first; their amounts sum to score."""

    product: str
    name: str
    score: float
    text: str
    reasons: list[Reason]


class Recommended(Struct, kw_only=True):
    """basis: history, recent or popularity: what is known of the person. note: where no trained model answers.
    personalised: false where the person, or their household, chose it; need and head are left aside then."""

    person: str
    personalised: bool
    model: str
    basis: str
    note: str | None
    recommendations: list[Recommendation]


class Batch(Struct, kw_only=True):
    answers: list[Recommended]


@blueprint.get("")
@requires("recommendations:read")
@described(
    Operation(
        summary="What one person may want, with reasons",
        query=(
            Argument(name="person", about="their id", schema={"type": "string"}, required=True),
            Argument(name="n", about="products at most", schema={"type": "integer", "minimum": 1, "maximum": MOST}),
            Argument(name="need", about="one whose remedies rank higher", schema={"type": "string"}),
            Argument(
                name="environment",
                about="instead of a need: those that hold in the person's home now, or are likely within hours",
                schema={"type": "boolean"},
            ),
            Argument(name="head", about="only what is new to them, or everything", schema={"enum": ["new", "repeat"]}),
        ),
        replies={200: Recommended},
        refusals=(404,),
    )
)
def get() -> Response:
    """One person's."""
    try:
        asked = msgspec.convert(request.args.to_dict(), Query, strict=False)
    except msgspec.ValidationError as error:
        abort(400, f"query: {error}")
    [found] = _answers([asked.person], _wish(asked, 400))
    return _json(found)


@blueprint.post("/batch")
@requires("recommendations:read")
@described(
    Operation(
        summary="What many people may want, with reasons",
        bodies={wire.JSON: Asked},
        replies={200: Batch},
        refusals=(404, 413, 415, 422),
    )
)
def post_batch() -> Response:
    asked = wire.body(Asked)
    return _json(Batch(answers=_answers(asked.people, _wish(asked, 422))))


def _wish(asked: Query | Asked, status: int) -> Wish:
    if asked.environment and asked.need is not None:
        abort(status, "a need and the environment: ask for one of them")
    home = tuple(services().needs.by_name.values()) if asked.environment else ()
    return Wish(n=asked.n, need=_need(asked.need, status), home=home, head=asked.head)


def _need(name: str | None, status: int) -> Need | None:
    known = services().needs.by_name
    if name is not None and name not in known:
        abort(status, f"need {name!r:.50} is not known; known are {', '.join(known)}")
    return None if name is None else known[name]


def _answers(people: Sequence[str], wish: Wish) -> list[Recommended]:
    here = services()
    try:
        with db.reading(here.engine) as connection:
            answers = recommending.answer(connection, here.layers.affinity, people, wish, here.intake.clock())
    except PersonUnknown as error:
        abort(404, f"person {error.args[0]!r:.100} is not known")
    return [_recommended(one) for one in answers]


def _recommended(answer: Answer) -> Recommended:
    return Recommended(
        person=answer.person,
        personalised=answer.personalised,
        model=answer.model,
        basis=answer.basis,
        note=answer.note,
        recommendations=[_recommendation(offer) for offer in answer.offers],
    )


def _recommendation(offer: Offer) -> Recommendation:
    told = offer.why.as_json()
    return Recommendation(
        product=offer.product,
        name=offer.name,
        score=offer.score,
        text=offer.text,
        reasons=[Reason(**reason) for reason in told["reasons"]],
    )


def _json(document: Struct) -> Response:
    return Response(msgspec.json.encode(document), content_type="application/json")
