"""Snapshots of a store: whom they hold, what may be shown of them, and that nobody is in them who took it back."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select
from tests.cloud.segments import crowd
from tests.cloud.segments.crowd import DAY, act, home, person
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.needs.conditions import Reader, audience
from aircue_cloud.needs.document import read
from aircue_cloud.rights import small_groups
from aircue_cloud.segments import exporting, figures, reading, saved, snapshots
from aircue_cloud.segments.upkeep import TaughtUpkeep

DAMP: dict[str, Any] = {"title": "Damp", "all": [{"profile": "need:damp-air", "any": ["often"]}]}


@pytest.fixture
def town(bare: Cloud) -> Cloud:
    crowd.fill(bare)
    snapshots.refresh(bare.engine, NOW)
    return bare


def people(cloud: Cloud, day: str = "2026-11-21") -> dict[str, Any]:
    with db.reading(cloud.engine) as connection:
        return dict(reading.people(connection, day))


def shown(cloud: Cloud) -> figures.Shown:
    with db.reading(cloud.engine) as connection:
        return figures.shown(connection)


def cells(cloud: Cloud, profile: str) -> dict[str, int | None]:
    [found] = [one for one in shown(cloud).profiles if one.name == profile]
    return {one.name: one.people for one in found.segments}


def save(cloud: Cloud, name: str, document: dict[str, Any]) -> None:
    with db.writing(cloud.engine) as connection:
        saved.save(connection, name, document, "test", NOW)


def told(cloud: Cloud) -> dict[str, int | None]:
    return {one.name: one.people for one in shown(cloud).audiences}


def withdraw(cloud: Cloud, number: int, category: str) -> None:
    with db.writing(cloud.engine) as connection:
        crowd.agree(connection, home(number), category, granted=False)


def say_no(cloud: Cloud, number: int) -> None:
    body = {"personalised": False}
    answer = cloud.app.test_client().put(f"/api/v1/people/{person(number)}/personalisation", json=body)
    assert answer.status_code == 200, answer.text


# What is in them.


def test_everybody_is_in_the_segments_that_follow_from_what_they_did_and_what_was_measured(town: Cloud) -> None:
    found = people(town)
    assert len(found) == crowd.COUNT
    damp, dry = found[person(6)], found[person(1)]
    assert damp["need:damp-air"] == ["often"]
    assert dry["need:damp-air"] == ["never"]
    assert (damp["region"], damp["climate"]) == (["Europe/London"], ["mild"])
    assert (dry["region"], dry["climate"]) == (["Asia/Shanghai"], ["freezing"])
    assert set(found[person(2)]["devices"]) >= {"air-purifier", "filter"}
    assert "air-purifier" not in dry["devices"]
    assert all(len(one["rfm"]) == 1 for one in found.values())


def test_a_person_can_read_in_their_export_what_their_segment_follows_from(town: Cloud) -> None:
    with db.reading(town.engine) as connection:
        table = tables.segment_snapshots.c
        document = connection.execute(select(table.document).where(table.person == person(0))).scalar_one()
    assert document["rfm"]["currency"] == "EUR"
    assert len(document["rfm"]["scores"]) == 3


def test_what_was_given_back_is_neither_spent_nor_owned(town: Cloud) -> None:
    town.add(tables.interactions, act(2, "purifier", NOW, "return"))
    before = people(town)[person(2)]
    snapshots.refresh(town.engine, NOW)
    after = people(town)[person(2)]
    assert "air-purifier" in before["devices"]
    assert "air-purifier" not in after["devices"]


def test_only_whose_data_may_be_used_is_in_them(bare: Cloud) -> None:
    crowd.fill(bare)
    withdraw(bare, 0, "behaviour")
    withdraw(bare, 3, "sensor")
    say_no(bare, 6)
    snapshots.refresh(bare.engine, NOW)
    found = people(bare)
    assert set(found[person(0)]) == {"climate", "need:damp-air", "region"}
    assert set(found[person(3)]) == {"rfm", "devices"}
    assert person(6) not in found


@pytest.mark.parametrize("how", ["behaviour", "sensor", "no"])
def test_who_takes_it_back_is_out_of_every_figure_audience_and_file_at_once(town: Cloud, how: str) -> None:
    both = {"profile": "rfm", "any": list(cells(town, "rfm"))}
    save(town, "damp", {"title": "Damp buyers", "all": [DAMP["all"][0], both]})
    with db.reading(town.engine) as connection:
        assert person(3) in exporting.as_csv(connection, "damp")
    if how == "no":
        say_no(town, 3)
    else:
        withdraw(town, 3, how)
    with db.reading(town.engine) as connection:
        assert person(3) not in exporting.as_csv(connection, "damp")
        assert "damp" not in reading.audiences_of(connection, [person(3)], NOW).get(person(3), ())


def test_a_day_made_again_is_one_day(town: Cloud) -> None:
    before = people(town)
    snapshots.refresh(town.engine, NOW)
    with db.reading(town.engine) as connection:
        assert snapshots.days(connection) == ["2026-11-21"]
    assert people(town) == before


def test_days_are_kept_for_five_weeks_and_the_first_of_months_for_longer(town: Cloud) -> None:
    for ago in (1, 34, 51, 60, 500):  # 2026-10-01 was 51 days ago
        snapshots.refresh(town.engine, NOW - DAY * ago)
    snapshots.refresh(town.engine, NOW)
    with db.reading(town.engine) as connection:
        assert snapshots.days(connection) == ["2026-11-21", "2026-11-20", "2026-10-18", "2026-10-01"]


def test_the_server_makes_one_a_day(town: Cloud) -> None:
    upkeep = TaughtUpkeep(town.engine, town.clock)
    assert upkeep.look() == ["associations"]
    assert upkeep.look() == []
    town.clock.now = NOW + DAY
    assert upkeep.look() == ["segments"]
    town.clock.now = NOW + DAY * 8
    assert upkeep.look() == ["segments", "associations"]


# What may be shown.


def test_no_figure_is_of_fewer_than_20_people(town: Cloud) -> None:
    assert cells(town, "need:damp-air") == {"never": 80, "often": 40}
    with db.writing(town.engine) as connection:
        gone = [person(n) for n in range(crowd.COUNT) if n % 3 == 0][:21]
        connection.execute(delete(tables.segment_snapshots).where(tables.segment_snapshots.c.person.in_(gone)))
    assert cells(town, "need:damp-air") == {"never": None, "often": None}, "one alone would follow from the total"
    assert shown(town).people == 100


def test_of_a_profile_of_few_not_even_the_names_are_told(town: Cloud) -> None:
    with db.writing(town.engine) as connection:
        gone = [person(n) for n in range(19, crowd.COUNT)]
        connection.execute(delete(tables.segment_snapshots).where(tables.segment_snapshots.c.person.in_(gone)))
    assert {one.name: (one.people, one.segments) for one in shown(town).profiles}["region"] == (None, [])
    assert shown(town).people is None
    assert all(one.segments == [] for one in drifted(town, "2026-11-21", "2026-11-21").values())


def test_figures_are_in_tens_so_that_two_days_do_not_tell_of_one_person(town: Cloud) -> None:
    before = cells(town, "region")
    withdraw(town, 0, "sensor")
    assert cells(town, "region") == before == {"Asia/Shanghai": 60, "Europe/London": 60}


def test_audiences_that_differ_by_few_are_not_both_told(town: Cloud) -> None:
    """Differencing: the second has all of the first but for one person, or one more."""
    save(town, "damp", DAMP)
    fewer = [segment for segment, count in segment_sizes(town, "rfm").items() if 0 < count < 20]
    assert fewer, "the crowd has a small segment"
    but_few = DAMP | {"none": [{"profile": "rfm", "any": fewer[:1]}]}
    save(town, "damp-but-few", but_few)
    inside = {name: members(town, name) for name in ("damp", "damp-but-few")}
    assert 0 < len(inside["damp"] - inside["damp-but-few"]) < small_groups.K
    assert told(town) == {"damp": 40, "damp-but-few": None}


def segment_sizes(cloud: Cloud, profile: str) -> dict[str, int]:
    return {name: len(some) for name, some in reading.by_profile(people(cloud))[profile].items()}


def members(cloud: Cloud, name: str) -> frozenset[str]:
    with db.reading(cloud.engine) as connection:
        audience = saved.current(connection)[name].audience
    assert audience is not None
    return reading.members(people(cloud), audience)


def test_neither_saving_it_anew_nor_taking_it_away_makes_a_figure_comparable(town: Cloud) -> None:
    save(town, "mine", DAMP)
    assert told(town) == {"mine": 40}
    fewer = next(segment for segment, count in segment_sizes(town, "rfm").items() if 0 < count < 20)
    but_few = DAMP | {"none": [{"profile": "rfm", "any": [fewer]}]}
    save(town, "mine", but_few)
    assert told(town) == {"mine": None}
    with db.writing(town.engine) as connection:
        assert saved.retire(connection, "mine", "test", NOW)
    save(town, "other", but_few)
    assert told(town) == {"other": None}


def test_an_audience_of_all_but_few_is_not_told(town: Cloud) -> None:
    few = next(segment for segment, count in segment_sizes(town, "rfm").items() if 0 < count < 20)
    rest = [segment for segment in segment_sizes(town, "rfm") if segment != few]
    save(town, "rest", {"title": "All the rest", "all": [{"profile": "rfm", "any": rest}]})
    assert told(town) == {"rest": None}


# Audiences.


def test_an_audience_saved_as_it_is_stays_as_it_is(town: Cloud) -> None:
    save(town, "damp", DAMP)
    save(town, "damp", DAMP)
    save(town, "damp", DAMP | {"title": "Very damp"})
    assert [row["number"] for row in town.rows(tables.audience_versions)] == [1, 2]


def test_a_file_of_fewer_than_20_people_is_refused(town: Cloud) -> None:
    few = next(segment for segment, count in segment_sizes(town, "rfm").items() if 0 < count < 20)
    save(town, "few", {"title": "Few", "all": [{"profile": "rfm", "any": [few]}]})
    with db.reading(town.engine) as connection, pytest.raises(CommandError, match="fewer than 20 people"):
        exporting.as_csv(connection, "few")
    with db.reading(town.engine) as connection, pytest.raises(CommandError, match="none of this name"):
        exporting.as_csv(connection, "nobody")


def test_a_file_names_people_and_runs_no_formula(town: Cloud) -> None:
    with db.writing(town.engine) as connection:
        connection.execute(tables.households.insert(), {"id": "=1+1", "name": "x"})
        connection.execute(tables.people.update().where(tables.people.c.id == person(3)).values(household="=1+1"))
        connection.execute(tables.sites.update().where(tables.sites.c.id == "site-3").values(household="=1+1"))
        crowd.agree(connection, "=1+1", "sensor", granted=True)
    save(town, "damp", DAMP)
    with db.reading(town.engine) as connection:
        rows = list(csv.reader(io.StringIO(exporting.as_csv(connection, "damp"))))
    assert rows[0] == ["person", "household", "need:damp-air"]
    assert [person(3), "'=1+1", "often"] in rows
    assert len(rows) == 41


def test_nobody_is_in_an_audience_by_a_snapshot_that_is_stale(town: Cloud) -> None:
    save(town, "damp", DAMP)
    with db.reading(town.engine) as connection:
        assert reading.audiences_of(connection, [person(3), person(1)], NOW)[person(3)] == {"damp"}
        assert reading.audiences_of(connection, [person(3)], NOW + timedelta(days=8)) == {}


# Drift.


def drifted(cloud: Cloud, begin: str, end: str) -> dict[str, figures.DriftShown]:
    with db.reading(cloud.engine) as connection:
        return {one.profile: one for one in figures.drift(connection, begin, end)}


def test_a_day_that_is_as_the_one_before_has_no_drift(town: Cloud) -> None:
    found = drifted(town, "2026-11-21", "2026-11-21")
    assert {one.psi for one in found.values() if one.psi is not None} == {0.0}
    assert found["devices"].psi is None
    assert all(flow.origin == flow.goal or not flow.people for one in found.values() for flow in one.flows)


def test_homes_that_dry_are_seen_to_move_and_few_are_not(town: Cloud) -> None:
    with db.writing(town.engine) as connection:
        connection.execute(
            delete(tables.episodes).where(tables.episodes.c.site.in_([f"site-{3 * n}" for n in range(25)]))
        )
    snapshots.refresh(town.engine, NOW + DAY)
    found = drifted(town, "2026-11-21", "2026-11-22")["need:damp-air"]
    assert found.verdict == "much has changed"
    assert {(one.name, one.before, one.after) for one in found.segments} == {("never", 80, None), ("often", 40, None)}
    assert {(one.origin, one.goal): one.people for one in found.flows} == {
        ("never", "never"): 80, ("often", "never"): None, ("often", "often"): None,
    }  # fmt: skip


def test_two_days_have_to_be_there_to_be_compared() -> None:
    with pytest.raises(CommandError, match="two snapshots are needed"):
        figures.chosen(["2026-11-21"], None, None)
    with pytest.raises(CommandError, match="no snapshot of this day"):
        figures.chosen(["2026-11-21"], "2026-01-01", None)
    assert figures.chosen(["2026-11-21", "2026-11-20"], None, None) == ("2026-11-20", "2026-11-21")


# Over the API.


def ask(cloud: Cloud, method: str, path: str, body: Any = None) -> Any:
    return cloud.app.test_client().open(f"/api/v1/segments{path}", method=method, json=body)


def test_the_api_saves_tells_and_gives_out_an_audience(town: Cloud) -> None:
    assert ask(town, "PUT", "/audiences/damp", {"document": DAMP}).status_code == 200
    found = ask(town, "GET", "").get_json()
    assert found["day"] == "2026-11-21"
    assert found["audiences"] == [{"name": "damp", "title": "Damp", "people": 40, "number": 1, "document": DAMP}]
    answer = ask(town, "GET", "/audiences/damp/people")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.text.count("\n") == 41
    assert ask(town, "DELETE", "/audiences/damp").status_code == 204
    assert ask(town, "DELETE", "/audiences/damp").status_code == 404
    assert ask(town, "GET", "/audiences/damp/people").status_code == 404


def test_the_api_says_what_does_not_fit(town: Cloud) -> None:
    answer = ask(town, "PUT", "/audiences/damp", {"document": {"title": "x"}})
    assert answer.status_code == 422
    assert "everybody is no audience" in answer.get_json()["detail"]
    assert ask(town, "GET", "/drift").status_code == 404
    snapshots.refresh(town.engine, NOW + DAY)
    assert ask(town, "GET", "/drift").get_json()["begin"] == "2026-11-21"
    assert ask(town, "GET", "/days").get_json() == {"days": ["2026-11-22", "2026-11-21"]}


# In a need.


def test_a_need_is_for_an_audience_alone(town: Cloud) -> None:
    """The damp home's person is in it; the other's is not, and the record says so."""
    save(town, "damp", DAMP)
    document = json.loads(json.dumps(dict(town.services.needs.by_name["damp-air"].document)))
    need = read("damp-air", document | {"audience": {"audiences": ["damp"]}}, "test")
    with db.reading(town.engine) as connection:
        inside = reading.audiences_of(connection, [person(3), person(1)], NOW)
    for number, result in ((3, "met"), (1, "unmet")):
        known = {"language": "en", "zone": "UTC", "zone_known": True, "area": None, "owned": frozenset()}
        [met] = audience(need.audience, Reader(**known, audiences=inside[person(number)]))
        assert (met.condition, met.result) == ("audience one of damp", result)
