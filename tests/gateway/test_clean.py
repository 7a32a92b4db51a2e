"""`aircue-gateway clean`: traces in, flags and filtered values out; bad rows named, the rest goes on; small memory."""

import csv
import json
import tracemalloc
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aircue_gateway.cli import main
from aircue_gateway.config import CleaningConfig
from aircue_gateway.offline.clean import Options, Summary, cleaned
from aircue_gateway.offline.plot import Plot
from aircue_gateway.offline.trace import Bad, Reading, read

HEAD = "node,quantity,measured_at,value,unit\n"


def trace(folder: Path, values: list[str], every_s: int = 60, name: str = "trace.csv") -> Path:
    file = folder / name
    rows = [f"desk,temperature,{1_700_000_000 + every_s * n},{value},\n" for n, value in enumerate(values)]
    file.write_text(HEAD + "".join(rows))
    return file


def run(capsys: pytest.CaptureFixture[str], file: Path, out: Path, *more: str) -> tuple[int, dict[str, Any], str]:
    status = main(["clean", "--in", str(file), "--out", str(out), *more])
    said = capsys.readouterr()
    return status, json.loads(said.out.splitlines()[-1]) if said.out else {}, said.err


def rows(out: Path) -> list[dict[str, str]]:
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_trace_comes_out_row_by_row_with_its_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = ["21.0", "21.1"] * 10 + ["27.0", "21.0", "200", "", "21.1"]
    status, summary, _ = run(capsys, trace(tmp_path, values), tmp_path / "out.csv")
    found = rows(tmp_path / "out.csv")
    assert [row["flag"] for row in found] == ["OK"] * 20 + ["SPIKE", "OK", "RANGE", "GAP", "OK"]
    assert [row["filtered"] for row in found[-5:]] == ["", "21.0", "", "", "21.1"]
    assert [row["value"] for row in found[-5:]] == ["27.0", "21.0", "200.0", "", "21.1"]
    assert found[0]["measured_at"] == "2023-11-14T22:13:20.000+00:00"
    assert (status, summary["rows"], summary["bad"]) == (0, 25, [])
    assert summary["flags"] == {"GAP": 1, "OK": 22, "RANGE": 1, "SPIKE": 1}


def test_flags_are_written_as_they_stand_after_their_corrections(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, summary, _ = run(capsys, trace(tmp_path, ["21.0", "21.1"] * 10 + ["27.0"] * 6), tmp_path / "out.csv")
    assert summary["flags"] == {"OK": 26}
    assert [row["filtered"] for row in rows(tmp_path / "out.csv")[-6:]] == ["27.0"] * 6


def test_bad_rows_are_named_with_line_and_reason_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(
        HEAD + "desk,temperature,2024-01-01T00:00:00Z,70,F\n"
        "desk,noise,2024-01-01,1,\n"
        "desk,temperature,noon,20,\n"
        "desk,temperature,2024-01-01T00:01:00Z,warm,\n"
        "desk,temperature,2024-01-01T00:01:00Z,20,ppm\n"
        ",temperature,2024-01-01T00:01:00Z,20,\n"
        "desk,temperature,2024-01-01T00:02:00Z,294.15,K\n"
    )
    status, summary, error = run(capsys, file, tmp_path / "out.csv")
    assert status == 1
    assert [row["line"] for row in summary["bad"]] == [3, 4, 5, 6, 7]
    assert f"{file}: line 3: quantity = 'noise': expected one of temperature" in error
    assert "line 4: measured_at = 'noon': expected ISO 8601" in error
    assert "line 5: value = 'warm': expected a number" in error
    assert "line 6: expected a unit of temperature: cel" in error
    assert "line 7: node = ''" in error
    assert [round(float(row["value"]), 2) for row in rows(tmp_path / "out.csv")] == [21.11, 21.0]


@pytest.mark.parametrize("layout", ["array", "lines"])
def test_json_traces_are_read_and_written(tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]) -> None:
    objects = [
        {
            "node": "desk",
            "quantity": "co2",
            "measured_at": 1_700_000_000 + 60 * n,
            "value": None if n == 3 else 500.0 + n,
        }
        for n in range(2000)
    ]
    texts = [json.dumps(one) for one in objects]
    file, out = tmp_path / "trace.json", tmp_path / "out.jsonl"
    file.write_text("[\n" + ",\n".join(texts) + "\n]" if layout == "array" else "\n".join(texts))
    status, summary, _ = run(capsys, file, out)
    assert (status, summary["rows"], summary["flags"]["GAP"]) == (0, 2000, 1)
    assert json.loads(out.read_text().splitlines()[5])["value"] == 505.0


@pytest.mark.parametrize("text", ['[{"node": 1}, 5, {"node"', '{"node": \n[]\n7', "", "[", "{"])
def test_broken_json_is_bad_rows_and_no_crash(tmp_path: Path, text: str) -> None:
    file = tmp_path / "trace.json"
    file.write_text(text)
    assert all(isinstance(row, Bad) for row in read(file))


