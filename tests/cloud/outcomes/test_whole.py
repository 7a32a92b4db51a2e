"""The effect of the whole: the study's arithmetic month by month, its labels, and what is not told."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from tests.cloud.conftest import bare_cloud
from tests.cloud.web import shop

from aircue_cloud.cli import main
from aircue_cloud.outcomes import whole
from aircue_cloud.outcomes.attribution import Order, Push
from aircue_cloud.outcomes.observed import Record
from aircue_cloud.outcomes.whole import Costs, Untold, Whole

UTC_ZONE = ZoneInfo("UTC")
FREE = Costs(margin=None, per_send=0.0, fixed=0.0)
# The study's monthly sales and returns in percent.
BEFORE = [
    2159077.113, 2295660.042, 1890403.191, 1969012.071, 1998069.282, 2212839.972,
    2073028.464, 2107139.103, 2135073.33, 2091417.327, 2122860.879, 2172693.294,
]  # fmt: skip
AFTER = [
    2374970.787, 2524608.405, 1909353.546, 2165955.39, 2038075.587, 2412029.259,
    2300994.216, 2338894.926, 2348580.663, 2258741.943, 2377637.874, 2389990.698,
]  # fmt: skip
BEGAN = datetime(2025, 6, 10, tzinfo=UTC)
LATER = datetime(2026, 7, 1, tzinfo=UTC)


def middle(month: int) -> datetime:
    """Of the month so many after the first push's."""
    number = BEGAN.year * 12 + BEGAN.month - 1 + month
    return datetime(number // 12, number % 12 + 1, 15, tzinfo=UTC)


def order(at: datetime, amount: float) -> Order:
    return Order(household="h", person="p", product="fan", category="fan", at=at, amount=round(amount * 1000))


def record(before: list[float], after: list[float], sends: list[datetime]) -> Record:
    orders = [order(middle(number - len(before)), amount) for number, amount in enumerate(before)]
    orders += [order(middle(number + 1), amount) for number, amount in enumerate(after)]
    orders += [order(middle(-len(before) - 1), 5.0), order(BEGAN, 9e9)]  # in neither side
    pushes = [Push(id=f"p{at}", household="h", need="heat", category="fan", delivered_at=at) for at in (BEGAN, *sends)]
    return Record(entries=[], orders=orders, pushes=pushes, sent={("h", "heat"): [BEGAN, *sends]}, currency="KWD")


def compared(found: Record, costs: Costs = FREE, now: datetime = LATER) -> Whole:
    made = whole.whole(found, costs, UTC_ZONE, now)
    assert isinstance(made, Whole)
    return made


def test_the_studys_twelve_months_give_its_figures() -> None:
    found = compared(record(BEFORE, AFTER[1:] + AFTER[:1], []))  # from June on before, from July on after
    assert len(found.pairs) == 12
    assert round(found.mean_of_ratios or 0, 4) == 0.0866
    assert round(found.ratio_of_sums, 4) == 0.0877
    assert [one.month.month for one in found.pairs] == [one.against.month for one in found.pairs]
    assert (found.mean_roi, found.roi_of_sums, found.label) == (None, None, "before/after, not causal")


def test_the_return_of_a_month_is_what_its_margin_left_over_its_cost() -> None:
    sends = [middle(1), middle(1), middle(2)]
    costs = Costs(margin=0.5, per_send=1_000.0, fixed=8_000.0)
    found = compared(record([100.0, 100.0], [129.0, 109.0], sends), costs, now=middle(3))
    # Each month: half of 29 and 9 thousand more, less 10 and 9 thousand.
    assert [(one.sends, one.cost) for one in found.pairs] == [(2, 10_000.0), (1, 9_000.0)]
    assert [one.roi for one in found.pairs] == [pytest.approx(0.45), pytest.approx(-0.5)]
    assert found.mean_roi == pytest.approx(-0.025)
    assert found.roi_of_sums == pytest.approx((19_000 - 19_000) / 19_000)


def test_a_month_without_a_cost_leaves_no_mean_of_the_returns() -> None:
    found = compared(
        record([100.0, 100.0], [100.0, 100.0], [middle(1)]), Costs(margin=0.5, per_send=1.0, fixed=0.0), middle(3)
    )
    assert [one.roi for one in found.pairs] == [-1.0, None]
    assert (found.mean_roi, found.roi_of_sums) == (None, -1.0)


def test_an_empty_month_before_has_no_ratio_and_the_sums_have() -> None:
    found = compared(record([0.0, 100.0], [50.0, 100.0], []), now=middle(3))
    assert (found.pairs[0].change, found.mean_of_ratios, found.ratio_of_sums) == (None, None, 0.5)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (record([1.0, 1.0], [1.0], []), "it takes 2 whole months"),
        (record([1.0], [1.0, 1.0], []), "it takes 2 whole months"),
        (record([0.0, 0.0], [1.0, 1.0], []), "nothing was sold in the months before"),
        (replace(record([1.0, 1.0], [1.0, 1.0], []), pushes=[]), "no push was sent yet"),
    ],
)
def test_what_cannot_be_compared_says_why(found: Record, why: str) -> None:
    now = middle(2) if "whole months" in why and len(found.orders) == 5 else middle(3)
    made = whole.whole(found, FREE, UTC_ZONE, now)
    assert isinstance(made, Untold)
    assert why in made.why
    assert list(whole.told(made)) == [f"before and after: not told, {made.why}"]


