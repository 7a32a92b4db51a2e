"""Why somebody got an offer or not: in words, from the record alone; by the command, by the API."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine
from tests.cloud.conftest import new_database
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity
from tests.cloud.town import NEEDS, PLAIN, Town

from aircue_cloud import db, tables
from aircue_cloud.cli import main
from aircue_cloud.decision import kill_switch, why
from aircue_cloud.decision.policy import GATES


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = db.open_database(new_database() or db.sqlite_url(str(tmp_path / "town.db")))
    yield made
    made.dispose()


@pytest.fixture
def town(engine: Engine) -> Town:
    made = Town(engine, settings=replace(PLAIN, quiet_hours="22:00-08:00"))
    made.home("ada", "ada-1")
    return made


def told(town: Town, person: str = "ada-1", push: str | None = None) -> list[str]:
    """The latest answer."""
    with db.reading(town.engine) as connection:
        found = why.of_person(connection, person, push)
    assert found is not None
    return list(found[0].lines) if found else []


def rule_of(town: Town) -> str:
    return str(town.decisions()[-1]["rules_version"])


def test_every_gate_that_was_passed_has_words() -> None:
    assert list(why.PASSED) == list(GATES)


def test_why_an_offer_came(town: Town) -> None:
    [push] = town.decide(town.episode("ada"))
    expected = f"""\
