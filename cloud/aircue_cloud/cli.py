"""aircue-cloud: runs the server, and changes what it works with. Each command is a thin shell around one module."""

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click
from sqlalchemy import Connection, Engine, select

from aircue_cloud import config as configuration
from aircue_cloud import consents, db, status, tables
from aircue_cloud.config import Config
from aircue_cloud.errors import CloudError, CommandError
from aircue_cloud.identity import gateway_keys

F = TypeVar("F", bound=Callable[..., Any])


# Commands whose modules bring numpy and more are loaded when they are asked for.
_LATE = {
    "evaluate": ("aircue_cloud.recommender.evaluating.command", "evaluate"),
    "layers": ("aircue_cloud.layers.command", "layers"),
    "storage": ("aircue_cloud.storage_command", "storage"),
    "query": ("aircue_cloud.layers.command", "query"),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_LATE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LATE:
            return super().get_command(ctx, cmd_name)
        module, name = _LATE[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CloudError as error:
            raise click.ClickException(str(error)) from error


def _with_config(command: F) -> F:
    return click.option(
        "--config", "config_path", type=click.Path(path_type=Path), help="TOML file; without it, defaults hold."
    )(command)


def _load(path: Path | None) -> Config:
    return Config() if path is None else configuration.load(path)


@contextmanager
def _database(path: Path | None) -> Iterator[Engine]:
    """The configured database, closed again at the end of the command."""
    config = _load(path)
    configuration.make_folder(config)
    engine = db.open_database(config.database)
    try:
        yield engine
    finally:
        engine.dispose()


def _now() -> datetime:
    return datetime.now(UTC)


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.group(cls=_Commands)
def main() -> None:
    """The Aircue cloud: takes batches in, notices needs, decides about pushes."""


@main.command()
@_with_config
def serve(config_path: Path | None) -> None:
    """Run the server until it is told to stop."""
    from aircue_cloud.serving import serve as run

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    run(_load(config_path), announce=click.echo)


@main.command()
@click.option("--broker", required=True, help="mqtt://HOST:PORT or mqtts://HOST:PORT")
@click.option("--user", default="", help="User name at the broker.")
@click.option("--password", default="", envvar="AIRCUE_BROKER_PASSWORD", help="Better set AIRCUE_BROKER_PASSWORD.")
@click.option("--ca", type=click.Path(path_type=Path), help="Certificates to trust instead of the system's.")
@click.option(
    "--share", default="aircue-cloud", show_default=True, help='"" for a broker without shared subscriptions.'
)
@click.option("--name", default="consumer-1", show_default=True, help="Of this consumer; each needs its own.")
@_with_config
def consume(config_path: Path | None, **source: Any) -> None:
    """Take batches from a broker until told to stop."""
    from aircue_cloud.app import open_intake, open_objects
    from aircue_cloud.consumer import Answerer, Consumer, Source

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = _load(config_path)
    answerer = Answerer(open_intake(config, open_objects(config)), config.max_batch_bytes)
    Consumer(Source(**source), answerer, announce=click.echo).run()


@main.group()
def gateway() -> None:
    """Gateways and their keys."""


@gateway.command("add")
@click.argument("name")
@_with_config
def gateway_add(name: str, config_path: Path | None) -> None:
    """Make a key for a new gateway; it is shown once, here."""
    with _database(config_path) as engine, db.writing(engine) as connection:
        click.echo(gateway_keys.add(connection, name, _now()))
    _say(f"put this key into the configuration of gateway {name}; it is not shown again")


@gateway.command("rotate")
@click.argument("name")
@_with_config
def gateway_rotate(name: str, config_path: Path | None) -> None:
    """Make a new key for a gateway; the old one ends at once."""
    with _database(config_path) as engine, db.writing(engine) as connection:
        click.echo(gateway_keys.rotate(connection, name))
    _say(f"put this key into the configuration of gateway {name}; it is not shown again")


@main.group()
def household() -> None:
    """Households."""


@household.command("add")
@click.argument("household_id")
@click.option("--name", help="What to call it; its id unless given.")
@_with_config
def household_add(household_id: str, name: str | None, config_path: Path | None) -> None:
    """Add a household."""
    row = {"id": household_id, "name": name or household_id}
    with _database(config_path) as engine, db.writing(engine) as connection:
        if connection.execute(db.insert_absent(connection, tables.households), [row]).rowcount == 0:
            raise CommandError(f"household {household_id} is there already")
    _say(f"household {household_id} added")


@main.group()
def site() -> None:
    """Sites, the homes that nodes stand in."""


@site.command("link")
@click.argument("site_id")
@click.argument("household_id")
@_with_config
def site_link(site_id: str, household_id: str, config_path: Path | None) -> None:
    """Say whose home a site is; the site need not have sent anything yet."""
    row = {"id": site_id, "household": household_id, "tz": "UTC"}
    with _database(config_path) as engine, db.writing(engine) as connection:
        _must_know(connection, household_id)
        connection.execute(db.insert_or_update(connection, tables.sites, ["household"]), [row])
    _say(f"site {site_id} is the home of household {household_id}")


@main.group()
def consent() -> None:
    """What households agree to."""


def _consent_command(name: str, *, granted: bool) -> None:
    @consent.command(name)
    @click.argument("household_id")
    @click.option("--purpose", type=click.Choice(consents.PURPOSES), default=consents.PURPOSES[0], show_default=True)
    @click.option(
        "--data-category",
        type=click.Choice(consents.DATA_CATEGORIES),
        default=consents.DATA_CATEGORIES[0],
        show_default=True,
    )
    @click.option("--channel", type=click.Choice(consents.CHANNELS), default=consents.CHANNELS[0], show_default=True)
    @_with_config
    def command(household_id: str, config_path: Path | None, **said: str) -> None:
        with _database(config_path) as engine, db.writing(engine) as connection:
            _must_know(connection, household_id)
            recorded = consents.record(connection, household_id, **said, granted=granted, now=_now())
        _say(f"household {household_id}: {name} recorded, receipt {recorded.receipt}")

    command.help = f"Record that a household's agreement is {'given' if granted else 'taken back'}."


_consent_command("grant", granted=True)
_consent_command("withdraw", granted=False)


@main.command("demo-data")
@click.option("--seed", type=int, default=1, show_default=True)
@_with_config
def demo_data(seed: int, config_path: Path | None) -> None:
    """Fill the shop with the demo's catalogue and simulated shoppers."""
    from aircue_cloud.demo import shop

    with _database(config_path) as engine, db.writing(engine) as connection:
        shop.fill(connection, seed, _say)


@main.command()
@_with_config
def train(config_path: Path | None) -> None:
    """Train the recommender on all interactions; a running server takes the new model up."""
    from aircue_cloud.recommender import training

    config = _load(config_path)
    with _database(config_path) as engine, db.reading(engine) as connection:
        training.train(connection, config.model_dir, _say)


@main.command("status")
@_with_config
def show_status(config_path: Path | None) -> None:
    """Show the figures of the whole installation."""
    with _database(config_path) as engine, db.reading(engine) as connection:
        for name, value in status.figures(connection).items():
            click.echo(f"{name:24} {value:>12,}")


def _must_know(connection: Connection, household_id: str) -> None:
    known = list(connection.execute(select(tables.households.c.id).order_by(tables.households.c.id)).scalars())
    if household_id not in known:
        remedy = f"add it with: aircue-cloud household add {household_id}"
        raise CommandError(f"household {household_id} is not known (known: {', '.join(known[:5]) or 'none'}); {remedy}")
