"""The commands that take files and weather in, as they are typed."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.cloud.conftest import new_database

from aircue_cloud import db, stores, tables
from aircue_cloud.cli import main
from aircue_cloud.config import load


class Terminal:
    """Runs commands on one configuration, on whichever database the tests run on."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "cloud.toml"
        self.config.write_text(f'database_url = "{new_database()}"\n', encoding="utf-8")

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--config", str(self.config)])

    def add(self, table: object, **row: object) -> None:
        with db.writing(stores.open_database(load(self.config).place("main"))) as connection:
            connection.execute(db.insert_absent(connection, table), [row])  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def test_interactions_are_taken_in_and_the_rejected_ones_are_said(run: Terminal, tmp_path: Path) -> None:
    run("demo-data")
    path = tmp_path / "acts.csv"
    path.write_text("person,product,kind,at\nfern-nora,nothing,click,1763600000\nnobody,x,click,1\n")
    failed = run("import", "interactions", str(path))
    assert failed.exit_code == 1
    assert "none of its 2 rows could be taken" in failed.stderr
    assert (tmp_path / "acts.csv.rejected.csv").exists()


def test_movielens_is_taken_in_with_its_figures(run: Terminal, tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text("1\t2\t3\t881250949\n1\t3\t9\t881250949\n")
    done = run("import", "movielens", str(tmp_path))
    assert done.exit_code == 0, done.stderr
    assert "import: 2 rows: 1 stored, 0 there already, 1 rejected; see " in done.stderr
    assert " rows/s" in done.stderr


def test_a_wrong_encoding_ends_with_its_remedy(run: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "acts.csv"
    path.write_bytes("person,product,kind,at,text\nü,x,rating,1,\n".encode("latin-1"))
    failed = run("import", "interactions", str(path))
    assert failed.exit_code == 1
    assert "line 2: byte 0xfc at place 1 is no utf-8; name the right encoding (--encoding" in failed.stderr
    missing = run("import", "online-retail", str(tmp_path / "none.csv"))
    assert (missing.exit_code, "cannot be opened: No such file" in missing.stderr) == (1, True)


def test_readings_are_taken_in_through_the_intake(run: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "sensors.csv"
    path.write_text("node;quantity;measured_at;value\nattic;humidity;1763600000;51.5\n")
    done = run("import", "readings", str(path), "--site", "home-9", "--delimiter", "semicolon")
    assert done.exit_code == 0, done.stderr
    assert "1 rows: 1 stored" in done.stderr
    assert "readings" in run("status").stdout


def test_weather_of_a_file_is_stored_for_the_areas_of_sites(run: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "weather.csv"
    path.write_text("area,hour,temperature\n" + '"52.5,13.4",2026-01-01T00:00:00Z,3\n')
    told = run("weather", "refresh", "--file", str(path))
    assert "no site says where it is" in told.stderr
    run.add(tables.sites, id="home-1", tz="UTC", area="52.5,13.4")
    done = run("weather", "refresh", "--file", str(path), "--days", "3650")
    assert "1 hours stored, 1 requests, 0 failed" in done.stderr
    path.write_text("area,hour\nx,y\n")
    broken = run("weather", "refresh", "--file", str(path))
    assert (broken.exit_code, "line 2: area" in broken.stderr) == (1, True)
