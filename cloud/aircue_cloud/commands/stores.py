"""aircue-cloud store: several shops in one installation."""

from pathlib import Path

import click

from aircue_cloud import stores
from aircue_cloud.commands.terminal import load, say, with_config_alone


@click.group()
def store() -> None:
    """Stores: shops with data of their own."""


@store.command("add")
@click.argument("name")
@with_config_alone
def add(name: str, config_path: Path | None) -> None:
    """Make an empty store; a running server takes it up."""
    stores.add(load(config_path), name)
    say(f"store {name} added; name it with --store {name}")


@store.command("list")
@with_config_alone
def listed(config_path: Path | None) -> None:
    """List all stores."""
    for name in stores.names(load(config_path)):
        click.echo(name)
