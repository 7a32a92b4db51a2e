"""aircue-cloud backup, restore: a whole store in one file."""

from pathlib import Path

import click

from aircue_cloud.commands.terminal import changing, command_line, database, load, now, place, say, with_config


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_config
def backup(file: Path, config_path: Path | None) -> None:
    """Write the whole store into FILE (tar); the server may go on. It holds secrets: keep it as safe as the store."""
    from aircue_cloud.app import open_objects
    from aircue_cloud.backup import making

    where = place(config_path)
    with database(config_path) as engine:
        making.make(file, where, engine, open_objects(load(config_path), where), now(), say)
    with changing(config_path, "backup", file.name):
        say(f"backup: {file} holds store {where.store}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Put it in the place of what the store holds.")
@with_config
def restore(file: Path, replace: bool, config_path: Path | None) -> None:
    """Put a backup into a store that no server runs on."""
    from aircue_cloud.app import open_objects
    from aircue_cloud.backup import restoring

    where = place(config_path)
    with database(config_path) as engine:
        objects = open_objects(load(config_path), where)
        restoring.restore(file, where, engine, objects, replace=replace, by=command_line(), now=now(), progress=say)
