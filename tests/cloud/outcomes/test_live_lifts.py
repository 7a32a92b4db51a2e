"""The closed loop on a real database with simulated homes: live decisions learn true lifts and act on them."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, select
from tests.cloud.conftest import new_database

from aircue_cloud import db, tables
from aircue_cloud.cli import main
from aircue_cloud.decision import why
from aircue_cloud.needs import needs
from aircue_cloud.outcomes import learnt, lifts
from aircue_cloud.outcomes.learned_lift import Comparing
from aircue_cloud.outcomes.learning import Learning
from aircue_cloud.outcomes.pooled_lift import Offered
from aircue_cloud.outcomes.rate_ratio import Comparison
from aircue_cloud.outcomes.report import Terms as Spans
from aircue_cloud.outcomes.simulation import live
from aircue_cloud.outcomes.simulation.live import Terms

NEED = needs.load().by_name["damp-air"]
# The rules say 2.0, 1.5 and 1.3: they are wrong about the first two.
TRUE = {"dehumidifier": 1.0, "dryer": 3.0, "moisture-absorber": 1.3}
TERMS = Terms(need=NEED, lifts=TRUE)


def opened(folder: Path) -> Engine:
    return db.open_database(new_database() or db.sqlite_url(str(folder / "store.db")))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, list[live.Wave]]]:
    engine = opened(tmp_path_factory.mktemp("live"))
    yield engine, live.run(engine, TERMS)
    engine.dispose()


def test_what_is_learnt_of_simulated_homes_recovers_the_true_lifts(played: tuple[Engine, list[live.Wave]]) -> None:
    """From trust in a rule that is worth thirty purchases; the category that pushes do nothing for is found out too."""
    found = {one.category: one for one in live.found(played[0], TERMS)}
    for category in ("dehumidifier", "dryer"):
        one = found[category]
        assert one.source == "randomised"
        assert abs(one.mean - TRUE[category]) < abs(one.prior - TRUE[category]) / 2
    assert found["dehumidifier"].low < 1.3 < found["dehumidifier"].prior
    assert found["dryer"].high > 2.5 > found["dryer"].prior


def test_live_decisions_move_to_the_category_that_pushes_help(played: tuple[Engine, list[live.Wave]]) -> None:
    first, *_, last = played[1]
    assert first.version is None
    assert first.share("dehumidifier") > first.share("dryer")
    assert last.version is not None
    assert last.share("dryer") > 2 * last.share("dehumidifier")


def test_each_decision_keeps_what_it_was_told(played: tuple[Engine, list[live.Wave]]) -> None:
    table = tables.decisions.c
    with db.reading(played[0]) as connection:
        rows = connection.execute(select(tables.decisions).order_by(table.id)).mappings().all()
        stand = learnt.newest(connection)
    early, late = rows[0], dict(rows[-1])
    assert early["trace"]["lifts"]["version"] is None
    assert early["trace"]["lifts"]["categories"]["dryer"] == {"source": "prior", "prior": 1.5}
    kept = late["trace"]["lifts"]
    dryer = kept["categories"]["dryer"]
    assert (dryer["source"], dryer["prior"]) == ("randomised", 1.5)
    assert dryer["low"] < dryer["mean"] < dryer["high"]
    assert min(dryer["sent"], dryer["held"]) >= 20
    assert stand is not None
    assert stand.version is not None
    assert kept["version"] == stand.version - 1  # the last one was made after the last wave
    candidate = next(one for one in late["trace"]["candidates"] if one["category"] == "dryer")
    assert candidate["lift"] == pytest.approx(dryer["mean"])
    lines = " ".join(why.answer(late).lines)
    assert f"lift of dryer: the rule said x1.50; {dryer['sent_bought']} purchases" in lines


def test_where_pushes_change_nothing_nothing_is_made_of_it(tmp_path: Path) -> None:
    """All true lifts are 1, and every rule says more: what is learnt comes down to it, whatever was offered most."""
    engine = opened(tmp_path)
    null = Terms(need=NEED, lifts=dict.fromkeys(TRUE, 1.0), homes=200, waves=2)
    waves = live.run(engine, null)
    for one in live.found(engine, null):
        assert one.source == "randomised"
        assert abs(one.mean - 1.0) < (one.prior - 1.0) / 2 or one.low < 1.0 < one.high
    assert waves[-1].share("dehumidifier") < waves[0].share("dehumidifier")
    engine.dispose()


def test_where_the_rules_are_right_decisions_stay_as_they_were(tmp_path: Path) -> None:
    engine = opened(tmp_path)
    right = Terms(need=NEED, lifts=dict(NEED.remedies), homes=200, waves=2)
    first, last = live.run(engine, right)
    assert last.version is not None
    assert last.share("dehumidifier") == pytest.approx(first.share("dehumidifier"), abs=0.15)
    engine.dispose()


# Some households at a time.


def compared(engine: Engine, at_once: int) -> Mapping[Offered, Comparison]:
    terms = Spans(now=live.BEGIN + 4 * live.WAVE, holdout=0.0, need_holdout=TERMS.need_holdout)
    with db.reading(engine) as connection:
        return lifts.compared(connection, live.decided_about(NEED), terms, at_once)


def entered(waves: list[live.Wave]) -> int:
    """Homes that were offered something, or held out from it."""
    return sum(wave.offered.total() for wave in waves)


def test_however_few_households_are_looked_at_together_the_same_is_learnt(
    played: tuple[Engine, list[live.Wave]],
) -> None:
    engine, waves = played
    whole, homes = compared(engine, 10**9), entered(waves)
    assert sum(one.households + one.households_held for one in whole.values()) == homes
    assert sum(one.bought for one in whole.values()) > 0
    for at_once in (7, homes - 1, homes):
        assert compared(engine, at_once) == whole


def test_no_more_than_those_households_are_in_memory(
    played: tuple[Engine, list[live.Wave]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    add = Comparing.add

    def watched(self: Comparing, entered: Any, given: Any, orders: Any, terms: Any) -> None:
        seen.append((len(entered), len({order.household for order in orders})))
        add(self, entered, given, orders, terms)

    monkeypatch.setattr(Comparing, "add", watched)
    compared(played[0], 7)
    assert len(seen) == -(-entered(played[1]) // 7)
    assert max(homes for homes, _ in seen) == 7
    assert max(homes for _, homes in seen) <= 7


def test_the_share_that_most_came_in_under_is_that_of_all_of_them(tmp_path: Path) -> None:
    """A run of which most came in under another share changes nothing for the others."""
    engine = opened(tmp_path)
    live.run(engine, Terms(need=NEED, lifts=TRUE, homes=60, waves=1))
    given, home = tables.assignments.c, tables.assignments.c.household
    with db.writing(engine) as connection:
        homes = sorted(connection.execute(select(home).distinct()).scalars())
        early = (given.experiment == f"need:{NEED.name}", home.in_(homes[:12]))
        connection.execute(tables.assignments.update().where(*early).values(holdout=0.01))
    whole = compared(engine, 10**9)
    assert sum(one.households + one.households_held for one in whole.values()) == 60 - 12
    assert compared(engine, 10) == whole
    engine.dispose()


# Versions.


def test_a_version_is_made_when_it_is_due_and_none_where_nothing_changed(
    played: tuple[Engine, list[live.Wave]],
) -> None:
    engine, _ = played
    now = [live.BEGIN + 4 * live.WAVE]
    learning = Learning(
        engine,
        lambda: live.decided_about(NEED),
        lambda at: Spans(now=at, holdout=0.0, need_holdout=TERMS.need_holdout),
        lambda: now[0],
    )
    first = learning.look()
    assert first is not None
    now[0] += timedelta(minutes=14)
    assert learning.look() is None
    now[0] += timedelta(minutes=1)
    assert learning.look() == first  # nothing was decided or bought meanwhile
    with db.reading(engine) as connection:
        stand = learnt.newest(connection)
    assert stand is not None
    assert stand.version == first


def test_only_the_latest_versions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learnt, "VERSIONS", 3)
    engine = opened(tmp_path)
    channel = {"channel": "email", "received": 40, "turned_to": 4}
    document = {"lifts": [], "products": [], "channels": [channel]}
    rows = [{"as_of": live.BEGIN, "checked_at": live.BEGIN, "document": document} for _ in range(5)]
    with db.writing(engine) as connection:
        connection.execute(tables.learnt.insert(), rows)
    newest = learnt.refresh(engine, live.decided_about(NEED), Spans(now=live.BEGIN))
    with db.reading(engine) as connection:
        kept = connection.execute(select(tables.learnt.c.id).order_by(tables.learnt.c.id)).scalars().all()
    assert kept == [newest - 2, newest - 1, newest]
    engine.dispose()


def test_whoever_decides_sees_a_new_version_within_seconds_and_until_then_the_one_before(tmp_path: Path) -> None:
    engine = opened(tmp_path)
    live.run(engine, Terms(need=NEED, lifts=TRUE, homes=120, waves=1))
    eyes, now = learnt.Learnt(), live.BEGIN + 2 * live.WAVE
    with db.reading(engine) as connection:
        before = eyes.current(connection, now)
    with db.writing(engine) as connection:
        row = {"as_of": now, "checked_at": now, "document": {"lifts": [], "products": [], "channels": []}}
        connection.execute(tables.learnt.insert(), row)
    with db.reading(engine) as connection:
        assert eyes.current(connection, now + timedelta(seconds=4)) is before
        after = eyes.current(connection, now + timedelta(seconds=5))
    assert before.version is not None
    assert after.version == before.version + 1
    assert before.posterior(NEED.name, "dehumidifier", "simulated-dehumidifier") is not None
    assert after.posterior(NEED.name, "dehumidifier", "simulated-dehumidifier") is None
    engine.dispose()


def test_the_command_calls_every_line_simulated() -> None:
    result = CliRunner().invoke(main, ["outcomes", "simulate", "--live", "--homes", "30"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 3 + len(NEED.remedies)
    assert all(line.startswith("simulated: ") for line in lines)
