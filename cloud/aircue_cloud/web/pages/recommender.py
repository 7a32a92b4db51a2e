"""The recommender: what a person would see and why, which models there are, how each ranks, and how far training is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Response, abort, redirect, request, url_for
from markupsafe import Markup
from sqlalchemy import Connection

from aircue_cloud import audit, db
from aircue_cloud.audit import Act
from aircue_cloud.decision import recommending, shopping
from aircue_cloud.decision.recommending import Answer, PersonUnknown, Wish
from aircue_cloud.recommender import store
from aircue_cloud.recommender.artefact import HEADS, ModelInfo
from aircue_cloud.recommender.errors import ModelCorrupt, ModelMissing
from aircue_cloud.routes import browsers
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.services import services
from aircue_cloud.web import bars, curves, frame, wording
from aircue_cloud.web.curves import Curve
from aircue_cloud.web.listing import NOTHING, Cell, Column, Content, Listing
from aircue_cloud.web.views import models, preview, training
from aircue_cloud.web.views.heads import numbers
from aircue_cloud.web.views.models import Models, Version
from aircue_cloud.web.views.preview import Shown
from aircue_cloud.web.views.training import Progress

blueprint = frame.blueprint("recommender", __name__)

WRITE = "models:write"
COUNTS = (5, 10, 20)
_LINES = 30
_HEADS: Mapping[str, str] = {"new": "new to them", "repeat": "everything, what they had before too"}
_RANKERS: Mapping[str, str] = {
    "chosen": "this model",
    "recent-popularity": "recent popularity",
    "popularity": "popularity",
    "own-frequency": "own frequency",
}
_DONE: Mapping[str, str] = {
    "activated": "The model is active. Answers come from it as soon as it is loaded.",
    "rolled-back": "Rolled back. Answers come from the earlier model as soon as it is loaded.",
}
_STATES: Mapping[str, str] = {
    "none": "Nothing was trained here yet.",
    "running": "A training is under way.",
    "finished": "The last training is over.",
    "failed": "The last training failed.",
    "silent": "The last training stopped without a word: look whether its process still runs.",
}
_UNTRAINED = "No model yet: train one with aircue-cloud train. Until then recent popularity answers."


@blueprint.get("/recommender")
@requires("recommendations:read")
def page() -> Response:
    return _overview("", 200)


@blueprint.get("/recommender/models/<version>")
@requires("recommendations:read")
def model(version: str) -> Response:
    found = models.models(services().place.model_dir)
    one = found.by_name.get(version)
    if one is None:
        abort(404, f"model {version!r:.60} is not stored here: see the list of models")
    return frame.page(
        "console/model.html",
        title=f"Model {version}",
        crumbs=[("Recommender", url_for(".page")), (version, "")],
        listings=[] if one.info is None else [_measured(one.info), *_trial_lists(one.info)],
        one=one,
        facts=[] if one.info is None else _facts(one.info),
        heads=[] if one.info is None else [_head(one.info, head) for head in HEADS],
    )


@blueprint.post("/recommender/models/<version>/activate")
@requires(WRITE)
def activate(version: str) -> Response:
    """Lets a stored model serve."""
    return _change("activate model", version, "activated")


@blueprint.post("/recommender/models/<version>/roll-back")
@requires(WRITE)
def roll_back(version: str) -> Response:
    """From this version, which has to be the active one still, to the one before it."""
    return _change("roll back model", version, "rolled-back")


def _change(action: str, version: str, done: str) -> Response:
    if request.form.get("confirmed") != "yes":
        return _overview("Not done: tick the box that says so, next to the button.", 422)
    folder = services().place.model_dir
    before = models.models(folder).active
    try:
        now = _rolled_back(version) if done == "rolled-back" else _activated(version)
    except (ModelMissing, ModelCorrupt) as error:
        return _overview(f"Not done: {error}", 409)
    _write_down(action, version, {"from": before, "to": now})
    services().layers.affinity.current()  # which begins to load it
    return redirect(url_for(".page", done=done), 303)  # type: ignore[return-value]  # werkzeug's; Flask serves both


def _activated(version: str) -> str:
    folder = services().place.model_dir
    if version not in store.versions(folder):
        raise ModelMissing(f"{version[:60]!r} is not stored here: look at the list anew")
    store.activate(folder, version)
    return version


def _rolled_back(version: str) -> str:
    folder = services().place.model_dir
    if not store.is_active(folder, version):
        raise ModelMissing(f"{version} is not the active model any more: look at the list anew")
    return store.rollback(folder)


def _write_down(action: str, target: str, detail: Mapping[str, str | None]) -> None:
    actor = who()
    act = Act(actor=f"{actor.kind} {actor.name}".strip(), action=action, target=target, address=browsers.address(),
              detail=dict(detail))  # fmt: skip
    with db.writing(services().engine) as connection:
        audit.append(connection, act, services().intake.clock())


def _overview(said: str, status: int) -> Response:
    here, now = services(), services().intake.clock()
    found, progress = models.models(here.place.model_dir), training.progress(here.place.model_dir, now)
    asked = _asked()
    previewed = _preview(asked, now)
    return frame.page(
        "console/recommender.html",
        title="Recommender",
        status=previewed.status if status == 200 else status,
        files=None if request.method == "GET" else url_for(".page"),
        listings=[*_offer_lists(previewed.offers), _versions(found), _over(found), _log(progress)],
        said=said,
        done=_DONE.get(request.args.get("done", "")),
        asked=asked,
        counts=COUNTS,
        needs={name: need.title for name, need in here.needs.by_name.items()},
        head_names=_HEADS,
        previewed=previewed,
        split_chart=_split_chart(previewed.offers),
        found=found,
        may_change=WRITE in who().scopes,
        rank_charts=[(head, chart) for head in HEADS if (chart := _rank_chart(found, head)) is not None],
        progress=progress,
        state=_STATES[progress.state],
        heard=None if progress.heard is None else wording.span(max((now - progress.heard).total_seconds(), 0)),
        tried_charts=list(_tried_charts(progress)),
        steps=training.STEPS,
    )


# The preview.


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """As the form has it. need: "" for none, "home" for those that hold in the person's home."""

    person: str
    n: int
    need: str
    head: str


