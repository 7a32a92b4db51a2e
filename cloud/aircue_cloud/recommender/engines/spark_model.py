"""A model by Spark, stored in the same files as any other.

Spark learns the factors; what else a model holds (who met what, recent popularity) is one pass over the log on this
machine. What Spark learnt is checked by nobody, so it is stored and not activated unless that is asked for.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from aircue_cloud.recommender import acts, store, training
from aircue_cloud.recommender.artefact import HEADS, MET, Artefact, Head, ModelInfo
from aircue_cloud.recommender.engines import log_file, spark
from aircue_cloud.recommender.engines.spark import Config, Learnt
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.interactions import Interactions
from aircue_cloud.recommender.parts import FactorsPart
from aircue_cloud.recommender.trainee import shares

ENGINE = "spark"

Progress = Callable[[str], None]


def train_on_database(
    connection: Connection,
    model_dir: Path,
    progress: Progress,
    *,
    master: str = "local[*]",
    force: bool = False,
    config: Config | None = None,
) -> ModelInfo:
    """On the interactions of consenting households, which pass through a Parquet file."""
    log = acts.learnable(training.read_texts(training.consented_events(connection, progress), progress).events).log
    with TemporaryDirectory() as folder:
        file = Path(folder) / "interactions.parquet"
        log_file.write(log, file)
        return train(str(file), model_dir, progress, master=master, force=force, config=config)


def train(
    source: str,
    model_dir: Path,
    progress: Progress,
    *,
    master: str = "local[*]",
    force: bool = False,
    config: Config | None = None,
) -> ModelInfo:
    """On Parquet as log_file describes it, in a folder or on S3. force: activates what nobody has checked."""
    config, log = config if config is not None else Config(), log_file.read(source)
    now = float(log.at[-1])
    progress(f"training: {len(log)} interactions, by Spark at {master}")
    with spark.session(master) as session:
        learnt = spark.learn(session, source, config, now)
    version = store.save(model_dir, artefact(learnt, log, config, now))
    if force:
        store.activate(model_dir, version)
    remedy = f"it is stored and not active; to use it: aircue-cloud models activate {version}"
    progress(f"training: model {version} is active" if force else f"training: model {version}: {remedy}")
    return replace(store.info(model_dir, version), version=version)


def artefact(learnt: Learnt, log: Interactions, config: Config, now: float) -> Artefact:
    """DatasetError where Spark read another log than `log`."""
    if (learnt.users, learnt.items) != (log.users, log.items):
        raise DatasetError("the interactions changed while Spark read them: train again")
    params = {name: value for name, value in asdict(config).items() if name not in ("weighting", "blocks")}
    params |= asdict(config.weighting)
    factors = FactorsPart(
        family="als", params=params, x=learnt.x, y=learnt.y, weighting=config.weighting,
        fold="ridge", alpha=config.alpha, l2=config.l2,
    )  # fmt: skip
    popularity, floor = shares(log, now)
    users, items = log.shape
    return Artefact(
        info=ModelInfo(
            engine=ENGINE, trained_at=now, users=users, items=items, interactions=len(log),
            fingerprint=log.fingerprint, config=params, verdict="trained by Spark, checked by nobody",
        ),
        users=log.users,
        items=log.items,
        parts=(factors,),
        heads={name: Head(mix=((0, 1.0),)) for name in HEADS},
        profiles={weighting: log.matrix(weighting, now) for weighting in (MET, config.weighting)},
        popularity=popularity,
        floor=floor,
        categories=("",) * items,
    )  # fmt: skip
