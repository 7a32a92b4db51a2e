"""Trains a model on what consenting households did, checks it on what it had not seen, and activates it if it is good.

The split is temporal. With the last interaction at time T, blends are chosen on the 30 days before T - 30 days, by
models that know what lies before them; chosen ones are fitted anew on all that lies before T - 30 days and checked on
the last 30 days, beside popularity, recent popularity and own frequency; then they are fitted on everything and stored.
A model that ranks worse than recent popularity on the check is stored and not activated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import CompoundSelect, Connection, select

from aircue_cloud import consents, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.homes import personalisation
from aircue_cloud.needs import needs, stored
from aircue_cloud.recommender import acts, store, temperature
from aircue_cloud.recommender import evidence as evidences
from aircue_cloud.recommender.acts import Event, Learnable
from aircue_cloud.recommender.artefact import HEADS, ModelInfo
from aircue_cloud.recommender.asked import Described
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating import bootstrap
from aircue_cloud.recommender.evaluating.comparison import measure
from aircue_cloud.recommender.evaluating.protocol import Protocol, Question, Split, question
from aircue_cloud.recommender.evidence import Bought, Spell
from aircue_cloud.recommender.interactions import DAY_S
from aircue_cloud.recommender.lift import Evidence
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.families import FAMILIES, Recipe
from aircue_cloud.recommender.models.table import MODELS
from aircue_cloud.recommender.part_kinds import servable
from aircue_cloud.recommender.rated import Rated
from aircue_cloud.recommender.rated import rated as rated_texts
from aircue_cloud.recommender.trainee import Beside, Mix, Plan, build
from aircue_cloud.recommender.tuning import Tuned, suited, tune
from aircue_cloud.recommender.weights import WEIGHTS

PURPOSE = "marketing"
BEHAVIOUR, SENSOR = "behaviour", "sensor"
ENGINE = "aircue"
PERIOD_S = 30 * DAY_S
BUDGET_S = 60.0
BASELINES = ("popularity", "recent-popularity", "own-frequency")
GATE = "recent-popularity"
_STAND_IN: Mix = ((1.0, Recipe(family="popularity", params={"half_life_d": 30, "shape": "linear"})),)
_FIGURES = ("ndcg@10", "recall@20")
_TUNING_SHARE = 0.4  # of the budget, for each head; the rest is for fitting the chosen again

Progress = Callable[[str], None]
Willing = CompoundSelect[Any]


def silent(line: str) -> None:
    """Progress that nobody wants to see."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A head as the training found it. trials: everything that was tried, ready for JSON. passed: whether the check
    says that it may serve; note: in words."""

    plan: Plan
    trials: dict[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    passed: bool = True
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """active: whether the model serves now; verdict says why or why not."""

    info: ModelInfo
    active: bool

    @property
    def verdict(self) -> str:
        return self.info.verdict


def train(
    connection: Connection,
    model_dir: Path,
    progress: Progress = silent,
    *,
    budget_s: float = BUDGET_S,
    seed: int = 7,
    force: bool = False,
    families: Sequence[str] = (),
    now: datetime | None = None,
) -> Trained:
    """A new version of the model; DatasetError, and no change, where there is nothing to learn from.

    progress gets a line for every step. Only interactions of households that consent to their behaviour being used for
    marketing are read. budget_s: for trying models; each family is tried once whatever it is. families: those to try,
    all by default. force: activates whatever the check says. now: this clock's unless given; what is dated later is set
    aside, for it would make everything else look old.
    """
    _check_families(families)
    rated = read_texts(consented_events(connection, progress, now), progress)
    learnt = acts.learnable(rated.events)
    until = float(learnt.log.at[-1])
    heads = {
        protocol.value: choose(learnt, protocol, _TUNING_SHARE * budget_s, progress, seed, families)
        for protocol in Protocol
    }
    plans = {name: heads[name].plan for name in HEADS}
    progress(f"training: fitting {_described(plans)} on all {len(learnt.log)} interactions")
    info = _info(learnt, until, heads, {"budget_s": budget_s, "seed": seed, "families": list(families)}, rated)
    observed = observed_evidence(connection, until)
    beside = Beside(catalogue=_catalogue(connection), evidence=observed, reviews=rated.summaries)
    artefact = build(learnt.log, until, plans, info, beside)
    version = store.save(model_dir, artefact)
    active = force or all(head.passed for head in heads.values())
    if active:
        store.activate(model_dir, version)
    _conclude(progress, version, info.verdict, active)
    return Trained(info=replace(info, version=version), active=active)


def servable_families() -> tuple[str, ...]:
    """Those whose models can be stored and served; what else there is, is for experiments."""
    return tuple(name for name, family in FAMILIES.items() if servable(Recipe(family=name, params=family.start).make()))


def _check_families(families: Sequence[str]) -> None:
    known = servable_families()
    unknown = [name for name in families if name not in known]
    if unknown:
        raise CommandError(f"no family {', '.join(unknown)}; known are {', '.join(known)}")


def _conclude(progress: Progress, version: str, verdict: str, active: bool) -> None:
    for line in verdict.splitlines():
        progress(f"check: {line}")
    remedy = f"it is stored and not active; to use it all the same: aircue-cloud models activate {version}"
    progress(f"training: model {version} is active" if active else f"training: model {version}: {remedy}")


def _info(
    learnt: Learnable, now: float, heads: Mapping[str, Chosen], config: dict[str, Any], rated: Rated
) -> ModelInfo:
    users, items = learnt.log.shape
    return ModelInfo(
        engine=ENGINE,
        trained_at=now,
        users=users,
        items=items,
        interactions=len(learnt.log),
        fingerprint=learnt.log.fingerprint,
        config={**config, "pushed_interactions": int(learnt.pushed.sum()), "ratings_read_from_text": rated.read},
        metrics={f"{name}_{figure}": value for name, head in heads.items() for figure, value in head.metrics.items()}
        | dict(rated.metrics),
        trials={name: head.trials for name, head in heads.items()},
        verdict="\n".join(head.note for head in heads.values()),
    )


def _described(plans: Mapping[str, Plan]) -> str:
    families = {recipe.family for plan in plans.values() for _, recipe in plan.mix}
    return ", ".join(sorted(families))


# One head.


def choose(
    learnt: Learnable, protocol: Protocol, budget_s: float, progress: Progress, seed: int, families: Sequence[str]
) -> Chosen:
    """Recent popularity where the history is too short to choose anything by."""
    last = float(learnt.log.at[-1])
    try:
        validation = split(learnt, last - 2 * PERIOD_S, last - PERIOD_S)
        check = split(learnt, last - PERIOD_S, np.inf)
        asked = _question(check, protocol)
        tried = families or suited(protocol)
        tuned = tune(validation, protocol, budget_s, _under(protocol, progress), seed, tried)
    except DatasetError as error:
        note = f"{protocol}: {error}; nothing was chosen or measured, recent popularity serves"
        return Chosen(plan=Plan(mix=_STAND_IN), note=note)
    return _checked(tuned, check, asked, protocol, progress)


def split(learnt: Learnable, at: float, end: float) -> Split:
    """What lies before `at`, and what people turned to by themselves from then on. DatasetError where a side is
    empty."""
    known, later = learnt.log.between(-np.inf, at), learnt.unpushed(at, end)
    if not len(known) or not len(later):
        days = (float(learnt.log.at[-1]) - float(learnt.log.at[0])) / DAY_S
        raise DatasetError(f"{days:.0f} days of history, and 60 are needed to choose and check a model")
    return Split(known=known, later=later, at=at)


def _question(check: Split, protocol: Protocol) -> Question:
    asked = question(check, protocol)
    if not len(asked.rows):
        raise DatasetError(f"{protocol} protocol: the last 30 days leave nobody to check a model by")
    return asked


def _under(protocol: Protocol, progress: Progress) -> Progress:
    return lambda line: progress(f"tuning, {protocol}: {line}")


def _checked(tuned: Tuned, check: Split, asked: Question, protocol: Protocol, progress: Progress) -> Chosen:
    models: dict[str, Model] = {"chosen": tuned.make()}
    models |= {name: MODELS[name]() for name in BASELINES}
    metrics: dict[str, float] = {}
    per_user = {}
    for name, model in models.items():
        model.fit(check.known, check.at)
        found = measure(name, model, check.known, protocol, asked)
        metrics |= {f"{name}_{figure}": float(found.per_user[figure].mean()) for figure in _FIGURES}
        per_user[name] = found.per_user["ndcg@10"]
        figures = ", ".join(f"{figure} {metrics[f'{name}_{figure}']:.4f}" for figure in _FIGURES)
        progress(f"check, {protocol}: {name:<18} {figures} ({len(asked.rows)} people)")
    gain = bootstrap.difference(per_user["chosen"], per_user[GATE])
    plan = Plan(mix=tuned.parts, temperature=_temperature(models["chosen"], asked))
    return Chosen(
        plan=plan, trials=tuned.as_json(), metrics=metrics, passed=gain.value >= 0, note=_note(protocol, gain)
    )


def _note(protocol: Protocol, gain: bootstrap.Interval) -> str:
    side = "not worse" if gain.value >= 0 else "WORSE"
    interval = f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}, 95 %)"
    return f"{protocol}: {side} than recent popularity on the last 30 days, ndcg@10 {interval}"


def _temperature(model: Model, asked: Question) -> float:
    """Of a model that is fitted on what lies before the question's split."""
    scores = model.scores(asked.rows)
    wanted = asked.wanted.tocoo()
    picks = np.stack(wanted.coords, axis=1)
    return temperature.fit(scores, picks, asked.hidden.toarray())


