"""aircue-cloud gateway, node, partner: keys, shown once."""

from datetime import timedelta
from pathlib import Path

import click

from aircue_cloud import db
from aircue_cloud.commands.terminal import changing, database, now, say, with_config
from aircue_cloud.identity import codes, gateway_keys, keys

_OVERLAP_H = round(keys.OVERLAP / timedelta(hours=1))
_ABOUT = {
    "gateway": "Gateways and their keys.",
    "node": "Keys of nodes that speak to the cloud themselves.",
    "partner": "Keys of the shop and of partners, for what their scopes allow.",
}


def group(kind: str) -> click.Group:
    """The commands for one kind of key."""
    made = click.Group(kind, help=_ABOUT[kind])
    for command in (_add(kind), _rotate(kind), _revoke(kind), _listed(kind)):
        made.add_command(command)
    if kind in codes.ENROLLED:
        made.add_command(_enrol(kind))
    return made


def _add(kind: str) -> click.Command:
    @click.command("add", help=f"Make a key for a new {kind}; it is shown once, here.")
    @click.argument("name")
    @with_config
    def add(name: str, config_path: Path | None, scope: tuple[str, ...] = ()) -> None:
        with changing(config_path, f"{kind} add", name) as connection:
            if kind == gateway_keys.KIND:
                key = gateway_keys.add(connection, name, now())
            else:
                key = keys.add(connection, kind, name, scope, now())
            click.echo(key)
        _say_once(kind, name)

    return add if kind == gateway_keys.KIND else _with_scopes(add)


def _with_scopes(command: click.Command) -> click.Command:
    text = "What the key may do, such as events:write; may be given several times."
    command.params.append(click.Option(["--scope"], multiple=True, help=text))
    return command


def _enrol(kind: str) -> click.Command:
    @click.command("enrol", help=f"Make a code for which a {kind} gets its key, once.")
    @click.argument("name")
    @with_config
    def enrol(name: str, config_path: Path | None) -> None:
        with changing(config_path, f"{kind} enrol", name) as connection:
            keys.check_name(kind, name)
            if kind == gateway_keys.KIND:
                gateway_keys.expect(connection, name, now())
            click.echo(codes.draw(connection, kind, name, now()))
        say(f"POST /api/v1/enrolments takes it, once, within {round(codes.LIVES[kind] / timedelta(minutes=1))} minutes")

    return enrol


def _rotate(kind: str) -> click.Command:
    @click.command("rotate", help=f"Make a new key for a {kind}; the old one holds for a while.")
    @click.argument("name")
    @click.option("--overlap-hours", type=click.FloatRange(0, 24 * 31), default=_OVERLAP_H, show_default=True)
    @with_config
    def rotate(name: str, overlap_hours: float, config_path: Path | None) -> None:
        with changing(config_path, f"{kind} rotate", name) as connection:
            click.echo(keys.rotate(connection, kind, name, now(), timedelta(hours=overlap_hours)))
        _say_once(kind, name)
        say(f"the old key ends {_later(overlap_hours)}")

    return rotate


def _revoke(kind: str) -> click.Command:
    @click.command("revoke", help=f"End all keys of a {kind} at once.")
    @click.argument("name")
    @with_config
    def revoke(name: str, config_path: Path | None) -> None:
        with changing(config_path, f"{kind} revoke", name) as connection:
            ended = keys.revoke(connection, kind, name, now())
        say(f"{ended} of the keys of {kind} {name} ended")

    return revoke


def _listed(kind: str) -> click.Command:
    @click.command("list", help=f"List the keys of every {kind}, without themselves.")
    @with_config
    def listed(config_path: Path | None) -> None:
        with database(config_path) as engine, db.reading(engine) as connection:
            mine = [key for key in keys.listed(connection) if key.kind == kind]
        for key in mine:
            end = "never" if key.ends_at is None else f"{key.ends_at:%Y-%m-%d %H:%M}"
            used = "never" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}"
            click.echo(f"{key.owner:24} ends {end:16} last used {used:16} {' '.join(sorted(key.scopes))}".rstrip())

    return listed


def _say_once(kind: str, name: str) -> None:
    say(f"put this key into the configuration of {kind} {name}; it is not shown again")


def _later(hours: float) -> str:
    return f"in {hours:g} hours" if hours else "at once"
