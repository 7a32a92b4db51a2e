"""Importers: every valid row of a file, all at once or not at all; the others listed with line and reason."""

import csv
import gzip
import io
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.cloud.stage import NOW, Cloud, batch, humidity, sample

from aircue_cloud import tables
from aircue_cloud.errors import CommandError
from aircue_cloud.importing import movielens, readings, rejects, taking
from aircue_cloud.importing.cells import harmless
from aircue_cloud.importing.errors import FileRefused
from aircue_cloud.importing.interactions import InteractionsFile
from aircue_cloud.importing.movielens import MovieLensFile
from aircue_cloud.importing.online_retail import OnlineRetailFile
from aircue_cloud.importing.progress import Progress
from aircue_cloud.importing.records import Columns, Dialect, Source
from aircue_cloud.importing.taking import Taken
from aircue_cloud.layers.rows import NOBODYS
from aircue_cloud.routes.services import services
from aircue_gateway.batch import encode

HEADER = "person,product,kind,at"
CLICK = "ada-1,drymax,click,2026-11-20T10:00:00Z"
SILENT = Progress(lambda _line: None)


def written(tmp_path: Path, *lines: str, name: str = "acts.csv", encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return path


def take(cloud: Cloud, path: Path, dialect: Dialect | None = None) -> Taken:
    return taking.take(cloud.engine, path, InteractionsFile(), dialect or Dialect(), NOW, SILENT)


def rejected(path: Path) -> list[dict[str, str]]:
    with rejects.place(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def events(cloud: Cloud) -> list[str]:
    return [row["kind"] for row in cloud.rows(tables.interactions)]


def test_rows_become_events_as_the_api_stores_them(cloud: Cloud, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "person;product;kind;at;stars;text;quantity;price_minor;currency;dwell_s;id",
        'ada-1;salt;rating;1763632800;5;"good; very ""good""";;;;;mine-1',
        "ada-1;salt;purchase;2026-11-20 10:00:00;;;2;990;EUR;;",
        "ada-1;salt;view;2026-11-20T11:00:00+01:00;;;;;;7.5;",
    )
    assert take(cloud, path) == Taken(rows=3, stored=3, duplicates=0, rejected=0)
    stored = {row["kind"]: row for row in cloud.rows(tables.interactions)}
    assert (stored["rating"]["event"], stored["rating"]["text"]) == ("mine-1", 'good; very "good"')
    assert (stored["purchase"]["quantity"], stored["purchase"]["price_minor"]) == (2, 990)
    assert stored["purchase"]["at"] == stored["view"]["at"] == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert not rejects.place(path).exists()


def test_rows_that_are_wrong_are_listed_with_line_and_reason_and_the_others_stored(
    cloud: Cloud, tmp_path: Path
) -> None:
    lines = [
        CLICK,
        "nobody,drymax,click,2026-11-20T10:00:00Z",
        "ada-1,drymax,glance,2026-11-20T10:00:00Z",
        "ada-1,drymax,click",
        'ada-1,"drymax,click,2026-11-20T10:00:00Z',
        "",
        "ada-1,drymax,click,yesterday",
        "ada-1,drymax,click,2027-11-20T10:00:00Z",
        "ada-1,salt,click,2026-11-20T10:00:00Z",
    ]
    path = written(tmp_path, HEADER, *lines)
    assert take(cloud, path) == Taken(rows=8, stored=2, duplicates=0, rejected=6)
    told = {row["rejected_line"]: row["rejected_reason"] for row in rejected(path)}
    assert list(told) == ["3", "4", "5", "6", "8", "9"]
    for line, said in (
        ("3", "person"),
        ("4", "kind"),
        ("5", "3 cells"),
        ("6", "no CSV"),
        ("8", "ISO 8601"),
        ("9", "at"),
    ):
        assert said in told[line]


def test_rejected_rows_can_be_mended_and_taken_in_by_themselves(cloud: Cloud, tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, CLICK, "nobody,salt,click,2026-11-20T10:00:00Z")
    take(cloud, path)
    mended = tmp_path / "mended.csv"
    mended.write_text(rejects.place(path).read_text().replace("nobody,", "ada-1,"))
    assert take(cloud, mended) == Taken(rows=1, stored=1, duplicates=0, rejected=0)


def test_a_file_taken_in_again_adds_nothing_and_a_longer_one_what_is_new(cloud: Cloud, tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, CLICK, CLICK, "ada-1,salt,cart,2026-11-20T10:00:00Z")
    assert take(cloud, path).stored == 3
    assert take(cloud, path) == Taken(rows=3, stored=0, duplicates=3, rejected=0)
    longer = written(tmp_path, HEADER, CLICK, "ada-1,salt,click,2026-11-20T10:00:00Z", CLICK, CLICK)
    assert take(cloud, longer) == Taken(rows=4, stored=2, duplicates=2, rejected=0)
    assert sorted(events(cloud)) == ["cart", "click", "click", "click", "click"]


def test_an_id_that_stands_for_something_else_already_is_rejected(cloud: Cloud, tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEADER},id", f"{CLICK},a", f"{CLICK.replace('click', 'cart')},a", f"{CLICK},a")
    assert take(cloud, path) == Taken(rows=3, stored=1, duplicates=1, rejected=1)
    assert rejected(path)[0]["rejected_line"] == "3"


def test_a_list_of_rejected_rows_is_of_the_last_import_alone(cloud: Cloud, tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, CLICK, "nobody,salt,click,2026-11-20T10:00:00Z")
    take(cloud, path)
    written(tmp_path, HEADER, CLICK)
    take(cloud, path)
    assert not rejects.place(path).exists()


def test_a_file_of_wrong_rows_alone_is_an_error(cloud: Cloud, tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, "x,y,click,2026-11-20T10:00:00Z")
    with pytest.raises(CommandError, match=r"none of its 1 rows.*rejected\.csv says why"):
        take(cloud, path)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "is empty"),
        (("person,product,at", "a,b,c"), r"line 1: no column kind; its header is: person, product, at"),
        ((f"{HEADER},colour", f"{CLICK},red"), "line 1: unknown column colour; known ones: person"),
        ((f"{HEADER},at", f"{CLICK},x"), "a column is named twice"),
    ],
)
def test_a_header_that_is_none_refuses_the_file(
    cloud: Cloud, tmp_path: Path, lines: tuple[str, ...], said: str
) -> None:
    with pytest.raises(FileRefused, match=said):
        take(cloud, written(tmp_path, *lines))


