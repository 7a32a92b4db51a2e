"""Who said no to personalisation: nothing of theirs is read for an answer, and nothing follows from their air."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import event, select
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity, product
from werkzeug.test import TestResponse

from aircue_cloud import consents, db, tables
from aircue_cloud.cli import main
from aircue_cloud.decision.affinity import RecentPopularity
from aircue_cloud.identity import sessions
from aircue_cloud.recommender.training import consented_events

# What holds what people did, and what was measured around them.
PERSONAL = ("interactions", "observations", "hourly", "node_state", "episodes", "rule_states", "decisions", "pushes")


@pytest.fixture
def shop(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Ada and Abe live together and agreed to everything; Bob's household did as well. No model is trained; what stands
    in for one is told what people did, as one that does not know them would be."""
    monkeypatch.setattr(RecentPopularity, "knows_until", lambda _self, _person: -math.inf)
    cloud.add(tables.people, {"id": "ada-2", "household": "ada", "name": "Abe"})
    cloud.add(tables.households, {"id": "bob", "name": "Bob's"})
    cloud.add(tables.people, {"id": "bob-1", "household": "bob", "name": "Bob"})
    cloud.add(tables.products, product("fan", "fan"), product("rug", "rug"))
    cloud.affinity.current = lambda: None  # type: ignore[method-assign]  # recent popularity stands in
    for household in ("ada", "bob"):
        for category in ("behaviour", "sensor"):
            agree(cloud, household, category)
    for _ in range(3):
        act(cloud, "bob-1", "fan")
    return cloud


def agree(cloud: Cloud, household: str, category: str) -> None:
    with db.writing(cloud.engine) as connection:
        how = {"purpose": "marketing", "data_category": category, "channel": "in-app"}
        consents.record(connection, household, granted=True, now=NOW, **how)


def act(cloud: Cloud, person: str, name: str, kind: str = "click") -> None:
    cloud.add(tables.interactions, {"person": person, "product": name, "kind": kind, "weight": 1.0, "at": NOW})


def switch(cloud: Cloud, path: str, *, on: bool) -> TestResponse:
    said = cloud.app.test_client().put(f"/api/v1/{path}/personalisation", json={"personalised": on})
    assert said.status_code == 200, said.text
    assert said.get_json()["personalised"] is on
    return said


def recommended(cloud: Cloud, person: str, more: str = "") -> dict[str, Any]:
    [answer] = batched(cloud, person)["answers"] if more == "batch" else [one(cloud, person, more)]
    return dict(answer)


def one(cloud: Cloud, person: str, more: str = "") -> dict[str, Any]:
    return dict(cloud.get(f"recommendations?person={person}&n=100{more}"))


def batched(cloud: Cloud, *people: str) -> dict[str, Any]:
    response = cloud.app.test_client().post("/api/v1/recommendations/batch", json={"people": people, "n": 100})
    assert response.status_code == 200, response.text
    return dict(response.get_json())


