"""aircue-cloud backup, restore: a whole store in one file."""

from pathlib import Path

import click

from aircue_cloud.commands.terminal import changing, command_line, database, load, now, place, say, with_config


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--with-secret-key", is_flag=True, help="Put the keys of second factors in: of every store's.")
@with_config
def backup(file: Path, with_secret_key: bool, config_path: Path | None) -> None:
    """Write the whole store into FILE (tar); the server may go on. It holds secrets: keep it as safe as the store."""
    from aircue_cloud.app import open_objects
    from aircue_cloud.backup import making

    config, where = load(config_path), place(config_path)
    secret_key = config.secret_key if with_secret_key else None
    with database(config_path) as engine:
        making.make(file, where, engine, open_objects(config, where), now(), say, secret_key)
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

    config, where = load(config_path), place(config_path)
    with database(config_path) as engine:
        objects = open_objects(config, where)
        restoring.restore(
            file,
            where,
            engine,
            objects,
            secret_key=config.secret_key,
            replace=replace,
            by=command_line(),
            now=now(),
            progress=say,
        )
