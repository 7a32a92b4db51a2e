"""aircue-cloud segments and associations: on the store, and on anyone's file."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tests.cloud.conftest import bare_cloud
from tests.cloud.segments import crowd
from tests.cloud.stage import Cloud

from aircue_cloud import tables
from aircue_cloud.cli import main


class Terminal:
    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "cloud.toml"
        self.config.write_text(f'data_dir = "{folder / "data"}"\n', encoding="utf-8")

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--config", str(self.config)])

    def plain(self, *words: str) -> Result:
        return CliRunner().invoke(main, list(words))

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return str(self.folder / name)


@pytest.fixture
def run(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def town(tmp_path: Path, run: Terminal) -> Cloud:
    """A crowd whose last four weeks end today, for the commands look at the clock."""
    made = bare_cloud(tmp_path / "data")
    if made.database_url:
        run.config.write_text(f'{run.config.read_text()}database_url = "{made.database_url}"\n', encoding="utf-8")
    crowd.fill(made, now=datetime.now(UTC))
    return made


def test_segments_are_made_listed_and_shown(town: Cloud, run: Terminal) -> None:
    assert "no snapshot yet" in run("segments", "list").stdout
    assert "120 people" in run("segments", "refresh").stdout
    listed = run("segments", "list").stdout
    assert "about 40  often" in listed
    assert "under 20, or hidden" in listed
    assert "about 40  often" in run("segments", "show", "need:damp-air").stdout
    nobody = run("segments", "show", "star-sign")
    assert nobody.exit_code == 1
    assert "there is no such profile or audience; there are climate, devices" in nobody.stderr
    alone = run("segments", "drift")
    assert (alone.exit_code, "two snapshots are needed" in alone.stderr) == (1, True)


def test_an_audience_is_saved_exported_and_taken_away_and_the_audit_log_says_who(town: Cloud, run: Terminal) -> None:
    document = run.file("damp.toml", 'title = "Damp"\nall = [{profile = "need:damp-air", any = ["often"]}]\n')
    assert run("segments", "save", "damp", document).stdout == "audience damp: Damp\n"
    early = run("segments", "export", "damp")
    assert (early.exit_code, "aircue-cloud segments refresh" in early.stderr) == (1, True)
    run("segments", "refresh")
    out = run.folder / "damp.csv"
    assert run("segments", "export", "damp", "--out", str(out)).exit_code == 0
    with out.open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 40
    assert run("segments", "remove", "damp").exit_code == 0
    assert run("segments", "remove", "damp").exit_code == 1
    actions = [row["action"] for row in town.rows(tables.audit)]
    assert actions == ["segments save", "segments export", "segments remove"]


def test_the_store_s_baskets_are_mined(town: Cloud, run: Terminal) -> None:
    done = run("associations", "mine")
    assert "120 homes: 3 pairs of 15 tests, 1 triples of" in done.stdout
    assert "purifier -> filter" in done.stdout
    assert len(town.rows(tables.associations)) > 0
    few = run("associations", "mine", "--least", "5")
    assert (few.exit_code, "nothing is told of fewer than 20" in few.stderr) == (1, True)


BASKETS = "basket,product\n" + "".join(
    f"b{n},{item}\n"
    for n in range(100)
    for item in (("tea", "milk") if n < 40 else ("bread",) if n < 80 else ("milk",))
)


def test_anyone_s_baskets_are_mined_and_shuffled_there_is_nothing_in_them(run: Terminal) -> None:
    file, out = run.file("baskets.csv", BASKETS), run.folder / "rules.json"
    done = run("associations", "mine", "--in", file, "--json", str(out))
    assert "100 baskets, 0 left out as too full\npairs: 3 tests, 1 frequent, 1 beyond chance\n" in done.stdout
    assert "tea -> milk" in done.stdout
    rules = {one["antecedent"]: one for one in json.loads(out.read_text(encoding="utf-8"))}
    assert rules["tea"]["confidence"] == 1.0
    assert rules["tea"]["lift"] == pytest.approx(1 / 0.6)
    shuffled = run("associations", "mine", "--in", file, "--shuffled", "1").stdout
    assert "0 beyond chance" in shuffled
    assert "->" not in shuffled


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("invoice,product\n1,tea\n", "line 1: no column basket; its columns are invoice, product"),
        ("basket,product\n1\n", "line 2: 1 cells, expected 2 or more"),
        ("basket,product\n", "no line has both"),
        ("", "line 1: no column basket, product; its columns are nothing"),
    ],
)
def test_a_file_that_does_not_fit_is_told_by_place(run: Terminal, text: str, said: str) -> None:
    done = run("associations", "mine", "--in", run.file("bad.csv", text))
    assert done.exit_code == 1
    assert said in done.stderr


def test_anyone_s_customers_are_scored(run: Terminal) -> None:
    rows = (
        "".join(f"c{n},2026-{1 + n:02d}-01,{10 * (n + 1)}.50,EUR\n" for n in range(10)) + "c0,2026-10-01,-10.50,EUR\n"
    )
    out = run.folder / "scored.csv"
    done = run.plain("segments", "rfm", "--in", run.file("bought.csv", f"customer,date,amount,currency\n{rows}"),
                     "--out", str(out))  # fmt: skip
    assert done.stdout.startswith("9 customers on 2026-10-01\n"), "who gave all back is none"
    with out.open(newline="", encoding="utf-8") as file:
        last = list(csv.DictReader(file))[-1]
    assert (last["customer"], last["spent"], last["recency"], last["monetary"]) == ("c9", "100.50", "5", "5")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("c1,yesterday,1", "line 2, column date: 'yesterday', expected one such as 2026-11-22"),
        ("c1,2026-01-01,much", "line 2, column amount: 'much', expected an amount such as 12.50"),
        ("c1,2026-01-01,nan", "column amount: 'nan'"),
        (",2026-01-01,1", "line 2, column customer: empty"),
    ],
)
def test_a_purchase_that_is_none_is_told_by_line_and_column(run: Terminal, row: str, said: str) -> None:
    done = run.plain("segments", "rfm", "--in", run.file("bad.csv", f"customer,date,amount\n{row}\n"))
    assert done.exit_code == 1
    assert said in done.stderr


def test_what_anyone_s_customers_are_worth(run: Terminal) -> None:
    random = np.random.default_rng(1)
    lines = []
    for person in range(200):
        at, rate = 0.0, random.gamma(1.0, 0.05)
        while at < 300 and (at == 0 or random.random() > 0.1):
            day = datetime.fromordinal(datetime(2026, 1, 1).toordinal() + int(at)).date()  # noqa: DTZ001  # a day
            lines.append(f"c{person},{day},{random.gamma(6.0, 5.0):.2f}")
            at += max(1.0, random.exponential(1 / rate))
    out = run.folder / "worth.csv"
    done = run("segments", "clv", "--in", run.file("bought.csv", "customer,date,amount\n" + "\n".join(lines) + "\n"),
               "--days", "90", "--out", str(out))  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "200 customers, the next 90 days" in done.stdout
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 200
    assert all(0 <= float(row["alive"]) <= 1 and float(row["spent"]) >= 0 for row in rows)
    few = run("segments", "clv", "--in", run.file("few.csv", "customer,date,amount\nc1,2026-01-01,1\n"))
    assert "expected 50 or more to fit a model to" in few.stderr