@contextmanager
def watched(cloud: Cloud) -> Iterator[list[tuple[str, str]]]:
    """Every statement that is made, with its parameters."""
    seen: list[tuple[str, str]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        seen.append((statement, repr(parameters)))

    event.listen(cloud.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(cloud.engine, "before_cursor_execute", note)


def reads(statements: list[tuple[str, str]]) -> list[str]:
    """Statements that read what people did or what was measured, but for the sums over everybody, and whether anything
    was added since they were made."""
    touching = [text for text, _ in statements if any(f"FROM {name}" in text for name in PERSONAL)]
    return [text for text in touching if not _is_of_everybody(text)]


def _is_of_everybody(text: str) -> bool:
    added_up = text.startswith("SELECT interactions.product, sum(") and "GROUP BY" in text
    return added_up or (text.startswith("SELECT (SELECT max(interactions.id)") and "WHERE interactions" not in text)


@pytest.mark.parametrize("path", ["people/ada-1", "households/ada"])
@pytest.mark.parametrize("more", ["", "&need=damp-air", "&head=repeat", "batch"])
def test_no_row_of_somebody_who_said_no_is_read_for_an_answer(shop: Cloud, path: str, more: str) -> None:
    act(shop, "ada-1", "lamp", "purchase")
    with watched(shop) as before:
        assert recommended(shop, "ada-1", more)["personalised"] is True
    assert reads(before), "the watch would see it"
    switch(shop, path, on=False)
    with watched(shop) as after:
        answer = recommended(shop, "ada-1", more)
    assert (answer["personalised"], answer["basis"]) == (False, "popularity")
    assert "not personalised" in answer["note"]
    assert reads(after) == []


def test_whatever_they_do_or_their_air_does_the_answer_is_the_same_and_everybodys(shop: Cloud) -> None:
    switch(shop, "people/ada-1", on=False)
    before = recommended(shop, "ada-1")
    for kind in ("purchase", "click", "dismissal"):
        act(shop, "ada-1", "rug", kind)
    assert shop.post(batch(humidity(DAMP))).status_code == 200
    assert recommended(shop, "ada-1") == before
    assert recommended(shop, "ada-1", "&need=damp-air") == before
    assert before["recommendations"][0]["product"] == "fan"
    switch(shop, "people/bob-1", on=False)  # whose clicks then count for nobody
    assert len({one["score"] for one in recommended(shop, "ada-1")["recommendations"]}) == 1


def test_others_of_the_household_go_on_without_what_that_person_did(shop: Cloud) -> None:
    act(shop, "ada-1", "lamp", "purchase")
    assert "lamp" not in [one["product"] for one in recommended(shop, "ada-2")["recommendations"]]
    switch(shop, "people/ada-1", on=False)
    answer = recommended(shop, "ada-2")
    assert answer["personalised"] is True
    assert "lamp" in [one["product"] for one in answer["recommendations"]]
    with db.reading(shop.engine) as connection:
        assert {one.person for one in consented_events(connection)} == {"bob-1"}


@pytest.mark.parametrize("path", ["people/ada-1", "households/ada"])
def test_their_air_leads_to_no_offer_and_no_row_of_what_they_did_is_read_for_it(shop: Cloud, path: str) -> None:
    switch(shop, path, on=False)
    with watched(shop) as statements:
        assert shop.post(batch(humidity(DAMP))).status_code == 200
    assert [row["reason"] for row in shop.rows(tables.decisions)]
    assert shop.rows(tables.pushes) == []
    assert not [text for text, _ in statements if "FROM interactions" in text or "FROM observations" in text]


def test_what_waits_in_the_inbox_is_gone_at_once_and_on_brings_the_next_one(shop: Cloud) -> None:
    shop.post(batch(humidity(DAMP)))
    assert len(shop.get("households/ada/inbox")["pushes"]) == 1
    switch(shop, "people/ada-2", on=False)
    assert shop.get("households/ada/inbox")["pushes"] == []
    switch(shop, "people/ada-2", on=True)
    with db.reading(shop.engine) as connection:
        how = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app"}
        assert consents.granted(connection, "ada", **how) is True


def test_a_consent_that_is_given_afterwards_does_not_switch_it_on(shop: Cloud) -> None:
    switch(shop, "households/ada", on=False)
    agree(shop, "ada", "behaviour")
    assert recommended(shop, "ada-1")["personalised"] is False
    with db.reading(shop.engine) as connection:
        asked = consents.granting(purpose="marketing", data_category="behaviour")
        assert list(connection.execute(asked).scalars()) == ["bob"]
        assert consents.storing(connection, "sensor") == {"ada", "bob"}, "they agreed to its being stored"


def shopper(cloud: Cloud, person: str) -> dict[str, str]:
    with db.writing(cloud.engine) as connection:
        token = sessions.open_new(connection, sessions.SHOPPER, person, "", NOW)
    return {"Cookie": f"aircue-shopper={token}", "X-Form-Word": sessions.form_word(token)}


def test_a_shopper_switches_it_on_their_page_with_one_button(shop: Cloud) -> None:
    headers, client = shopper(shop, "ada-1"), shop.app.test_client(use_cookies=False)
    assert "It is on" in client.get("/me", headers=headers).text
    assert client.post("/me/personalisation", headers=headers, data={"personalised": "off"}).status_code == 303
    assert "It is off since 21 Nov 2026" in client.get("/me", headers=headers).text
    assert client.get("/api/v1/me/personalisation", headers=headers).get_json()["personalised"] is False
    assert recommended(shop, "ada-1")["personalised"] is False
    said = client.put("/api/v1/me/personalisation", headers=headers, json={"personalised": True})
    assert said.get_json() == {"personalised": True, "off_since": None}
    switch(shop, "households/ada", on=False)
    assert "Your household switched it off" in client.get("/me", headers=headers).text
    acts = [(row["actor"], row["action"]) for row in shop.rows(tables.audit)]
    assert ("shopper ada-1", "personalisation off") in acts
    assert ("shopper ada-1", "personalisation on") in acts


@pytest.mark.parametrize("path", ["people/nobody", "households/nobody", "people/a%00b"])
def test_whoever_is_not_known_is_told_so(shop: Cloud, path: str) -> None:
    client = shop.app.test_client()
    assert client.get(f"/api/v1/{path}/personalisation").status_code == 404
    assert client.put(f"/api/v1/{path}/personalisation", json={"personalised": False}).status_code == 404
    assert client.put("/api/v1/people/ada-1/personalisation", json={"personalised": "no"}).status_code == 422


def test_a_command_switches_it_too(shop: Cloud, tmp_path: Any) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text(f'data_dir = "data"\ndatabase_url = "{shop.database_url}"\n')

    def run(*words: str) -> Any:
        return CliRunner().invoke(main, ["rights", "personalisation", *words, "--config", str(path)])

    assert run("ada-1", "off", "--person").exit_code == 0
    assert recommended(shop, "ada-1")["personalised"] is False
    assert run("ada-1", "on", "--person").exit_code == 0
    assert run("ada", "off").exit_code == 0
    assert recommended(shop, "ada-2")["personalised"] is False
    assert "household nobody is not known" in run("nobody", "off").stderr


def test_it_is_part_of_what_is_exported(shop: Cloud) -> None:
    switch(shop, "people/ada-1", on=False)
    with db.reading(shop.engine) as connection:
        [since] = connection.execute(select(tables.people.c.impersonal_since).where(tables.people.c.id == "ada-1"))
    assert since == (NOW,)
