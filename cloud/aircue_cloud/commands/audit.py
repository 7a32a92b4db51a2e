"""aircue-cloud audit: who did what."""

from pathlib import Path

import click

from aircue_cloud import audit as log
from aircue_cloud import db
from aircue_cloud.commands.terminal import database, with_config

_PART = 1000


@click.command()
@click.option("--after", type=click.IntRange(0), default=0, help="Only what was written after this number.")
@with_config
def audit(after: int, config_path: Path | None) -> None:
    """List who did what, when, from where, and how it went."""
    with database(config_path) as engine, db.reading(engine) as connection:
        while entries := log.listed(connection, after, _PART):
            for one in entries:
                where = one.address or "-"
                what = f"{one.actor}: {one.action} {one.target}: {one.outcome}"
                click.echo(f"{one.id} {one.at:%Y-%m-%dT%H:%M:%SZ} {where} {what}")
            after = entries[-1].id