def test_every_figure_in_words_carries_its_label() -> None:
    lines = list(whole.told(compared(record(BEFORE, AFTER, []))))
    figures = [line for line in lines if line.startswith(("mean", "ratio", "ROI"))]
    assert len(figures) == 4
    assert all("before/after, not causal" in line for line in figures)


def test_the_command_tells_both_kinds_of_figure_and_draws_them(tmp_path: Path) -> None:
    cloud = bare_cloud(tmp_path / "data")
    shop.fill(cloud.engine, now=datetime.now(UTC))
    cloud.engine.dispose()
    config = tmp_path / "cloud.toml"
    database = f'database_url = "{cloud.database_url}"\n' if cloud.database_url else ""
    config.write_text(f'data_dir = "{tmp_path / "data"}"\n{database}')
    out, plot = tmp_path / "out.json", tmp_path / "plot.png"
    line = ["outcomes", "whole", "--margin", "0.3", "--per-send", "40", "--fixed-cost", "100000"]
    ran = CliRunner().invoke(main, [*line, "--plot", str(plot), "--json", str(out), "--config", str(config)])
    assert ran.exit_code == 0, ran.output
    assert "before/after, not causal" in ran.output
    assert "global, a household" in ran.output
    found = json.loads(out.read_text())
    assert len(found["before_after"]["pairs"]) >= 2
    assert all(one["roi"] is not None for one in found["before_after"]["pairs"])
    assert found["experiments"][0]["experiment"] == "global"
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_api_tells_the_same(tmp_path: Path) -> None:
    cloud = bare_cloud(tmp_path / "data")
    assert cloud.app.test_client().get("/api/v1/reports/effect").status_code == 400  # nothing was bought yet
    shop.fill(cloud.engine)
    found = cloud.get("reports/effect?margin=0.3&per_send=40&fixed=100000")
    assert (found["label"], found["untold"], found["currency"]) == ("before/after, not causal", None, "EUR")
    assert all(pair["roi"] is not None for pair in found["pairs"])
    assert found["randomised"]["experiment"] == "global"
    wrong = cloud.app.test_client().get("/api/v1/reports/effect?margin=nan")
    assert wrong.status_code == 400
    assert "query parameter margin is 'nan', expected a number from 0 to 1" in wrong.text
    cloud.engine.dispose()