@dataclass(frozen=True, kw_only=True)
class _Previewed:
    """said: why nothing is shown."""

    status: int = 200
    said: str = ""
    answer: Answer | None = None
    basis: str = ""
    offers: tuple[Shown, ...] = ()


def _asked() -> _Asked:
    """What the form cannot have sent falls back to what it begins with."""
    given = request.args
    count, need, head = given.get("n", ""), given.get("need", "home"), given.get("head", HEADS[0])
    return _Asked(
        person=given.get("person", "").strip()[:200],
        n=int(count) if count in map(str, COUNTS) else COUNTS[0],
        need=need if need in services().needs.by_name or need == "" else "home",
        head=head if head in HEADS else HEADS[0],
    )


def _preview(asked: _Asked, now: datetime) -> _Previewed:
    if not asked.person:
        return _Previewed()
    here = services()
    every = here.needs.by_name
    wish = Wish(n=asked.n, head=asked.head, need=every.get(asked.need),
                home=tuple(every.values()) if asked.need == "home" else ())  # fmt: skip
    with db.reading(here.engine) as connection:
        try:
            [found] = recommending.answer(connection, here.layers.affinity, [asked.person], wish, now)
        except PersonUnknown:
            return _Previewed(status=404, said=f"Nobody of the id {asked.person} is known in this store.")
        return _previewed(connection, found)


def _previewed(connection: Connection, found: Answer) -> _Previewed:
    names = shopping.names(connection, preview.named(found))
    titles = {name: need.title for name, need in services().needs.by_name.items()}
    said = "" if found.offers else "Nothing is left to recommend: everything is owned, sold out or retired."
    basis = preview.BASES.get(found.basis, found.basis)
    return _Previewed(answer=found, basis=basis, said=said, offers=preview.shown(found, names, titles))