21 Nov 2026 12:00 UTC, damp-air in bathroom: Drymax was offered (in-app), good until 22 Nov 2026 11:59 UTC, because \
Drymax is the best remedy this household can use.
It was about: household ada, for ada-1. Need as shipped ({NEEDS.by_name["damp-air"].content}), rules \
{rule_of(town)}, model fixed.
  ok kill-switch: pushes are switched on
  ok linked: site ada-home is the home of household ada
  ok dedupe: this episode has had no push
  ok sensor: the sensor is sound and no window stands open
  ok consent: sensor data may be used for marketing (in-app)
  ok suppression: not stopped, switched off or put off
  ok audience: the need is for everybody
  ok conditions: nothing else is asked for
  ok eligible: 3 of 3 products can be offered
  ok rest: nothing bought against it in the last 30 days
  ok cooldown: no offer of this kind lately
  ok expiry: an offer is good until 22 Nov 2026 11:59 UTC
  ok worth: drymax was chosen, with a chance of 1.00
  ok arbitration: nothing else to send now
  ok quiet-hours: outside of quiet hours (22:00-08:00, Europe/Berlin)
  ok caps: 0 sent within eight days; caps: 1 a day and 3 in seven days, 20.0 h apart
  ok holdout: not held out (global treatment, need:damp-air treatment)
     Drymax: score 0.47 (interest x1.00, lift x2.00, cost 0.22); chance 1.00
     Tumble: score 0.18 (interest x1.00, lift x1.50, cost 0.22); chance 0.00
     Salt: score 0.04 (interest x1.00, lift x1.30, cost 0.22); chance 0.00
     no push: score -2.30; chance 0.00"""
    assert told(town) == told(town, push=push.id) == expected.split("\n")


def test_why_no_offer_came_the_next_day(town: Town) -> None:
    town.decide(town.episode("ada"))
    tomorrow = NOW + timedelta(days=1)
    town.decide(town.episode("ada", at=tomorrow, number=2), at=tomorrow)
    lines = told(town)
    assert lines[0] == (
        "22 Nov 2026 12:00 UTC, damp-air in bathroom: nothing was sent, because household ada was offered a product of"
        " category dehumidifier: none before 05 Dec 2026 12:00 UTC."
    )
    assert lines[12] == (
        "STOP cooldown: household ada was offered a product of category dehumidifier: none before 05 Dec 2026 12:00 UTC"
    )
    assert lines[13] == "   - expiry: not asked"


def test_why_an_offer_waits(town: Town) -> None:
    night = NOW.replace(hour=22)
    town.decide(town.episode("ada", at=night), at=night)
    assert told(town)[0] == (
        "21 Nov 2026 22:00 UTC, damp-air in bathroom: nothing was sent yet, because of quiet hours (22:00-08:00,"
        " Europe/Berlin); it is decided again at 22 Nov 2026 07:00 UTC."
    )


def test_why_one_who_is_held_out_gets_none(town: Town) -> None:
    town.settings = replace(town.settings, holdout=1.0)
    town.decide(town.episode("ada"))
    assert told(town)[0] == (
        "21 Nov 2026 12:00 UTC, damp-air in bathroom: Drymax would have been offered, but household ada is in the"
        " holdout (global): nothing was sent, to see what offers change."
    )


@pytest.mark.parametrize(
    ("consent", "said"),
    [
        (None, "household ben has not agreed to the use of sensor data for marketing (in-app)"),
        (False, "household ben has withdrawn its agreement to the use of sensor data for marketing (in-app)"),
    ],
)
def test_why_without_consent(town: Town, consent: bool | None, said: str) -> None:
    town.home("ben", "ben-1", agrees=consent)
    town.decide(town.episode("ben"))
    assert told(town, "ben-1")[0].endswith(f"nothing was sent, because {said}.")
    assert not any("score" in line for line in told(town, "ben-1"))


def test_why_while_all_pushes_are_stopped(town: Town) -> None:
    with db.writing(town.engine) as connection:
        kill_switch.switch(connection, NOW, on=False, reason="a wrong price")
    town.decide(town.episode("ada"))
    assert told(town)[2] == (
        "STOP kill-switch: all pushes are stopped (a wrong price); start them again with: aircue-cloud pushes start"
    )


def test_nobody_is_told_of_an_offer_to_somebody_else(town: Town) -> None:
    town.add(tables.people, {"id": "ada-2", "household": "ada", "name": "Bea"})
    [push] = town.decide(town.episode("ada"))
    other = {"ada-1": "ada-2", "ada-2": "ada-1"}[str(push.person)]
    assert told(town, other) == told(town, other, push.id) == []


def test_it_is_told_from_the_record_though_everything_has_changed(town: Town) -> None:
    town.decide(town.episode("ada"))
    before = told(town)
    town.consent("ada", granted=False)
    with db.writing(town.engine) as connection:
        connection.execute(tables.products.update().values(name="Other", stock=0))
        connection.execute(tables.sites.update().values(tz="Asia/Kathmandu"))
    assert told(town) == before


def test_a_decision_from_before_versions_were_kept_says_so(town: Town) -> None:
    town.decide(town.episode("ada"))
    [row] = town.decisions()
    del row["trace"]["need"]
    assert "Need of a version that was not kept, rules " in why.answer(row).lines[1]


def test_the_api_answers_why(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DAMP)))
    [push] = cloud.get("households/ada/inbox")["pushes"]
    found = cloud.get(f"why?person=ada-1&push={push['id']}")
    [answer] = found["answers"]
    assert (found["person"], answer["push"], answer["outcome"]) == ("ada-1", push["id"], "send")
    assert "Drymax was offered (in-app)" in answer["lines"][0]
    assert cloud.get("why?person=ada-1&push=another")["answers"] == []
    assert cloud.app.test_client().get("/api/v1/why?person=nobody").status_code == 404


def test_the_commands_answer_why_and_stop_pushes(tmp_path: Path) -> None:
    config = tmp_path / "cloud.toml"
    config.write_text(f'data_dir = "data"\ndatabase_url = "{new_database()}"\n')

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, [*words, "--config", str(config)])
        return done.exit_code, done.output

    assert run("household", "add", "ada")[0] == 0
    assert run("pushes", "status") == (0, "pushes go out\n")
    assert run("pushes", "stop", "--reason", "a wrong price")[0] == 0
    assert run("pushes", "status") == (0, "pushes are stopped: a wrong price\n")
    assert run("pushes", "start")[0] == 0
    assert run("pushes", "status") == (0, "pushes go out\n")
    code, output = run("why", "--user", "nobody")
    assert (code, "person nobody is not known" in output) == (1, True)