# From the database.


def consented_events(connection: Connection, progress: Progress = silent, now: datetime | None = None) -> list[Event]:
    """Interactions of consenting households; those of a kind without a weight, and those that lie in the future, are
    counted and set aside."""
    latest = datetime.now(UTC) if now is None else now
    table, people = tables.interactions.c, tables.people.c
    query = (
        select(table.person, table.product, table.kind, table.at, table.rating, table.weight, table.pushed, table.text)
        .join(tables.people, people.id == table.person)
        .where(people.household.in_(consents.granting(purpose=PURPOSE, data_category=BEHAVIOUR)))
        .where(personalisation.willing())
        .order_by(table.at, table.id)
    )
    rows = connection.execute(query).all()
    events = [
        Event(
            person=row.person, product=row.product, kind=row.kind, at=row.at, stars=row.rating, weight=row.weight,
            pushed=row.pushed, text=row.text,
        )
        for row in rows
        if row.kind in WEIGHTS and row.at <= latest
    ]  # fmt: skip
    progress(f"training: {len(events)} interactions of consenting households")
    unknown = [row.kind for row in rows if row.kind not in WEIGHTS]
    if unknown:
        kinds = ", ".join(sorted(set(unknown)))
        progress(f"training: {len(unknown)} interactions set aside, no weight is known for: {kinds}")
    if len(events) + len(unknown) < len(rows):
        later = len(rows) - len(events) - len(unknown)
        progress(f"training: {later} interactions set aside, they are dated after {latest:%Y-%m-%d %H:%M} UTC")
    if not events:
        raise DatasetError(
            f"no interactions of households that consent to {PURPOSE} from {BEHAVIOUR}: record some, or ask them"
        )
    return events