@pytest.mark.parametrize(("delimiter", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_the_delimiter_is_read_off_the_header(cloud: Cloud, tmp_path: Path, delimiter: str, name: str) -> None:
    assert take(cloud, written(tmp_path, *(line.replace(",", delimiter) for line in (HEADER, CLICK)))).stored == 1


RATED = "ada-1,salt,rating,2026-11-20T10:00:00Z,5,schön"


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("latin-1", "latin-1"), ("cp1252", "cp1252")]
)
def test_encodings_that_are_named_are_read(cloud: Cloud, tmp_path: Path, encoding: str, said: str) -> None:
    path = written(tmp_path, f"{HEADER},stars,text", RATED, encoding=encoding)
    assert take(cloud, path, Dialect(encoding=said)).stored == 1
    assert cloud.rows(tables.interactions)[0]["text"] == "schön"


def test_a_wrong_encoding_is_an_error_that_says_where_and_stores_nothing(cloud: Cloud, tmp_path: Path) -> None:
    lines = [f"{HEADER},stars,text", *["ada-1,salt,rating,2026-11-20T10:00:00Z,5,good"] * 3000, RATED]
    path = written(tmp_path, *lines, encoding="latin-1")
    with pytest.raises(FileRefused, match=r"line 3002: byte 0xf6 at place 45 is no utf-8.*--encoding"):
        take(cloud, path)
    assert events(cloud) == []
    utf16 = written(tmp_path, HEADER, CLICK, encoding="utf-16")
    with pytest.raises(FileRefused, match="line 1: byte 0xff at place 1"):
        take(cloud, utf16)


def test_a_file_that_is_no_text_or_cut_off_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"person,product,kind,at\n" + b"x" * (2 * 1024 * 1024))
    with pytest.raises(FileRefused, match="line 2 is over"):
        take(cloud, path)
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(f"{HEADER}\n{CLICK}\n".encode() * 500)[:-20])
    with pytest.raises(FileRefused, match="cannot be read"):
        take(cloud, cut)
    assert events(cloud) == []


