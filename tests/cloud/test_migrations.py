"""The tables' history: its end is what the code says, nobody steps on anybody's toes, and nothing newer is touched."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, Engine, Table, Text, create_engine, inspect, text
from tests.cloud.conftest import new_database

from aircue_cloud import db, migrations, tables
from aircue_cloud.errors import SettingsError
from aircue_cloud.migrations import draft

AGAIN = "type: python -m aircue_cloud.migrations.draft"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An empty database on the server under test."""
    return new_database() or db.sqlite_url(str(tmp_path / "test.db"))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = db.open_database(url)
    yield made
    made.dispose()


def differences(connection: Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata))


def test_the_last_step_leads_to_the_tables_of_the_code(engine: Engine) -> None:
    with db.reading(engine) as connection:
        assert differences(connection) == [], AGAIN


def test_the_first_step_is_what_the_tables_would_be_written_as() -> None:
    """As long as nothing is released, it is written anew with every change of a table."""
    assert draft.FIRST.read_text(encoding="utf-8") == draft.text(), AGAIN


def test_a_table_that_no_step_makes_is_seen(engine: Engine) -> None:
    table = Table("forgotten", tables.metadata, Column("id", Text, primary_key=True))
    try:
        with db.reading(engine) as connection:
            assert len(differences(connection)) == 1
        assert draft.FIRST.read_text(encoding="utf-8") != draft.text()
    finally:
        tables.metadata.remove(table)


def test_a_database_that_is_there_is_opened_as_it_is(url: str, engine: Engine) -> None:
    with db.writing(engine) as connection:
        connection.execute(tables.households.insert(), {"id": "ada", "name": "Ada"})
    again = db.open_database(url)
    with db.reading(again) as connection:
        assert connection.execute(tables.households.select()).one().id == "ada"
    again.dispose()


def test_a_newer_database_is_refused_and_left_alone(url: str, engine: Engine) -> None:
    with db.writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match=r"at step 9999, which this version does not know: a newer aircue-cloud"):
        db.open_database(url)
    with db.reading(engine) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


def test_a_step_that_fails_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Connection) -> None:
        upgrade(connection)
        raise RuntimeError("power cut")

    upgrade = migrations.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "upgrade", fail)
        with pytest.raises(RuntimeError):
            db.open_database(url)
    bare = create_engine(url)
    with bare.connect() as connection:
        assert inspect(connection).get_table_names() == []
        assert "store_main" not in inspect(connection).get_schema_names()
    bare.dispose()
    db.open_database(url).dispose()


OPEN = "import sys; from aircue_cloud import db; db.open_database(sys.argv[1]).dispose()"


def test_programs_that_start_at_once_make_the_tables_once(url: str) -> None:
    programs = [Popen([sys.executable, "-c", OPEN, url]) for _ in range(4)]
    assert [program.wait(60) for program in programs] == [0] * 4
    engine = db.open_database(url)
    with db.reading(engine) as connection:
        assert differences(connection) == []
    engine.dispose()


def test_an_older_database_is_brought_up_to_date_with_its_rows(
    tmp_path: Path, url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second step, made up here: the first real one comes with the first change after a release."""
    with db.writing(engine) as connection:
        connection.execute(tables.households.insert(), {"id": "ada", "name": "Ada"})
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder)
    first = migrations._head()
    (folder / "versions" / "second.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f'revision, down_revision = "0002", "{first}"\n'
        'def upgrade() -> None:\n    op.add_column("households", sa.Column("colour", sa.Text()))\n'
    )
    monkeypatch.setattr(migrations, "FOLDER", folder)
    migrations._known.cache_clear()
    migrations._head.cache_clear()
    try:
        again = db.open_database(url)
        with db.reading(again) as connection:
            assert connection.execute(text("SELECT id, colour FROM households")).one() == ("ada", None)
        again.dispose()
    finally:
        migrations._known.cache_clear()
        migrations._head.cache_clear()