def read_texts(events: Sequence[Event], progress: Progress = silent) -> Rated:
    found = rated_texts(events)
    if found.summaries:
        how = f"the stars of {found.read} were read from their texts" if not found.note else found.note
        progress(f"training: ratings of {len(found.summaries)} products; {how}")
    return found


def _catalogue(connection: Connection) -> list[Described]:
    table = tables.products.c
    query = select(table.id, table.category, table.price_minor, table.attributes)
    return [Described(**row) for row in connection.execute(query).mappings()]


def observed_evidence(connection: Connection, until: float) -> list[Evidence]:
    """Of households that agree to both their air and their shopping being used."""
    willing = consents.granting(purpose=PURPOSE, data_category=BEHAVIOUR).intersect(
        consents.granting(purpose=PURPOSE, data_category=SENSOR)
    )
    households = set(connection.execute(willing).scalars())
    held = stored.current(connection, needs.load())
    remedies = {name: frozenset(need.remedies) for name, need in held.by_name.items()}
    wanted = frozenset().union(*remedies.values())
    table = tables.products.c
    query = select(table.id, table.category).where(table.category.in_(sorted(wanted)))
    categories = {row.id: row.category for row in connection.execute(query)}
    bought, spells = _bought(connection, willing), _spells(connection, willing, until)
    return evidences.evidence(bought, spells, max(len(households), 1), categories, remedies, until)


def _bought(connection: Connection, willing: Willing) -> list[Bought]:
    table, people = tables.interactions.c, tables.people.c
    query = (
        select(people.household, table.product, table.at)
        .join(tables.people, people.id == table.person)
        .where(table.kind == "purchase", table.pushed.is_(False), people.household.in_(willing))
    )
    return [
        Bought(household=row.household, product=row.product, at=row.at.timestamp()) for row in connection.execute(query)
    ]


def _spells(connection: Connection, willing: Willing, until: float) -> list[Spell]:
    table, sites = tables.episodes.c, tables.sites.c
    query = (
        select(sites.household, table.need, table.confirmed_at, table.ended_at)
        .join(tables.sites, sites.id == table.site)
        .where(sites.household.in_(willing), table.withdrawn.is_(False))
    )
    return [
        Spell(household=row.household, need=row.need, begin=row.confirmed_at.timestamp(), end=_end(row.ended_at, until))
        for row in connection.execute(query)
    ]


def _end(ended_at: datetime | None, until: float) -> float:
    return until if ended_at is None else ended_at.timestamp()
