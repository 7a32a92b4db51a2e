"""aircue-cloud import: takes files in, as a whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from aircue_cloud.commands.terminal import database, load, now, place, say, with_config
from aircue_cloud.importing import movielens, readings, rejects, taking
from aircue_cloud.importing.interactions import InteractionsFile
from aircue_cloud.importing.movielens import MovieLensFile
from aircue_cloud.importing.online_retail import OnlineRetailFile
from aircue_cloud.importing.progress import Progress
from aircue_cloud.importing.records import DELIMITERS, ENCODINGS, Dialect
from aircue_cloud.importing.taking import Format, Taken

F = TypeVar("F", bound=Callable[..., Any])


@click.group("import")
def import_() -> None:
    """Take files in: all of a file's valid rows at once; the others are listed in FILE.rejected.csv."""


def _written(command: F) -> F:
    """The options that say how a file is written."""
    encoding = click.option("--encoding", type=click.Choice(ENCODINGS), default="utf-8", show_default=True)
    delimiter = click.option(
        "--delimiter", type=click.Choice(tuple(DELIMITERS)), help="As the header shows, unless given."
    )
    return encoding(delimiter(command))


_FILE = click.argument("file", type=click.Path(path_type=Path))


@import_.command()
@_FILE
@_written
@with_config
def interactions(file: Path, encoding: str, delimiter: str | None, config_path: Path | None) -> None:
    """CSV with the columns person, product, kind, at."""
    _take(config_path, file, InteractionsFile(), _dialect(encoding, delimiter))


@import_.command("movielens")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@with_config
def movielens_(path: Path, config_path: Path | None) -> None:
    """Ratings of MovieLens: u.data, ratings.csv or a .inter file, or a folder with one of them."""
    file, layout = movielens.find(path)
    _take(config_path, file, MovieLensFile(layout=layout, titles=movielens.titles(file)), layout.dialect)


@import_.command("online-retail")
@_FILE
@_written
@with_config
def online_retail(file: Path, encoding: str, delimiter: str | None, config_path: Path | None) -> None:
    """Invoices of UCI Online Retail, as CSV."""
    _take(config_path, file, OnlineRetailFile(), _dialect(encoding, delimiter))


@import_.command("readings")
@_FILE
@click.option("--site", help="The site of rows that name none.")
@_written
@with_config
def readings_(file: Path, site: str | None, encoding: str, delimiter: str | None, config_path: Path | None) -> None:
    """CSV with the columns node, quantity, measured_at, value."""
    from aircue_cloud.app import open_intake, open_layers, open_objects

    config, where = load(config_path), place(config_path)
    objects = open_objects(config, where)
    intake, layers = open_intake(where, objects), open_layers(config, where, objects)
    try:
        _tell(file, readings.take(intake, layers, file, site, _dialect(encoding, delimiter), Progress(say)))
    finally:
        intake.engine.dispose()
        layers.engine.dispose()


def _dialect(encoding: str, delimiter: str | None) -> Dialect:
    return Dialect(encoding=encoding, delimiter=None if delimiter is None else DELIMITERS[delimiter])


def _take(config_path: Path | None, file: Path, form: Format, dialect: Dialect) -> None:
    with database(config_path) as engine:
        _tell(file, taking.take(engine, file, form, dialect, now(), Progress(say)))


def _tell(file: Path, taken: Taken) -> None:
    where = f"; see {rejects.place(file)}" if taken.rejected else ""
    say(
        f"import: {taken.rows:,} rows: {taken.stored:,} stored, {taken.duplicates:,} there already, "
        f"{taken.rejected:,} rejected{where}"
    )
