"""What every command needs: its configuration, its store, and a way to say something."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from sqlalchemy import Connection, Engine

from aircue_cloud import audit, db, stores
from aircue_cloud import config as configuration
from aircue_cloud.config import Config, Place
from aircue_cloud.db import MAIN

F = TypeVar("F", bound=Callable[..., Any])
_STORE = "aircue-store"


def with_config_alone(command: F) -> F:
    """For a command that works on the whole installation."""
    return click.option(
        "--config", "config_path", type=click.Path(path_type=Path), help="TOML file; without it, defaults hold."
    )(command)


def with_config(command: F) -> F:
    """For a command that works on one store: place() and database() know which."""
    store = click.option(
        "--store", default=MAIN, show_default=True, expose_value=False, callback=_keep_store, help="Whose data."
    )
    return with_config_alone(store(command))


def _keep_store(context: click.Context, _: click.Parameter, name: str) -> str:
    context.meta[_STORE] = name
    return name


def load(path: Path | None) -> Config:
    return Config() if path is None else configuration.load(path)


def place(path: Path | None) -> Place:
    """Where the chosen store lies; CommandError where there is none of this name."""
    return stores.must_exist(load(path), click.get_current_context().meta[_STORE])


@contextmanager
def database(path: Path | None) -> Iterator[Engine]:
    """The database of the chosen store, closed again at the end of the command."""
    engine = stores.open_database(place(path))
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def changing(path: Path | None, action: str, target: str) -> Iterator[Connection]:
    """One transaction in the chosen store, which also writes down that it was done."""
    with database(path) as engine, db.writing(engine) as connection:
        yield connection
        audit.append(connection, audit.Act(actor=command_line(), action=action, target=target), now())


def command_line() -> str:
    """Whoever types."""
    try:
        return f"command {getpass.getuser()}"
    except (KeyError, OSError):  # a user id without a name
        return "command"


def now() -> datetime:
    return datetime.now(UTC)


def say(line: str) -> None:
    click.echo(line, err=True)
