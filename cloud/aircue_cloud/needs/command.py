"""`aircue-cloud needs ...`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from aircue_cloud import db
from aircue_cloud.commands.terminal import changing, command_line, database, now, with_config
from aircue_cloud.errors import CommandError
from aircue_cloud.needs import needs as shipped
from aircue_cloud.needs import stored, toml
from aircue_cloud.needs.backtest_command import backtest
from aircue_cloud.needs.forecast_command import forecast
from aircue_cloud.settings import load_toml


@click.group()
def needs() -> None:
    """Needs: what they are, how they were changed, what they would have led to, and whether they can be seen coming."""


needs.add_command(forecast)
needs.add_command(backtest)


@needs.command("list")
@with_config
def listed(config_path: Path | None) -> None:
    """Every need that holds, a line each."""
    with database(config_path) as engine, db.reading(engine) as connection:
        for need in stored.current(connection, shipped.load()).by_name.values():
            versions = stored.history(connection, need.name)
            origin = f"version {versions[0].number} by {versions[0].author}" if versions else "as shipped"
            rule = need.rule
            trigger = f"{need.source} {need.quantity} {rule.direction} {rule.enter:g} for {rule.dwell_s:g} s"
            click.echo(f"{need.name}: {trigger}; {', '.join(need.remedies)}; {origin}")


@needs.command("show")
@click.argument("name")
@click.option("--version", "number", type=click.IntRange(1), help="One of its history; default: what holds.")
@with_config
def show(name: str, number: int | None, config_path: Path | None) -> None:
    """The document of a need as TOML, to edit and save."""
    with database(config_path) as engine, db.reading(engine) as connection:
        if number is not None:
            found = {one.number: one.document for one in stored.history(connection, name)}.get(number)
            click.echo(toml.written(_known(found, f"version {number} of need {name}")), nl=False)
            return
        need = stored.current(connection, shipped.load()).by_name.get(name)
        click.echo(toml.written(_known(None if need is None else need.document, f"need {name}")), nl=False)


@needs.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Whether a file would do as a need; its name is the file's."""
    need = stored.check(file.stem, _read(file))
    click.echo(f"{file}: need {need.name} is fit: {need.source} {need.quantity}, {len(need.also)} conditions beside it")


@needs.command("save")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--note", default="", help="Why, for those who read the history.")
@with_config
def save(file: Path, note: str, config_path: Path | None) -> None:
    """Save a file as a need of the store, under the file's name; it holds from then on, without a restart."""
    with changing(config_path, "needs save", file.stem) as connection:
        version = stored.save(connection, file.stem, _read(file), command_line(), note, now())
    click.echo(f"need {version.name}: version {version.number} holds")


@needs.command("retire")
@click.argument("name")
@click.option("--note", default="", help="Why, for those who read the history.")
@with_config
def retire(name: str, note: str, config_path: Path | None) -> None:
    """Take a need away; saved again, it is back."""
    with changing(config_path, "needs retire", name) as connection:
        version = stored.retire(connection, name, command_line(), note, now(), shipped.load())
    click.echo(f"need {version.name}: taken away by version {version.number}")


@needs.command("history")
@click.argument("name")
@with_config
def history(name: str, config_path: Path | None) -> None:
    """Every version that was ever saved, newest first."""
    with database(config_path) as engine, db.reading(engine) as connection:
        versions = stored.history(connection, name)
    if not versions:
        click.echo(f"need {name}: nobody has saved it here" + (", it ships" if name in shipped.load().by_name else ""))
    for one in versions:
        standing = "" if one.active else " (taken away)"
        click.echo(f"{one.number} {one.at:%Y-%m-%d %H:%M} UTC {one.author}{standing}: {one.note or 'no note'}")


def _known(document: Mapping[str, Any] | None, what: str) -> Mapping[str, Any]:
    if document is None:
        raise CommandError(f"{what} is not known; see aircue-cloud needs list")
    return document


def _read(file: Path) -> dict[str, Any]:
    if file.suffix != ".json":
        return load_toml(file)
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{file}: cannot be read as JSON: {error}") from error
    return found
