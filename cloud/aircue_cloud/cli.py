"""aircue-cloud: runs the server, and changes what it works with. Each command is a thin shell around one module."""

import logging
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, select

from aircue_cloud import consents, db, status, tables
from aircue_cloud.commands import audit, backup, keys, models, operators, people, pushes, stores, training
from aircue_cloud.commands.terminal import changing, database, load, now, say, with_config, with_config_alone
from aircue_cloud.db import MAIN
from aircue_cloud.errors import CloudError, CommandError
from aircue_cloud.rights import forgotten
from aircue_cloud.stores import must_exist, names

# Commands whose modules bring numpy and more are loaded when they are asked for.
_LATE = {
    "evaluate": ("aircue_cloud.recommender.evaluating.command", "evaluate"),
    "import": ("aircue_cloud.importing.command", "import_"),
    "needs": ("aircue_cloud.needs.command", "needs"),
    "outcomes": ("aircue_cloud.outcomes.command", "outcomes"),
    "weather": ("aircue_cloud.weather.command", "weather"),
    "deliver": ("aircue_cloud.commands.deliver", "deliver"),
    "orders": ("aircue_cloud.commands.orders", "orders"),
    "outbox": ("aircue_cloud.commands.outbox", "outbox"),
    "partners": ("aircue_cloud.partners.command", "partners"),
    "parcels": ("aircue_cloud.logistics.command", "parcels"),
    "layers": ("aircue_cloud.layers.command", "layers"),
    "storage": ("aircue_cloud.storage_command", "storage"),
    "rights": ("aircue_cloud.commands.rights", "rights"),
    "segments": ("aircue_cloud.segments.command", "segments"),
    "associations": ("aircue_cloud.associations.command", "associations"),
    "support": ("aircue_cloud.support.command", "support"),
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


@click.group(cls=_Commands)
def main() -> None:
    """The Aircue cloud: takes batches in, notices needs, decides about pushes."""


@main.command()
@with_config_alone
def serve(config_path: Path | None) -> None:
    """Run the server until it is told to stop."""
    from aircue_cloud.serving import serve as run

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    run(load(config_path), announce=click.echo)


@main.command()
@click.option("--broker", required=True, help="mqtt://HOST:PORT or mqtts://HOST:PORT")
@click.option("--user", default="", help="User name at the broker.")
@click.option("--password", default="", envvar="AIRCUE_BROKER_PASSWORD", help="Better set AIRCUE_BROKER_PASSWORD.")
@click.option("--ca", type=click.Path(path_type=Path), help="Certificates to trust instead of the system's.")
@click.option(
    "--share", default="aircue-cloud", show_default=True, help='"" for a broker without shared subscriptions.'
)
@click.option("--name", default="consumer-1", show_default=True, help="Of this consumer; each needs its own.")
@click.option("--store", "only", multiple=True, help="Whose gateways are served; every store's unless given.")
@with_config_alone
def consume(config_path: Path | None, only: tuple[str, ...], **source: Any) -> None:
    """Take batches from a broker until told to stop."""
    from aircue_cloud.app import open_intake, open_objects
    from aircue_cloud.consumer import Answerer, Consumer, EveryStore, Source

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = load(config_path)

    def opened(name: str) -> Answerer:
        where = must_exist(config, name)
        return Answerer(open_intake(where, open_objects(config, where)), config.max_batch_bytes)

    def known() -> list[str]:
        return list(dict.fromkeys((MAIN, *names(config))))

    for name in only:
        must_exist(config, name)
    answerer = EveryStore((lambda: list(only)) if only else known, opened)
    Consumer(Source(**source), answerer, announce=click.echo).run()


main.add_command(stores.store)
main.add_command(operators.operator)
main.add_command(people.person)
main.add_command(models.models)
main.add_command(training.train)
main.add_command(pushes.pushes)
main.add_command(pushes.why)
main.add_command(audit.audit)
main.add_command(backup.backup)
main.add_command(backup.restore)
for kind in ("gateway", "node", "partner"):
    main.add_command(keys.group(kind))


@main.group()
def household() -> None:
    """Households."""


@household.command("add")
@click.argument("household_id")
@click.option("--name", help="What to call it; its id unless given.")
@with_config
def household_add(household_id: str, name: str | None, config_path: Path | None) -> None:
    """Add a household."""
    row = {"id": household_id, "name": name or household_id}
    with changing(config_path, "household add", household_id) as connection:
        if connection.execute(db.insert_absent(connection, tables.households), [row]).rowcount == 0:
            raise CommandError(f"household {household_id} is there already")
    say(f"household {household_id} added")


@main.group()
def site() -> None:
    """Sites, the homes that nodes stand in."""


@site.command("link")
@click.argument("site_id")
@click.argument("household_id")
@with_config
def site_link(site_id: str, household_id: str, config_path: Path | None) -> None:
    """Say whose home a site is; the site need not have sent anything yet."""
    row = {"id": site_id, "household": household_id, "tz": "UTC"}
    with changing(config_path, "site link", site_id) as connection:
        _must_know(connection, household_id)
        connection.execute(db.insert_or_update(connection, tables.sites, ["household"]), [row])
        forgotten.remember(connection, site_id)
    say(f"site {site_id} is the home of household {household_id}")


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
    @with_config
    def command(household_id: str, config_path: Path | None, **said: Any) -> None:
        with changing(config_path, f"consent {name}", household_id) as connection:
            _must_know(connection, household_id)
            controller = load(config_path).answers
            recorded = consents.record(
                connection, household_id, **said, granted=granted, now=now(), controller=controller
            )
        say(f"household {household_id}: {name} recorded, receipt {recorded.receipt}")

    command.help = f"Record that a household's agreement is {'given' if granted else 'taken back'}."


_consent_command("grant", granted=True)
_consent_command("withdraw", granted=False)


@main.command("demo-data")
@click.option("--seed", type=int, default=1, show_default=True)
@with_config
def demo_data(seed: int, config_path: Path | None) -> None:
    """Fill the shop with the demo's catalogue and simulated shoppers."""
    from aircue_cloud.demo import shop

    with changing(config_path, "demo-data", f"seed {seed}") as connection:
        shop.fill(connection, seed, say)


@main.command("status")
@with_config
def show_status(config_path: Path | None) -> None:
    """Show the figures of the whole installation."""
    with database(config_path) as engine, db.reading(engine) as connection:
        for name, value in status.figures(connection).items():
            click.echo(f"{name:24} {value:>12,}")


def _must_know(connection: Connection, household_id: str) -> None:
    known = list(connection.execute(select(tables.households.c.id).order_by(tables.households.c.id)).scalars())
    if household_id not in known:
        remedy = f"add it with: aircue-cloud household add {household_id}"
        raise CommandError(f"household {household_id} is not known (known: {', '.join(known[:5]) or 'none'}); {remedy}")