def test_formulas_in_rejected_rows_are_written_as_text(cloud: Cloud, tmp_path: Path) -> None:
    formula = '=HYPERLINK("http://evil.example";"x")'.replace('"', '""')
    path = written(tmp_path, HEADER, CLICK, f'"{formula}",drymax,click,-5')
    take(cloud, path)
    (row,) = rejected(path)
    assert row["person"].startswith("'=HYPERLINK")
    assert row["at"] == "-5"


@given(st.text())
def test_no_cell_that_is_shown_begins_like_a_formula(cell: str) -> None:
    shown = harmless(cell)
    assert shown.removeprefix("'") == cell or shown == cell
    if shown.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r")):
        float(shown.replace(",", "."))


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n\r",;'), max_size=12)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=ROWS, delimiter=st.sampled_from(",;\t|"), ending=st.sampled_from(["\n", "\r\n"]))
def test_whatever_csv_writes_is_read_back(tmp_path: Path, rows: list[list[str]], delimiter: str, ending: str) -> None:
    """Against Python's own writer. An empty first cell and no other would be an empty line: csv quotes it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerows([["a", "b", "c"], *rows])
    path = tmp_path / "any.csv"
    path.write_bytes(text.getvalue().encode())
    source = Source(path, Dialect(delimiter=delimiter), Columns(needed=("a", "b", "c")))
    found = [[record.cells.get(name, "") for name in "abc"] for record in source.records()]
    assert found == rows


GOOD = [f"row{number},x,y" for number in range(5)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(noise=[(0, ',,,"'), (2, '"')])
@given(noise=st.lists(st.tuples(st.integers(0, 5), st.text('",;ab', max_size=6)), max_size=4))
def test_a_line_that_breaks_the_rules_costs_no_other_line(tmp_path: Path, noise: list[tuple[int, str]]) -> None:
    """A stray quote may join lines that the rules of CSV join; it never makes the rest of the file disappear."""
    lines = list(GOOD)
    for place, text in noise:
        lines.insert(place, text)
    path = tmp_path / "noise.csv"
    path.write_text("\n".join(["a,b,c", *lines, *[f"end{number},x,y" for number in range(3)]]) + "\n")
    records = list(Source(path, Dialect(delimiter=","), Columns(needed=("a", "b", "c"))).records())
    whole = "\n".join(f"{record.cells}" for record in records)
    for line in (*GOOD, "end0", "end1", "end2"):
        assert line.partition(",")[0] in whole
    if sum(text.count('"') for _, text in noise) == 0:
        assert sum(record.error is None and len(record.cells) == 3 for record in records) >= 8


def test_a_quote_that_is_never_closed_costs_its_own_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "open.csv"
    path.write_text("a,b,c\n" + '1,"x,y\n' + "2,x,y\n" * 20_000)
    records = list(Source(path, Dialect(delimiter=","), Columns(needed=("a", "b", "c"))).records())
    assert [record.line for record in records if record.error is not None] == [2]
    assert len(records) == 20_001


def test_ratings_of_movielens_bring_their_people_and_films(bare: Cloud, tmp_path: Path) -> None:
    """Lines as ml-100k has them, in the three ways its files are written."""
    (tmp_path / "u.data").write_text("196\t242\t3\t881250949\n186\t302\t9\t891717742\n")
    (tmp_path / "u.item").write_bytes("242|Kolya (1996)|24-Jan-1997\n302|L\u00e9on|x\n".encode("latin-1"))
    file, layout = movielens.find(tmp_path)
    form = MovieLensFile(layout=layout, titles=movielens.titles(file))
    taken = taking.take(bare.engine, file, form, layout.dialect, NOW, SILENT)
    assert taken == Taken(rows=2, stored=1, duplicates=0, rejected=1)
    (row,) = bare.rows(tables.interactions)
    assert (row["person"], row["product"], row["rating"]) == ("ml-user-196", "ml-film-242", 3)
    assert row["at"] == datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC)
    assert [(one["id"], one["name"], one["stock"]) for one in bare.rows(tables.products)] == [
        ("ml-film-242", "Kolya (1996)", 0)
    ]
    assert rejected(file)[0]["rejected_line"] == "2"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ratings.csv", "userId,movieId,rating,timestamp\n196,242,3.5,881250949\n"),
        ("x.inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3.0\t881250949\n"),
    ],
)
def test_later_ways_to_write_ratings_are_read(bare: Cloud, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    file, layout = movielens.find(tmp_path / name)
    taking.take(bare.engine, file, MovieLensFile(layout=layout), layout.dialect, NOW, SILENT)
    assert [row["rating"] for row in bare.rows(tables.interactions)] == [3]
    with pytest.raises(FileRefused, match=r"expected a file named u\.data"):
        movielens.find(tmp_path / "ratings.txt")


INVOICES = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
C536379,85123A,WHITE HANGING HEART,-1,2011-07-01 08:26:00,2.55,17850.0,United Kingdom
536366,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,2.55,,United Kingdom
536367,POST,POSTAGE,1,2010-12-01 08:26:00,18.00,17850.0,France
536368,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,0.001,17850.0,United Kingdom
536369,85123A,WHITE HANGING HEART,-6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
"""


