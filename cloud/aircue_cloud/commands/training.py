"""aircue-cloud train: learns from what consenting people did."""

from pathlib import Path

import click

from aircue_cloud import db
from aircue_cloud.commands.terminal import database, place, say, with_config
from aircue_cloud.errors import CommandError


@click.command()
@click.option(
    "--budget", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Seconds to try models in."
)
@click.option("--families", default="", help="Comma-separated, of models to try; default: all.")
@click.option("--force", is_flag=True, help="Activate the model even if it ranks worse than recent popularity.")
@click.option(
    "--engine",
    "trainer",
    type=click.Choice(["aircue", "spark"]),
    default="aircue",
    show_default=True,
    help="spark: ALS by Spark MLlib, for more than one machine trains on; needs pyspark and Java.",
)
@click.option("--interactions", help="With spark: Parquet, a folder or s3://...; without it, the database's.")
@click.option("--master", default="local[*]", show_default=True, help="With spark: as Spark names it.")
@click.option("--keep", type=click.IntRange(min=1), default=5, show_default=True, help="Newest versions that stay.")
@with_config
def train(
    budget: float,
    families: str,
    force: bool,
    keep: int,
    trainer: str,
    interactions: str | None,
    master: str,
    config_path: Path | None,
) -> None:
    """Train the recommender on all interactions; a running server takes the new model up."""
    from aircue_cloud.recommender import training, training_log

    if trainer == "spark":
        _by_spark(config_path, interactions, master, force, keep)
        return
    folder, names = place(config_path).model_dir, [name for name in families.split(",") if name]
    with database(config_path) as engine, db.reading(engine) as connection, training_log.kept(folder, say) as tell:
        trained = training.train(connection, folder, tell, budget_s=budget, force=force, families=names)
    _pruned(folder, keep)
    if not trained.active:
        raise CommandError(f"model {trained.info.version} is stored and not active: {trained.verdict}")


def _by_spark(config_path: Path | None, interactions: str | None, master: str, force: bool, keep: int) -> None:
    from aircue_cloud.recommender import training_log
    from aircue_cloud.recommender.engines import spark_model

    folder = place(config_path).model_dir
    with training_log.kept(folder, say) as tell:
        if interactions is not None:
            spark_model.train(interactions, folder, tell, master=master, force=force)
        else:
            with database(config_path) as engine, db.reading(engine) as connection:
                spark_model.train_on_database(connection, folder, tell, master=master, force=force)
    _pruned(folder, keep)


def _pruned(folder: Path, keep: int) -> None:
    from aircue_cloud.recommender import pruning

    removed = pruning.prune(folder, keep)
    if removed:
        say(f"training: old models removed: {', '.join(removed)}")