def _split_chart(offers: Sequence[Shown]) -> Markup | None:
    rows = [
        bars.Row(name=f"{one.place}. {one.name}", values=(one.affinity, one.environment), told=f"{one.score:+.2f}")
        for one in offers
    ]
    return bars.rows("Score of each product, split into affinity and environment", rows) if rows else None


def _offer_lists(offers: Sequence[Shown]) -> list[Listing]:
    heads = ("Affinity", "Environment", "Score")
    columns: list[Column | str] = [
        Column(label="Place", number=True),
        "Product",
        *numbers(heads),
        Column(label="Why, as the person reads it", wide=True),
        Column(label="Pieces", wide=True),
    ]
    rows: list[list[Content]] = [
        [one.place, one.name, *map(_signed, (one.affinity, one.environment, one.score)), one.text, _pieces(one)]
        for one in offers
    ]
    note = "in log odds; the pieces sum to the score"
    listing = Listing(name="preview", caption="Recommended", columns=columns, rows=rows, empty="", note=note)
    return [listing] if offers else []


def _pieces(one: Shown) -> str:
    return "; ".join(f"{piece.amount:+.2f} {piece.said}" for piece in one.pieces)


def _signed(number: float) -> Cell:
    return Cell(text=f"{number:+.2f}", raw=round(number, 6))


# The models.


def _versions(found: Models) -> Listing:
    heads = ("People", "Products", "Interactions", "ndcg@10, new", "ndcg@10, repeat")
    columns: list[Column | str] = [
        "Version",
        "State",
        "Learnt until",
        *numbers(heads),
        "Data",
        "Engine",
    ]
    return Listing(
        name="models",
        caption="Models",
        columns=columns,
        rows=[_version(one) for one in found.versions],
        empty=_UNTRAINED,
        note="ndcg@10 on the last 30 days that the model had not seen",
    )


def _version(one: Version) -> list[Content]:
    name = Cell(text=one.name, href=url_for(".model", version=one.name))
    if one.info is None:
        return [name, Cell(text="cannot be used", tone="warn"), *[None] * 8]
    state = Cell(text="active", tone="good") if one.is_active else "before it" if one.is_way_back else "stored"
    info = one.info
    counts = [Cell(text=wording.count(number), raw=number) for number in (info.users, info.items, info.interactions)]
    ranks = [_figure(one.figure(head, models.CHOSEN, "ndcg@10")) for head in HEADS]
    return [name, state, _until(info), *counts, *ranks, info.fingerprint[:12], info.engine]


def _until(info: ModelInfo) -> Cell:
    at = datetime.fromtimestamp(info.trained_at, UTC)
    return Cell(text=f"{at:%d %b %Y %H:%M} UTC", raw=at.isoformat(timespec="seconds"))


def _figure(number: float | None) -> Cell | None:
    return None if number is None else Cell(text=f"{number:.4f}", raw=round(number, 8))


def _rank_chart(found: Models, head: str) -> Markup | None:
    points = models.over_versions(found.versions, head)
    if len(points) < 2:
        return None
    chosen = Curve(name="model", points=[(place, one[1]) for place, one in enumerate(points)])
    gate = Curve(name="recent popularity", points=[(place, one[2]) for place, one in enumerate(points)])
    label = f"ndcg@10 of what is {_HEADS[head]}, by model, beside recent popularity"
    return curves.svg(label, [chosen, gate], [one[0].split("-")[0] for one in points])


def _over(found: Models) -> Listing:
    rows: list[list[Content]] = [
        [name, head, _figure(chosen), _figure(gate), _signed_figure(chosen - gate)]
        for head in HEADS
        for name, chosen, gate in models.over_versions(found.versions, head)
    ]
    columns: list[Column | str] = ["Model", "Asked for", *numbers(("ndcg@10", "Popularity's", "Gain"))]
    empty = "No model was measured yet: it takes 60 days of history to choose one and to check it."
    return Listing(name="ranks", caption="How models rank", columns=columns, rows=rows, empty=empty)