def test_invoices_become_purchases_and_returns_in_pence_at_the_shops_time(bare: Cloud, tmp_path: Path) -> None:
    path = tmp_path / "invoices.csv"
    path.write_text(INVOICES)
    taken = taking.take(bare.engine, path, OnlineRetailFile(), Dialect(), NOW, SILENT)
    assert taken == Taken(rows=6, stored=2, duplicates=0, rejected=4)
    rows = {row["kind"]: row for row in bare.rows(tables.interactions)}
    london = ZoneInfo("Europe/London")
    assert (rows["purchase"]["quantity"], rows["purchase"]["price_minor"]) == (6, 255)
    assert rows["purchase"]["at"] == datetime(2010, 12, 1, 8, 26, tzinfo=london)
    assert (rows["return"]["quantity"], rows["return"]["at"]) == (1, datetime(2011, 7, 1, 8, 26, tzinfo=london))
    told = [row["rejected_reason"].partition(" ")[0] for row in rejected(path)]
    assert told == ["CustomerID", "StockCode", "UnitPrice", "quantity"]


def data(*names: str) -> Path:
    folder = os.environ.get("AIRCUE_DATA")
    if not folder:
        pytest.skip("AIRCUE_DATA is not set; point it at the data sets of docs/data-sets.md")
    return Path(folder).joinpath(*names)


def test_real_invoices_are_taken_in(bare: Cloud, tmp_path: Path) -> None:
    """The first 6,000 lines of UCI Online Retail, held against a count made here."""
    with gzip.open(data("online_retail", "invoices.csv.gz"), "rt", encoding="utf-8", newline="") as file:
        lines = [next(file) for _ in range(6001)]
    path = tmp_path / "invoices.csv"
    path.write_text("".join(lines), newline="")
    known = [row for row in csv.DictReader(lines) if row["CustomerID"] and row["StockCode"][:5].isdigit()]
    taken = taking.take(bare.engine, path, OnlineRetailFile(), Dialect(), NOW, SILENT)
    assert taken.stored == len(known)
    assert taken.rejected == 6000 - len(known)
    stored = bare.rows(tables.interactions)
    assert sum(row["quantity"] for row in stored) == sum(abs(int(row["Quantity"])) for row in known)


SENSOR = "node,quantity,measured_at,value"


def take_readings(cloud: Cloud, path: Path, site: str | None = "home-9") -> Taken:
    with cloud.app.app_context():
        return readings.take(services().intake, services().layers, path, site, Dialect(), SILENT)


