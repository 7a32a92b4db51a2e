"""Trains a model on what consenting households did, checks it on what it had not seen, and activates it.

The check is temporal. With the last interaction at time T: a first model knows what lies before T - 60 days, and the
logit of its affinity is fitted on the 30 days that follow; a second knows what lies before T - 30 days and is measured
on the last 30, against popularity; the third knows everything and is the one that is stored, with that logit.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Executable, and_, func, select

from aircue_cloud import tables
from aircue_cloud.recommender import affinity, store
from aircue_cloud.recommender.affinity import Logit
from aircue_cloud.recommender.als import Als, Config
from aircue_cloud.recommender.dataset import WEIGHTS, Dataset, Event, build
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluation import Rank, evaluate, new_likes
from aircue_cloud.recommender.model import Model, Progress, silent, top
from aircue_cloud.recommender.popularity import Popularity
from aircue_cloud.recommender.store import Artefact, ModelInfo

PURPOSE = "marketing"
DATA_CATEGORY = "behaviour"
PERIOD = timedelta(days=30)


def train(
    connection: Connection, model_dir: Path, progress: Progress = silent, config: Config | None = None
) -> ModelInfo:
    """The model that is active afterwards; DatasetError, and no change, where there is nothing to learn from.

    progress gets a line for every step. Only interactions of households that consent to their behaviour being used
    for marketing are read.
    """
    events = consented_events(connection, progress)
    config = config if config is not None else Config()
    logit, metrics = check(events, config, progress)
    dataset = build(events)
    progress(f"training: {len(dataset.people)} people, {len(dataset.products)} products, {dataset.matrix.nnz} pairs")
    artefact = _artefact(dataset, len(events), config, logit, metrics, progress)
    version = store.save(model_dir, artefact)
    store.activate(model_dir, version)
    progress(f"training: model {version} is active")
    return replace(artefact.info, version=version)


def consented_events(connection: Connection, progress: Progress) -> list[Event]:
    """Interactions of consenting households; those of a kind without a weight are counted and set aside."""
    rows = connection.execute(_consented()).all()
    events = [
        Event(person=row.person, product=row.product, kind=row.kind, at=row.at, stars=row.rating, weight=row.weight)
        for row in rows
        if row.kind in WEIGHTS
    ]
    progress(f"training: {len(events)} interactions of consenting households")
    if len(events) < len(rows):
        unknown = ", ".join(sorted({row.kind for row in rows} - set(WEIGHTS)))
        progress(f"training: {len(rows) - len(events)} interactions set aside, no weight is known for: {unknown}")
    if not events:
        raise DatasetError(
            f"no interactions of households that consent to {PURPOSE} from {DATA_CATEGORY}: record some, or ask them"
        )
    return events


def _consented() -> Executable:
    """Of the answers a household gave for each channel the last one holds; one channel granted is enough to learn from
    what its people did."""
    answers, rows = tables.consents, tables.interactions
    asked = and_(answers.c.purpose == PURPOSE, answers.c.data_category == DATA_CATEGORY)
    last = select(func.max(answers.c.id)).where(asked).group_by(answers.c.household, answers.c.channel)
    consenting = select(answers.c.household).where(answers.c.id.in_(last), answers.c.granted)
    return (
        select(rows.c.person, rows.c.product, rows.c.kind, rows.c.at, rows.c.rating, rows.c.weight)
        .join(tables.people, tables.people.c.id == rows.c.person)
        .where(tables.people.c.household.in_(consenting))
        .order_by(rows.c.at, rows.c.id)
    )


def check(events: Sequence[Event], config: Config, progress: Progress = silent) -> tuple[Logit, dict[str, float]]:
    """The logit of the validation period, and the figures of the test period; none where there is too little."""
    last = max(event.at for event in events)
    validate_from, test_from = last - 2 * PERIOD, last - PERIOD
    past, recent, future = _split(events, [validate_from, test_from])
    if not (past and recent and future):
        progress("check: fewer than 60 days of history, so affinity stays with popularity and nothing is measured")
        return Logit(), {}
    logit = _fit_logit(build(past), build(recent), config)
    return logit, _measure(build([*past, *recent]), build(future), config, logit, progress)


def _split(events: Sequence[Event], borders: Sequence[datetime]) -> list[list[Event]]:
    """The events before the first border, between the borders, and from the last one on."""
    parts: list[list[Event]] = [[] for _ in range(len(borders) + 1)]
    for event in events:
        parts[bisect_right(borders, event.at)].append(event)
    return parts


def _fit_logit(known: Dataset, later: Dataset, config: Config) -> Logit:
    popularity, als = Popularity(), Als(config)
    popularity.fit(known.matrix)
    als.fit(known.matrix)
    scores = als.scores(range(len(known.people)))
    return affinity.fit(popularity.shares, scores, new_likes(known, later), known.matrix.toarray() == 0)


def _measure(known: Dataset, later: Dataset, config: Config, logit: Logit, progress: Progress) -> dict[str, float]:
    popularity, als = Popularity(), Als(config)
    models: dict[str, Model] = {"popularity": popularity, "als": als}
    for model in models.values():
        model.fit(known.matrix)
    ranks: dict[str, Rank] = {name: model.recommend for name, model in models.items()}
    ranks["affinity"] = _by_affinity(popularity, als, logit)
    metrics: dict[str, float] = {}
    for name, rank in ranks.items():
        quality = evaluate(rank, known, later)
        metrics |= {f"{name}_ndcg10": quality.ndcg, f"{name}_recall10": quality.recall}
        figures = f"NDCG@10 {quality.ndcg:.4f}, recall@10 {quality.recall:.4f}"
        progress(f"check: {name:<10} {figures} ({quality.people} people)")
    return metrics


def _by_affinity(popularity: Popularity, als: Als, logit: Logit) -> Rank:
    def rank(row: int, n: int, without: Sequence[int]) -> list[tuple[int, float]]:
        return top(logit.utility(popularity.shares, als.scores([row])[0]), n, without)

    return rank


def _artefact(
    dataset: Dataset, events: int, config: Config, logit: Logit, metrics: dict[str, float], progress: Progress
) -> Artefact:
    popularity, als = Popularity(), Als(config)
    popularity.fit(dataset.matrix)
    als.fit(dataset.matrix, progress)
    info = ModelInfo(
        people=len(dataset.people),
        products=len(dataset.products),
        interactions=events,
        fingerprint=dataset.fingerprint,
        config=asdict(config),
        metrics=metrics,
    )
    ids = {"people": dataset.people, "products": dataset.products}
    return Artefact(info=info, **ids, x=als.x, y=als.y, shares=popularity.shares, floor=popularity.floor, logit=logit)
