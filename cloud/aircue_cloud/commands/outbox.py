"""aircue-cloud outbox: what waits to be handed over, and what became of the rest."""

from pathlib import Path

import click

from aircue_cloud import db
from aircue_cloud.commands.terminal import changing, database, now, say, with_config
from aircue_cloud.delivery import fates
from aircue_cloud.delivery import outbox as rows
from aircue_cloud.errors import CommandError


@click.group()
def outbox() -> None:
    """The outbox of pushes."""


@outbox.command("counts")
@with_config
def counts(config_path: Path | None) -> None:
    """Count the rows by channel and state."""
    with database(config_path) as engine, db.reading(engine) as connection:
        found = rows.counts(connection)
    for channel, states in found.items():
        for state, count in states.items():
            click.echo(f"{channel:10} {state:10} {count:>12,}")
    if not found:
        say("the outbox is empty")


@outbox.command("list")
@click.option("--state", type=click.Choice(fates.STATES), help="Only rows in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@with_config
def listed(config_path: Path | None, state: str | None, limit: int) -> None:
    """List rows, the newest first: id, channel, state, tries, when it was or will be done, and why."""
    with database(config_path) as engine, db.reading(engine) as connection:
        for row in rows.listed(connection, state, limit):
            at = row.done_at or row.ready_at
            click.echo(
                f"{row.id} {row.channel:10} {row.state:10} {row.attempts:>3} {at:%Y-%m-%d %H:%M:%S} {row.reason or ''}"
            )


@outbox.command("retry")
@click.argument("row_id")
@with_config
def retry(row_id: str, config_path: Path | None) -> None:
    """Try a row again at once. What is in doubt is not handed over again."""
    with changing(config_path, "outbox retry", row_id) as connection:
        reason = rows.again(connection, row_id, now())
        if reason is not None:
            raise CommandError(f"{row_id}: {reason}")
    say(f"{row_id} is due now")
