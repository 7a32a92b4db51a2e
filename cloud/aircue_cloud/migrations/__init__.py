"""The tables' history, by Alembic: each step a file in versions/.

`upgrade` brings a database to the newest step within the caller's transaction. Errors: SettingsError where the database
is at a step that is not known here.
"""

from functools import cache
from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from aircue_cloud.errors import SettingsError

FOLDER = Path(__file__).parent
_alone = Lock()  # Alembic keeps what it works on in a module of its own


def is_current(connection: Connection) -> bool:
    """SettingsError where the database is ahead of this program."""
    found = step(connection)
    if found is not None and found not in _known():
        raise SettingsError(
            f"the database is at step {found}, which this version does not know: a newer aircue-cloud has opened it; "
            "install that one again, or restore a backup"
        )
    return found == _head()


def upgrade(connection: Connection) -> None:
    with _alone:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def step(connection: Connection) -> str | None:
    """Where a database stands; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def _known() -> frozenset[str]:
    return frozenset(each.revision for each in _scripts().walk_revisions())


@cache
def _head() -> str | None:
    return _scripts().get_current_head()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
