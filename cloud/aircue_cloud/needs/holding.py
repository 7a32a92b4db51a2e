"""The needs that a command speaks of: those that ship, and over them the store's own where it is told of a store."""

from pathlib import Path

from aircue_cloud import db
from aircue_cloud.commands.terminal import database
from aircue_cloud.needs import needs, stored
from aircue_cloud.needs.needs import Needs


def held(config_path: Path | None) -> Needs:
    shipped = needs.load()
    if config_path is None:
        return shipped
    with database(config_path) as engine, db.reading(engine) as connection:
        return stored.current(connection, shipped)
