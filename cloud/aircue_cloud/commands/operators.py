"""aircue-cloud operator: who may sign in. A password is asked for, or read from standard input; never an argument."""

import sys
from pathlib import Path

import click

from aircue_cloud import audit, db, stores
from aircue_cloud.commands.terminal import (
    changing,
    command_line,
    database,
    load,
    now,
    say,
    with_config,
    with_config_alone,
)
from aircue_cloud.config import Config
from aircue_cloud.db import MAIN
from aircue_cloud.identity import operators, passwords, sealing
from aircue_cloud.identity.scopes import ROLES


@click.group()
def operator() -> None:
    """Operators: who may sign in to the console."""


@operator.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(list(ROLES)), default="operator", show_default=True)
@with_config
def add(name: str, role: str, config_path: Path | None) -> None:
    """Add an operator."""
    hashed = passwords.hashed(_asked_password())
    with changing(config_path, "operator add", name) as connection:
        operators.add(connection, name, hashed, role, now())
    say(f"operator {name} added, role {role}")


@operator.command("password")
@click.argument("name")
@with_config
def password(name: str, config_path: Path | None) -> None:
    """Give an operator a new password; every session ends."""
    hashed = passwords.hashed(_asked_password())
    with changing(config_path, "operator password", name) as connection:
        operators.set_password(connection, name, hashed)
    say(f"operator {name} has a new password")


@operator.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(list(ROLES)))
@with_config
def role(name: str, role: str, config_path: Path | None) -> None:
    """Give an operator another role; it holds at once."""
    with changing(config_path, "operator role", name) as connection:
        operators.set_role(connection, name, role)
    say(f"operator {name} has the role {role}")


@operator.command("totp-reset")
@click.argument("name")
@with_config
def totp_reset(name: str, config_path: Path | None) -> None:
    """Take away an operator's second factor, which was lost."""
    with changing(config_path, "operator totp-reset", name) as connection:
        operators.reset_totp(connection, name)
    say(f"operator {name} signs in without a second factor until a new one is set up")


@operator.command("renew-secret-key")
@with_config_alone
def renew_secret_key(config_path: Path | None) -> None:
    """Seal every store's secrets with a new key, and forget the older ones. The server may go on."""
    config = load(config_path)
    sealing.add_key(config.secret_key)
    count = sum(_seal_again(config, name) for name in dict.fromkeys((MAIN, *stores.names(config))))
    sealing.drop_old_keys(config.secret_key)
    say(f"{count} secrets lie under a new key in {config.secret_key}; the older keys open nothing any more")


def _seal_again(config: Config, name: str) -> int:
    engine = stores.open_database(config.place(name))
    try:
        with db.writing(engine) as connection:
            count = operators.seal_secrets(connection, sealing.load(config.secret_key))
            act = audit.Act(actor=command_line(), action="operator renew-secret-key", target=name)
            audit.append(connection, act, now())
            return count
    finally:
        engine.dispose()


@operator.command("remove")
@click.argument("name")
@with_config
def remove(name: str, config_path: Path | None) -> None:
    """Remove an operator; every session ends."""
    with changing(config_path, "operator remove", name) as connection:
        operators.remove(connection, name)
    say(f"operator {name} removed")


@operator.command("list")
@with_config
def listed(config_path: Path | None) -> None:
    """List all operators."""
    with database(config_path) as engine, db.reading(engine) as connection:
        for one in operators.listed(connection):
            factor = "second factor" if one.totp_on else "password alone"
            click.echo(f"{one.name:24} {one.role:10} {factor}")


def _asked_password() -> str:
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    return sys.stdin.readline().rstrip("\r\n")