def test_readings_are_sealed_and_every_one_knows_its_batch(cloud: Cloud, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"{SENSOR},unit",
        "attic,temperature,2026-01-11 17:00:00,68.9,°F",
        "attic,humidity,2026-01-11T17:00:00Z,47.596,",
        "attic,humidity,2026-01-11T17:10:00Z,130,",
        "attic,humidity,2026-01-11T17:00:00Z,47.6,",
        "attic,humidity,2026-01-11T17:00:00Z,52,",
        "attic,loudness,2026-01-11T17:00:00Z,52,",
        "attic,humidity,2026-01-11T17:20:00Z,wet,",
        "attic,temperature,2026-01-11T17:20:00Z,20,ppm",
        "an attic,temperature,2026-01-11T17:20:00Z,20,",
        "attic,humidity,2027-01-11T17:00:00Z,52,",
    )
    assert take_readings(cloud, path) == Taken(rows=10, stored=3, duplicates=1, rejected=6)
    rows = {(row["quantity"], row["measured_at"]): row for row in cloud.get("readings")["rows"]}
    at = "2026-01-11T17:00:00.000+00:00"
    assert rows["temperature", at]["value"] == 20.5
    assert (rows["humidity", at]["value"], rows["humidity", at]["site"]) == (47.6, "home-9")
    assert rows["humidity", "2026-01-11T17:10:00.000+00:00"]["flag"] == "RANGE"
    assert {row["batch"] for row in rows.values()} <= {batch["id"] for batch in cloud.rows(tables.batches)}
    reasons = [row["rejected_reason"].partition(" ")[0] for row in rejected(path)]
    assert reasons == ["line", "quantity", "value", "unit", "node", "measured_at"]


def test_readings_taken_in_again_or_from_a_longer_file_are_there_once(cloud: Cloud, tmp_path: Path) -> None:
    rows = [f"attic,humidity,2026-01-11T{hour:02}:00:00Z,{50 + hour}" for hour in range(24)]
    assert take_readings(cloud, written(tmp_path, SENSOR, *rows[:20])).stored == 20
    assert take_readings(cloud, written(tmp_path, SENSOR, *rows[:20])) == Taken(
        rows=20, stored=0, duplicates=20, rejected=0
    )
    assert take_readings(cloud, written(tmp_path, SENSOR, *rows)) == Taken(rows=24, stored=4, duplicates=20, rejected=0)
    assert len(cloud.get("readings")["rows"]) == 24
    assert cloud.rows(tables.delivered) == []  # else a row for each moment


def test_a_batch_that_says_a_moment_twice_says_it_once(cloud: Cloud) -> None:
    """Both in the batch itself and in another one that the same turn takes up; the first to arrive holds."""
    one = sample(0, [50], [100])
    at = replace(one, sequence=one.measured_at_ms)
    groups = replace(humidity([]), installation=NOBODYS, samples=(at, replace(at, values=(6000,))))
    for sequence in (1, 2):
        cloud.services.intake.take("gw-1", encode(batch(groups, sequence=sequence)))
    assert [row["value"] for row in cloud.readings()] == [5000]
    assert [row["duplicates"] for row in cloud.rows(tables.batches)] == [1, 2]


@pytest.mark.parametrize("step", ["read", "sealed"])
def test_an_import_of_readings_that_is_cut_short_stores_nothing(cloud: Cloud, tmp_path: Path, step: str) -> None:
    """Cut by an error after the second of three batches lies in the base layer; the next run stores them all."""
    rows = [f"room{number % 3},humidity,{1_763_000_000 + 60 * number},50" for number in range(300)]
    path = written(tmp_path, SENSOR, *rows)

    class Cut(Exception):
        pass

    class Cutting(Progress):
        def add(self, count: int) -> None:
            if self._what == step and self._count >= 100:
                raise Cut
            super().add(count)

    with cloud.app.app_context(), pytest.raises(Cut):
        readings.take(services().intake, services().layers, path, "home-9", Dialect(), Cutting(lambda _line: None))
    assert cloud.get("readings")["rows"] == []
    assert cloud.rows(tables.batches) == []
    assert take_readings(cloud, path) == Taken(rows=300, stored=300, duplicates=0, rejected=0)


