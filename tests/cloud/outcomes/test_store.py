"""The store's own experiments, on a database that was made up: assignments that stay, the report, the lifts."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, insert
from tests.cloud.conftest import new_database
from tests.cloud.stage import NOW, product

from aircue_cloud import db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.outcomes import command, enrolment, observed, report
from aircue_cloud.outcomes.assignment import GLOBAL, HOLDOUT, TREATMENT, Assigned, arm, need_experiment
from aircue_cloud.outcomes.report import Reported, Terms

NEED = "damp-air"
DAY = timedelta(days=1)
HOMES = 900
RATES = {TREATMENT: 0.5, HOLDOUT: 0.2}  # of those who buy a dehumidifier in the four weeks


def _store(folder: Path) -> Engine:
    made = db.open_database(new_database() or db.sqlite_url(str(folder / "store.db")))
    with db.writing(made) as connection:
        connection.execute(insert(tables.products), [product("drymax", "dehumidifier"), product("lamp", "lighting")])
    return made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty store with two products."""
    made = _store(tmp_path)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """What was made up, for tests that change nothing in it."""
    made = _store(tmp_path_factory.mktemp("filled"))
    fill(made)
    yield made
    made.dispose()


def add(engine: Engine, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        with db.writing(engine) as connection:
            connection.execute(insert(table), rows)


def home(number: int) -> str:
    return f"home-{number:04d}"


def assigned(household: str, experiment: str, holdout: float) -> Assigned:
    return Assigned(arm=arm(household, experiment, holdout), holdout=holdout)


def arm_of(number: int) -> str:
    """What the household gets about the need."""
    both = (arm(home(number), GLOBAL, 0.3), arm(home(number), need_experiment(NEED), 0.3))
    return HOLDOUT if HOLDOUT in both else TREATMENT


def fill(engine: Engine, homes: int = HOMES, entered: datetime = NOW - 40 * DAY) -> None:
    """Made up: every home has a damp bathroom at one time, half of the treated and a fifth of the others then buy."""
    random = np.random.default_rng(1)
    numbers = range(homes)
    add(engine, tables.households, [{"id": home(n), "name": home(n)} for n in numbers])
    add(engine, tables.people, [{"id": f"{home(n)}-1", "household": home(n), "name": "A"} for n in numbers])
    add(engine, tables.sites, [{"id": f"site-{n}", "household": home(n), "tz": "UTC"} for n in numbers])
    add(engine, tables.episodes, [_episode(n, entered) for n in numbers])
    sent = [n for n in numbers if arm_of(n) == TREATMENT]
    add(engine, tables.decisions, [_decision(n, entered, sent=arm_of(n) == TREATMENT) for n in numbers])
    add(engine, tables.pushes, [_push(n, entered) for n in sent])
    before = [_purchase(n, entered - 10 * DAY, "lamp") for n in numbers if random.random() < 0.5]
    after = [_purchase(n, entered + 2 * DAY) for n in numbers if random.random() < RATES[arm_of(n)]]
    add(engine, tables.interactions, before + after)


def _episode(number: int, at: datetime) -> dict[str, Any]:
    confirmed = {"confirmed_installation": 1, "confirmed_boot": 1, "confirmed_sequence": 1}
    times = {"started_at": at, "confirmed_at": at, "ended_at": at + DAY}
    where = {"site": f"site-{number}", "node": "bathroom", "quantity": "humidity"}
    return {"id": f"e{number}", "need": NEED, "peak": 90.0, "open": False, **where, **times, **confirmed}


def _decision(number: int, at: datetime, *, sent: bool) -> dict[str, Any]:
    said = {"outcome": "send" if sent else "ghost", "reason": "made up", "trace": {}}
    more = {"kind": "marketing", "product": "drymax", "category": "dehumidifier"}
    return {"episode": f"e{number}", "household": home(number), "need": NEED, "at": at, **said, **more}


def _push(number: int, at: datetime) -> dict[str, Any]:
    text = {"title": "t", "text": "t", "reason": "r", "trigger": {}}
    what = {"need": NEED, "episode": f"e{number}", "product": "drymax", "category": "dehumidifier"}
    return {"id": f"p{number}", "household": home(number), "created_at": at, **what, **text}


def _purchase(number: int, at: datetime, bought: str = "drymax", kind: str = "purchase") -> dict[str, Any]:
    price = {"price_minor": 10_000, "currency": "EUR", "quantity": 1}
    return {"person": f"{home(number)}-1", "product": bought, "kind": kind, "weight": 8.0, "at": at, **price}


def reported(engine: Engine, **terms: Any) -> list[Reported]:
    asked = Terms(now=NOW, holdout=0.3, need_holdout=0.3, margin=0.3, per_send=5.0, **terms)
    with db.reading(engine) as connection:
        found = observed.record(connection, None, NOW)
        shares = {GLOBAL: asked.holdout, need_experiment(NEED): asked.need_holdout}
        return report.report(found, lambda name, homes: enrolment.arms(connection, name, homes, shares[name]), asked)


def test_the_report_finds_what_was_made_up(filled: Engine) -> None:
    """Three tenths more homes buy for 10,000: the need's effect. Globally the needs' own holdout thins it to 0.7 of
    that."""
    found = {one.experiment: one for one in reported(filled)}
    assert list(found) == [GLOBAL, need_experiment(NEED)]
    for name, truth in ((GLOBAL, 3000 * 0.7), (need_experiment(NEED), 3000)):
        told = found[name].analysis
        assert told is not None
        assert told.effect is not None
        assert told.effect.uplift.difference.low < truth < told.effect.uplift.difference.high
        assert told.effect.uplift.significant


def test_the_global_experiment_holds_everybody_and_a_needs_own_only_who_is_in_the_programme(filled: Engine) -> None:
    everybody, need = reported(filled)
    inside = {home(n) for n in range(HOMES) if arm(home(n), GLOBAL, 0.3) == TREATMENT}
    assert everybody.groups == (inside, {home(n) for n in range(HOMES)} - inside)
    assert need.groups[0] == {home(n) for n in range(HOMES) if arm_of(n) == TREATMENT}
    assert need.groups[0] | need.groups[1] == inside


def test_costs_and_what_followed_pushes_stand_beside_it(filled: Engine) -> None:
    _, need = reported(filled, fixed=1000.0)
    sent = sum(arm_of(n) == TREATMENT for n in range(HOMES))
    assert need.ledger is not None
    assert (need.ledger.sends, need.ledger.total) == (sent, sent * 5.0)
    assert need.associated is not None
    assert need.associated.orders is not None
    assert need.associated.label == "associated"
    assert need.associated.revenue == need.associated.orders * 10_000
    assert need.associated.orders == pytest.approx(sent * 0.5, rel=0.15)
    assert need.level_label == "before/after, not causal"
    assert need.analysis is not None
    assert need.analysis.effect is not None
    assert need.analysis.effect.iroi is not None
    assert need.analysis.effect.iroi.iroi.value == pytest.approx(0.3 * 3000 / 5 - 1, rel=0.3)


def test_a_click_belongs_to_the_push_it_names_or_else_to_the_latest_of_its_product(engine: Engine) -> None:
    fill(engine, homes=60)
    sent = [n for n in range(60) if arm_of(n) == TREATMENT][:2]
    clicked = {"kind": "click", "weight": 1.0, "product": "drymax", "pushed": True}
    rows = [{**clicked, "person": f"{home(n)}-1", "at": NOW - 39 * DAY} for n in sent]
    add(engine, tables.interactions, [{**rows[0], "push": f"p{sent[1]}"}, {**rows[1], "push": None}])
    with db.reading(engine) as connection:
        clicks = {one.id: len(one.clicks) for one in observed.record(connection, None, NOW).pushes}
    assert (clicks[f"p{sent[0]}"], clicks[f"p{sent[1]}"]) == (0, 2)


def test_refunds_take_the_effect_back(engine: Engine) -> None:
    fill(engine)
    with db.reading(engine) as connection:
        bought = observed.record(connection, None, NOW).orders
    back = [_purchase(int(one.household[5:]), one.at + DAY, kind="return") for one in bought if one.product == "drymax"]
    add(engine, tables.interactions, back)
    _, need = reported(engine)
    assert need.analysis is not None
    assert need.analysis.effect is not None
    assert need.analysis.effect.uplift.raw == 0.0


def test_few_households_are_not_told_of(engine: Engine) -> None:
    fill(engine, homes=60)
    assert {one.hidden for one in reported(engine)} == {"fewer than 20 households in an arm whose span is over"}


def test_a_span_that_is_not_over_is_waited_for(engine: Engine) -> None:
    fill(engine, homes=300, entered=NOW - 27 * DAY)
    assert all(one.hidden for one in reported(engine))
    assert all(one.hidden is None for one in reported(engine, window=27 * DAY))


def test_two_figures_that_tell_of_few_by_their_difference_are_not_both_told(engine: Engine) -> None:
    """All homes but three have a second need as well."""
    fill(engine)
    spared = [n for n in range(HOMES) if arm_of(n) == TREATMENT][:3]
    others = [n for n in range(HOMES) if n not in spared]
    rows = [{**_decision(n, NOW - 39 * DAY, sent=arm_of(n) == TREATMENT), "need": "mould"} for n in others]
    add(engine, tables.decisions, rows)
    asked = Terms(now=NOW, holdout=0.3, need_holdout=0.3)
    with db.reading(engine) as connection:
        found = observed.record(connection, None, NOW)
        same = need_experiment(NEED)  # of both needs, so that their arms differ by those three
        told = report.report(
            found,
            lambda name, homes: {one: assigned(one, GLOBAL if name == GLOBAL else same, 0.3) for one in homes},
            asked,
        )
    assert [one.hidden for one in told] == [None, None, "beside the others it would tell of fewer than 20"]


def test_after_a_change_of_the_share_only_who_came_in_under_one_is_compared(engine: Engine) -> None:
    """A hundred came in when half were held out."""
    fill(engine)
    with db.writing(engine) as connection:
        enrolment.shares(connection, [home(n) for n in range(100)], {GLOBAL: 0.5}, NOW - 50 * DAY)
        enrolment.shares(connection, [home(n) for n in range(HOMES)], {GLOBAL: 0.3}, NOW - 40 * DAY)
    everybody, _ = reported(engine)
    assert everybody.left_out == 100
    assert everybody.groups[0] | everybody.groups[1] == {home(n) for n in range(100, HOMES)}
    assert everybody.analysis is not None
    assert everybody.analysis.split.expected == 0.7
    assert not everybody.analysis.split.broken


# Assignments that stay.


def test_an_assignment_outlives_a_change_of_the_share(engine: Engine) -> None:
    add(engine, tables.households, [{"id": home(n), "name": home(n)} for n in range(300)])
    names, late = [home(n) for n in range(200)], home(250)
    with db.writing(engine) as connection:
        first = enrolment.shares(connection, names, {GLOBAL: 0.5}, NOW)
        later = enrolment.shares(connection, [*names, late], {GLOBAL: 0.05, "need:heat": 0.1}, NOW + DAY)
        written = enrolment.arms(connection, GLOBAL, names, 0.05)
    assert first == {(GLOBAL, one): 0.5 for one in names}
    assert later == {**first, (GLOBAL, late): 0.05, **{("need:heat", one): 0.1 for one in [*names, late]}}
    assert written == {one: assigned(one, GLOBAL, 0.5) for one in names}
    assert HOLDOUT in {one.arm for one in written.values()}


def test_who_was_never_written_down_is_as_the_hash_has_it(engine: Engine) -> None:
    with db.reading(engine) as connection:
        found = enrolment.arms(connection, GLOBAL, ["x", "y"], 1.0)
    assert found == {one: Assigned(arm=HOLDOUT, holdout=1.0) for one in ("x", "y")}


# The commands.


def _run(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.setattr(command, "now", lambda: NOW)
    monkeypatch.setattr(command, "database", lambda _: _Opened(engine))
    config = tmp_path / "cloud.toml"
    config.write_text("holdout = 0.3\nneed_holdout = 0.3\n", encoding="utf-8")
    out = ("--json", str(tmp_path / "out.json"))
    result = CliRunner().invoke(command.outcomes, [*words, *out, "--config", str(config)])
    assert result.exit_code == 0, result.output
    return result.stdout, json.loads((tmp_path / "out.json").read_text())


class _Opened:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Engine:
        return self._engine

    def __exit__(self, *_: object) -> None: ...


def test_the_report_as_lines_and_json_names_nobody(
    filled: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, found = _run(filled, tmp_path, monkeypatch, "report", "--margin", "0.3", "--per-send", "5")
    assert "need:damp-air" in text
    assert "associated" in text
    assert "before/after, not causal" in text
    assert [one["experiment"] for one in found["experiments"]] == [GLOBAL, need_experiment(NEED)]
    assert "home-0" not in text + json.dumps(found)


def test_lifts_stand_on_the_randomised_comparison_where_there_is_one(
    filled: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bought by half and by a fifth: the true ratio is 2.5. No home had dry air."""
    text, found = _run(filled, tmp_path, monkeypatch, "lifts")
    lifts = {(one["need"], one["category"]): one for one in found["lifts"]}
    damp = lifts[NEED, "dehumidifier"]
    assert (damp["on"], damp["prior"]) == ("randomised", 2.0)
    assert damp["posterior"]["low"] < 2.5 < damp["posterior"]["high"]
    dry = lifts["dry-air", "humidifier"]
    assert (dry["on"], dry["observed"], dry["posterior"]["value"]) == ("rule", None, pytest.approx(dry["prior"]))
    assert "held out" in text


def test_an_empty_store_says_so(engine: Engine) -> None:
    with db.reading(engine) as connection, pytest.raises(CommandError, match="nothing was bought yet"):
        observed.record(connection, None, NOW)


def test_purchases_in_two_currencies_are_not_added_up(engine: Engine) -> None:
    fill(engine, homes=2)
    add(
        engine,
        tables.interactions,
        [{**_purchase(0, NOW - DAY), "currency": c, "price_minor": 1} for c in ("SEK", "EUR")],
    )
    with db.reading(engine) as connection:
        with pytest.raises(CommandError, match="EUR, SEK: say which"):
            observed.record(connection, None, NOW)
        assert {one.amount for one in observed.record(connection, "SEK", NOW).orders} == {1}