def _signed_figure(number: float) -> Cell:
    return Cell(text=f"{number:+.4f}", raw=round(number, 8), tone="good" if number > 0 else "warn")


def _facts(info: ModelInfo) -> list[tuple[str, str]]:
    return [
        ("Learnt until", _until(info).text),
        ("People", wording.count(info.users)),
        ("Products", wording.count(info.items)),
        ("Interactions", wording.count(info.interactions)),
        ("Data's fingerprint", info.fingerprint),
        ("Engine", info.engine),
        *((key.replace("_", " ").capitalize(), str(value) or NOTHING) for key, value in sorted(info.config.items())),
    ]


def _measured(info: ModelInfo) -> Listing:
    heads = ("ndcg@10", "recall@20", "ndcg@10 over recent popularity")
    columns: list[Column | str] = ["Asked for", "Ranked by", *numbers(heads)]
    rows: list[list[Content]] = [
        [
            _HEADS[one.head],
            _RANKERS[one.ranker],
            _figure(one.ndcg),
            _figure(one.recall),
            None if one.gain is None else _signed_figure(one.gain),
        ]
        for one in models.measured(info)
    ]
    empty = "It was not measured: the history was too short to hold anything back. The verdict says more."
    note = "on the last 30 days, which it had not seen"
    return Listing(name="measured", caption="Evaluation", columns=columns, rows=rows, empty=empty, note=note)


@dataclass(frozen=True, kw_only=True)
class _Head:
    name: str
    title: str
    parts: str
    chart: Markup | None


def _head(info: ModelInfo, head: str) -> _Head:
    parts = ", ".join(f"{weight:.0%} {family}" for family, weight in models.parts(info, head))
    return _Head(name=head, title=_HEADS[head], parts=parts, chart=_trials_chart(info, head))


def _trials_chart(info: ModelInfo, head: str) -> Markup | None:
    found = models.trials(info, head)
    if not found:
        return None
    best = Curve(name="best so far", points=[(one.number, one.best) for one in found])
    each = Curve(name="trial", points=[(one.number, one.value) for one in found], dots=True)
    return curves.svg(f"ndcg@10 of each trial for what is {_HEADS[head]}, and the best so far", [best, each])


def _trial_lists(info: ModelInfo) -> Iterator[Listing]:
    for head in HEADS:
        rows: list[list[Content]] = [
            [one.number, one.family, _figure(one.value), _figure(one.best), Cell(text=f"{one.seconds:.2f}")]
            for one in models.trials(info, head)
        ]
        columns: list[Column | str] = [*numbers(("Trial",)), "Family", *numbers(("ndcg@10", "Best so far", "Seconds"))]
        yield Listing(name=f"trials-{head}", caption=f"Trials: {_HEADS[head]}", columns=columns, rows=rows,
                      empty="Nothing was tried: recent popularity serves.")  # fmt: skip


# The training.


def _log(found: Progress) -> Listing:
    columns = ("Time, UTC", Column(label="What it said", wide=True))
    lines = found.lines if frame.as_csv() else found.lines[-_LINES:]
    rows: list[list[Content]] = [
        [Cell(text=f"{one.at:%d %b %H:%M:%S}", raw=one.at.isoformat()), one.text] for one in reversed(lines)
    ]
    empty = "Nothing was trained here yet: aircue-cloud train."
    return Listing(name="training", caption="Training log, newest first", columns=columns, rows=rows, empty=empty)


def _tried_charts(found: Progress) -> Iterator[tuple[str, Markup]]:
    for head in HEADS:
        tried = [one for one in found.tried if one.head == head]
        if len(tried) > 1:
            best = [max(one.value for one in tried[: place + 1]) for place in range(len(tried))]
            lines = [
                Curve(name="best so far", points=[(one.number, value) for one, value in zip(tried, best, strict=True)]),
                Curve(name="trial", points=[(one.number, one.value) for one in tried], dots=True),
            ]
            yield _HEADS[head], curves.svg(f"Trials of the training for what is {_HEADS[head]}", lines)