def test_what_changes_while_an_import_is_compared_is_compared_again(cloud: Cloud, tmp_path: Path) -> None:
    """Somebody sends one of its events, and another is there with other content, after the rows were compared."""
    path = written(
        tmp_path,
        "id,person,product,kind,at",
        *(f"e-{number},ada-1,salt,click,2026-11-20T10:0{number}:00Z" for number in range(3)),
    )

    class Meanwhile(Progress):
        def end(self) -> None:
            if self._what == "compared" and not events(cloud):
                for id_, product in (("e-0", "salt"), ("e-1", "drymax")):
                    event = {"id": id_, "kind": "click", "person": "ada-1", "product": product}
                    at = {"at": f"2026-11-20T10:0{id_[-1]}:00Z"}
                    assert cloud.app.test_client().post("/api/v1/events", json=event | at).status_code == 201
            super().end()

    taken = taking.take(cloud.engine, path, InteractionsFile(), Dialect(), NOW, Meanwhile(lambda _line: None))
    assert taken == Taken(rows=3, stored=1, duplicates=1, rejected=1)
    assert [row["id"] for row in rejected(path)] == ["e-1"]
    assert len(events(cloud)) == 3


def test_what_changes_under_every_comparison_ends_the_import_with_nothing_stored(cloud: Cloud, tmp_path: Path) -> None:
    path = written(tmp_path, "id,person,product,kind,at", *(f"e-{n},ada-1,salt,click,2026-11-20" for n in range(9)))

    class Always(Progress):
        def end(self) -> None:
            if self._what == "compared":
                at = {"at": "2026-11-20T00:00:00Z", "id": f"e-{len(events(cloud))}"}
                event = {"kind": "click", "person": "ada-1", "product": "salt"}
                assert cloud.app.test_client().post("/api/v1/events", json=event | at).status_code == 201
            super().end()

    with pytest.raises(CommandError, match="changed under the import 5 times"):
        taking.take(cloud.engine, path, InteractionsFile(), Dialect(), NOW, Always(lambda _line: None))
    assert len(events(cloud)) == 5


def test_others_write_while_an_import_is_compared(cloud: Cloud, tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, CLICK)
    done = []

    class Meanwhile(Progress):
        def add(self, count: int) -> None:
            if self._what in ("read", "compared"):
                household = {"name": self._what}
                answer = cloud.app.test_client().put(f"/api/v1/households/{self._what}", json=household)
                done.append(answer.status_code)
            super().add(count)

    taking.take(cloud.engine, path, InteractionsFile(), Dialect(), NOW, Meanwhile(lambda _line: None))
    assert done == [201, 201]


def test_dampness_of_last_winter_makes_no_offer(cloud: Cloud, tmp_path: Path) -> None:
    rows = [f"bathroom,humidity,{1_763_000_000 + 60 * number},90" for number in range(120)]
    take_readings(cloud, written(tmp_path, SENSOR, *rows), "home-1")
    assert cloud.get("households/ada/inbox") == {"pushes": []}
    assert len(cloud.get("readings")["rows"]) == 120


def test_progress_is_told_once_a_second_with_its_speed() -> None:
    said: list[str] = []
    clock = iter([0.0, 0.0, 0.5, 1.0, 1.5, 2.0])
    progress = Progress(said.append, lambda: next(clock))
    progress.begin("read")
    for _ in range(3):
        progress.add(500)
    progress.end()
    assert said == ["import: read 1,000 rows, 1,000 rows/s", "import: read 1,500 rows, 750 rows/s"]


def test_nodes_of_one_name_in_two_homes_are_two(cloud: Cloud, tmp_path: Path) -> None:
    at = "2026-01-11T17:00:00Z"
    rows = (f"home-1,kitchen,humidity,{at},50", f"home-2,kitchen,humidity,{at},60")
    assert take_readings(cloud, written(tmp_path, f"site,{SENSOR}", *rows)).stored == 2
    assert {(row["site"], row["value"]) for row in cloud.get("readings")["rows"]} == {("home-1", 50), ("home-2", 60)}


def test_a_second_file_may_bring_another_quantity_of_the_same_moment(cloud: Cloud, tmp_path: Path) -> None:
    at = "2026-01-11T17:00:00Z"
    assert take_readings(cloud, written(tmp_path, SENSOR, f"attic,humidity,{at},50")).stored == 1
    both = (f"attic,humidity,{at},50", f"attic,temperature,{at},21")
    assert take_readings(cloud, written(tmp_path, SENSOR, *both)) == Taken(rows=2, stored=1, duplicates=1, rejected=0)
    assert {row["quantity"] for row in cloud.get("readings")["rows"]} == {"humidity", "temperature"}