def test_what_is_no_trace_or_no_configuration_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    status, _, error = run(capsys, tmp_path / "other.csv", tmp_path / "out.csv")
    assert (status, "does not name node, quantity, measured_at, value" in error) == (1, True)
    status, _, error = run(capsys, tmp_path / "nothing.csv", tmp_path / "out.csv")
    assert (status, "nothing.csv" in error) == (1, True)
    good = trace(tmp_path, ["21"])
    assert "is the file that is read" in run(capsys, good, good)[2]
    assert "name it .svg" in run(capsys, good, tmp_path / "out.csv", "--plot", str(tmp_path / "p.png"))[2]
    (tmp_path / "c.toml").write_text("[cleaning.spike]\nk = 0\n")
    status, _, error = run(capsys, good, tmp_path / "out.csv", "--config", str(tmp_path / "c.toml"))
    assert (status, "cleaning.spike.k = 0" in error) == (2, True)


def test_the_configuration_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.toml").write_text('[cleaning]\nstages = ["range"]\n[cleaning.smoothing]\nmethod = "none"\n')
    file = trace(tmp_path, ["21.0", "21.1"] * 10 + ["27.0", "21.0"])
    _, summary, _ = run(capsys, file, tmp_path / "out.csv", "--config", str(tmp_path / "c.toml"))
    assert summary["flags"] == {"OK": 22}


def test_missing_rows_can_be_added_and_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trace.csv"
    times = [0, 60, 120, 300, 360, 4000]
    file.write_text(HEAD + "".join(f"desk,co2,{1_700_000_000 + at},{500 + at},\n" for at in times))
    _, summary, _ = run(capsys, file, tmp_path / "out.csv", "--fill")
    added = [row for row in rows(tmp_path / "out.csv") if row["flag"] in ("INTERPOLATED", "GAP")]
    assert [row["filtered"] for row in added[:2]] == ["680.0", "740.0"]
    assert {row["filtered"] for row in added[2:]} == {""}
    assert summary["flags"]["INTERPOLATED"] == 2


def test_a_flagged_reading_is_there_and_no_gap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = trace(tmp_path, ["21.0", "21.1"] * 10 + ["27.0", "27.5", "21.0", "21.1"])
    _, summary, _ = run(capsys, file, tmp_path / "out.csv", "--fill")
    assert (summary["added"], summary["flags"]) == (0, {"OK": 22, "SPIKE": 2})


def test_a_room_is_added_as_the_merged_value_of_its_nodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trace.csv"
    text = [
        f"{node},temperature,{1_700_000_000 + 60 * n},{value},\n"
        for n in range(5)
        for node, value in (("a", 20.0), ("b", 20.2), ("c", 30.0))
    ]
    file.write_text(HEAD + "".join(text))
    run(capsys, file, tmp_path / "out.csv", "--merge", "living")
    last = rows(tmp_path / "out.csv")[-1]
    assert (last["node"], last["flag"]) == ("living", "APART")
    assert float(last["filtered"]) == pytest.approx(20.1, abs=0.1)


def test_the_picture_shows_every_series_before_and_after(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = trace(tmp_path, ["21.0", "21.1"] * 10 + ["27.0", "21.0"])
    run(capsys, file, tmp_path / "out.csv", "--plot", str(tmp_path / "p.svg"))
    picture = ET.parse(tmp_path / "p.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f".//{space}polyline")) == 2
    assert len(picture.findall(f".//{space}circle")) == 1
    assert "desk, temperature" in [one.text for one in picture.iter(f"{space}text")]


def test_a_picture_of_a_long_trace_or_of_one_point_is_drawn_in_small_memory(tmp_path: Path) -> None:
    plot = Plot(tmp_path / "p.svg")
    for n in range(50_000):
        plot.add("desk", "co2", 1.7e9 + 30.0 * n, 500.0 + n % 7, "SPIKE" if n % 3 == 0 else "OK", 503.0)
    plot.add("attic", "co2", 1.7e9, None, "GAP", None)
    plot.save()
    assert (tmp_path / "p.svg").stat().st_size < 1_000_000
    ET.parse(tmp_path / "p.svg")


def test_a_long_trace_takes_no_more_memory_than_a_short_one() -> None:
    def readings(count: int) -> Iterator[Reading | Bad]:
        for n in range(count):
            yield Reading("desk", ("co2", "temperature")[n % 2], 1.7e9 + 5.0 * n, 500.0 if n % 2 == 0 else 21.0)

    def peak(count: int) -> int:
        tracemalloc.start()
        assert sum(1 for _ in cleaned(CleaningConfig(), readings(count), Summary(), Options())) == count
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(20_000) < peak(2000) + 50_000


def test_a_series_that_ends_on_a_spike_does_not_hold_the_others_back() -> None:
    start = [Reading("a", "co2", 1.7e9 + 60 * n, 500.0 + n % 2) for n in range(20)]
    spike = [Reading("a", "co2", 1.7e9 + 1200, 5000.0)]
    rest = [Reading("b", "co2", 1.7e9 + 60 * n, 500.0) for n in range(20, 6000)]
    found = list(cleaned(CleaningConfig(), iter([*start, *spike, *rest]), Summary(), Options()))
    assert len(found) == 6001
    assert found[20].flag == "SPIKE"
