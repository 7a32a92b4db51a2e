"""aircue-cloud rights: what the law gives people over their data."""

import json
from pathlib import Path

import click
from sqlalchemy import Connection, select

from aircue_cloud import audit, db, tables
from aircue_cloud.commands.terminal import changing, command_line, database, load, now, place, say, with_config
from aircue_cloud.layers.lake import Lake
from aircue_cloud.rights import erasure, export, personalising, retention
from aircue_cloud.rights import subject as subjects
from aircue_cloud.rights.places import places
from aircue_cloud.rights.subject import Subject


@click.group()
def rights() -> None:
    """People's rights over their data: export, erasure, personalisation, retention."""


def _one_person(command: click.Command) -> click.Command:
    command.params.append(click.Option(["--person"], is_flag=True, help="The name is that of one person."))
    return command


@click.command("export")
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The ZIP to write.")
@with_config
def export_all(name: str, out: Path, config_path: Path | None, person: bool) -> None:
    """Write down everything about a household, or one person of it."""
    lake = _lake(config_path)
    with changing(config_path, "rights export", name) as connection, out.open("xb") as file:
        counts = export.write(connection, lake, _subject(connection, lake, name, person), file, now())
    say(f"{out}: {sum(counts.values()):,} rows of {sum(1 for count in counts.values() if count)} tables")


@click.command("erase")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_config
def erase(name: str, yes: bool, config_path: Path | None, person: bool) -> None:
    """Erase a household, or one person of it, from every layer, and print the proof."""
    lake = _lake(config_path)
    with database(config_path) as engine:
        with db.reading(engine) as connection:
            who = _subject(connection, lake, name, person)
        if not yes:
            click.confirm(f"erase {name}, {len(who.people)} people and {len(who.sites)} homes? no way back", abort=True)
        where = places(engine, lake, place(config_path).model_dir, now())
        proof = erasure.erase(engine, who, where, command_line(), now())
        with db.writing(engine) as connection:
            act = audit.Act(actor=command_line(), action="rights erase", target=proof.pseudonym)
            audit.append(connection, act, now())
    click.echo(json.dumps(erasure.as_json(proof), indent=2))
    if not proof.complete:
        raise click.ClickException(f"not complete, something is left in: {', '.join(proof.left)}; erase again")


@click.command("personalisation")
@click.argument("name")
@click.argument("state", type=click.Choice(("on", "off")))
@with_config
def personalisation(name: str, state: str, config_path: Path | None, person: bool) -> None:
    """Switch personalisation of a household, or one person, off or on."""
    choose = personalising.of_person if person else personalising.of_household
    with changing(config_path, f"personalisation {state}", name) as connection:
        choose(connection, name, now(), on=state == "on")
    say(f"{'person' if person else 'household'} {name}: personalisation is {state}")


@rights.command()
@with_config
def proofs(config_path: Path | None) -> None:
    """List the proofs of all erasures, one JSON object a line."""
    with database(config_path) as engine, db.reading(engine) as connection:
        for proof in connection.execute(select(tables.erasures.c.proof).order_by(tables.erasures.c.at)).scalars():
            click.echo(json.dumps(proof))


@rights.command()
@with_config
def retain(config_path: Path | None) -> None:
    """Remove the rows of the database whose time is over."""
    with changing(config_path, "rights retain", "") as connection:
        gone = retention.retain(connection, now())
    for table, count in gone.items():
        click.echo(f"{table:24} {count:>12,}")


def _lake(path: Path | None) -> Lake:
    from aircue_cloud.app import open_objects

    return Lake(open_objects(load(path), place(path)))


def _subject(connection: Connection, lake: Lake, name: str, person: bool) -> Subject:
    return subjects.person(connection, lake, name) if person else subjects.household(connection, lake, name)


rights.add_command(_one_person(export_all))
rights.add_command(_one_person(erase))
rights.add_command(_one_person(personalisation))
