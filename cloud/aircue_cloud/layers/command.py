"""aircue-cloud layers ..., aircue-cloud query ...: what is done with the layers by hand."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.csv as pc
from sqlalchemy import func, select

from aircue_cloud import db, tables
from aircue_cloud.app import open_layers, open_objects
from aircue_cloud.commands.terminal import load, now, place, say, with_config
from aircue_cloud.layers import asking, merging, rebuilding, retention
from aircue_cloud.layers.worker import Worker

_FORMATS = ("table", "csv")


@contextmanager
def _opened(path: Path | None) -> Iterator[Worker]:
    config, where = load(path), place(path)
    worker = open_layers(config, where, open_objects(config, where))
    try:
        yield worker
    finally:
        worker.engine.dispose()


@click.group()
def layers() -> None:
    """The layers above the batches: readings, latest state, hours, episodes."""


@layers.command()
@with_config
def work(config_path: Path | None) -> None:
    """Take up all batches that wait, then end; the running server does this by itself."""
    with _opened(config_path) as worker:
        say(f"{worker.work()} batches were taken up")


@layers.command()
@click.option("--from", "source", type=click.Choice(["base", "middle"]), default="base", show_default=True)
@with_config
def rebuild(source: str, config_path: Path | None) -> None:
    """Make the layers above SOURCE again; readers see the old ones until the new ones are whole."""
    with _opened(config_path) as worker:
        _AGAIN[source](worker, now, say, place(config_path).folder)


_AGAIN = {"base": rebuilding.from_base, "middle": rebuilding.from_middle}


@layers.command()
@with_config
def compact(config_path: Path | None) -> None:
    """Merge the small files of each day, and remove those that were merged away a while ago."""
    with _opened(config_path) as worker:
        merged = merging.merge_all(worker.engine, worker.lake, now)
        removed = merging.forget_old(worker.engine, worker.lake, now())
        files = tables.lake_files.c
        with db.reading(worker.engine) as connection:
            query = select(func.count(), func.sum(files.bytes), func.sum(files.rows)).where(files.removed_at.is_(None))
            count, size, rows = connection.execute(query).one()
    say(f"{merged} files merged, {removed} removed; {count} files, {size or 0} bytes for {rows or 0} readings")


@layers.command()
@click.argument("layer", type=click.Choice(retention.LAYERS))
@click.argument("days", type=click.IntRange(1, 36_500))
@click.option("--quantity", default="", help="Of readings: for this quantity alone.")
@with_config
def keep(layer: str, days: int, quantity: str, config_path: Path | None) -> None:
    """Say for how many DAYS a LAYER is kept; what was never said is kept for ever."""
    with _opened(config_path) as worker, db.writing(worker.engine) as connection:
        retention.keep(connection, layer, quantity, days)
    say(f"{layer}{' of ' + quantity if quantity else ''}: kept for {days} days; `aircue-cloud layers retain` does it")


@layers.command()
@with_config
def retain(config_path: Path | None) -> None:
    """Remove what is older than it may be."""
    with _opened(config_path) as worker:
        for what, count in retention.retain(worker.engine, worker.lake, now()).items():
            say(f"{what}: {count} removed")


@click.command()
@click.argument("question")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="table", show_default=True)
@with_config
def query(question: str, form: str, config_path: Path | None) -> None:
    """Answer a SELECT over readings, episodes, hourly, node_state, batches and more; nothing can be changed."""
    with _opened(config_path) as worker, db.reading(worker.engine) as connection:
        answer = asking.ask(connection, worker.lake, question)
    _PRINTED[form](answer)


def _as_csv(answer: pa.Table) -> None:
    sink = io.BytesIO()
    pc.write_csv(answer, sink)
    click.echo(sink.getvalue().decode(), nl=False)


def _as_table(answer: pa.Table) -> None:
    rows = [answer.column_names, *([str(value) for value in row.values()] for row in answer.to_pylist())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip())


_PRINTED = {"table": _as_table, "csv": _as_csv}
