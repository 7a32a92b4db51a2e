"""aircue-cloud person: what is done for one person."""

from pathlib import Path

import click
from sqlalchemy import select

from aircue_cloud import tables
from aircue_cloud.commands.terminal import changing, load, now, say, with_config
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import codes, sessions


@click.group()
def person() -> None:
    """People of households."""


@person.command("link")
@click.argument("person_id")
@with_config
def link(person_id: str, config_path: Path | None) -> None:
    """Make a link that signs this person in, once."""
    config = load(config_path)
    with changing(config_path, "person link", person_id) as connection:
        known = select(tables.people.c.id).where(tables.people.c.id == person_id)
        if connection.execute(known).first() is None:
            raise CommandError(f"person {person_id} is not known")
        code = codes.draw(connection, sessions.SHOPPER, person_id, now())
    click.echo(f"{config.public_url or f'http://{config.host}:{config.port}'}/me/link/{code}")
    say(f"it works once, within {round(codes.LIVES[sessions.SHOPPER].total_seconds() / 3600)} hours")
