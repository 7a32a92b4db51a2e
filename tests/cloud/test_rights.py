"""Export, erasure and its proof, receipts, small groups."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from tests.cloud.stage import NOW, Cloud, batch, humidity

from aircue_cloud import consents, db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.layers import lake as lakes
from aircue_cloud.layers import rebuilding
from aircue_cloud.recommender import store, training
from aircue_cloud.rights import erasure, export, forgotten, receipts, retention, small_groups, subject
from aircue_cloud.rights.places import BasePlace, LakePlace, places
from aircue_cloud.rights.register import HOLDINGS, IMPERSONAL
from aircue_cloud.rights.search import found
from aircue_cloud.rights.subject import Subject
from aircue_gateway.batch import Group, decode

DAMP = [85.0] * 60


@dataclass
class Papers:
    """A place beside the database, in memory."""

    name: str = "papers"
    kept: list[str] = field(default_factory=list)
    stubborn: bool = False

    def forget(self, subject: Subject) -> int:
        gone = [one for one in self.kept if one in subject.identifiers and not self.stubborn]
        self.kept = [one for one in self.kept if one not in gone]
        return len(gone)

    def search(self, identifiers: frozenset[str]) -> Iterator[str]:
        yield from (f"paper {place}" for place, one in enumerate(self.kept) if one in identifiers)


def bobs(course: Any) -> Group:
    """What Bob's node measured, of the same name as Ada's."""
    return replace(humidity(course, site="home-2"), installation=7)


@pytest.fixture
def lived_in(cloud: Cloud) -> Cloud:
    """Two homes whose air was damp, with a node of the same name; both households bought and viewed."""
    cloud.add(tables.households, {"id": "bob", "name": "Bob's"})
    cloud.add(tables.people, {"id": "bob-1", "household": "bob", "name": "Bob"})
    cloud.add(tables.sites, {"id": "home-2", "household": "bob", "tz": "UTC"})
    cloud.consent("bob", granted=True)
    for person in ("ada-1", "bob-1"):
        for kind in ("view", "purchase"):
            row = {"person": person, "product": "lamp", "kind": kind, "weight": 1.0, "at": NOW, "text": f"by {person}"}
            cloud.add(tables.interactions, row)
    assert cloud.post(batch(humidity(DAMP))).status_code == 200
    assert cloud.post(batch(bobs(DAMP), sequence=2)).status_code == 200
    return cloud


def of(cloud: Cloud, household: str) -> Subject:
    with db.reading(cloud.engine) as connection:
        return subject.household(connection, cloud.services.lake, household)


def count(cloud: Cloud, table: Any) -> int:
    with db.reading(cloud.engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def exported(cloud: Cloud, who: Subject) -> dict[str, list[dict[str, Any]]]:
    out = io.BytesIO()
    with db.reading(cloud.engine) as connection:
        export.write(connection, cloud.services.lake, who, out, NOW)
    with zipfile.ZipFile(out) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jsonl")]
        return {name[:-6]: [json.loads(line) for line in archive.read(name).splitlines()] for name in names}


def test_every_table_is_either_somebodys_or_says_why_not() -> None:
    listed = {holding.table for holding in HOLDINGS} | set(IMPERSONAL)
    assert set(tables.metadata.tables.values()) - listed == set()


def test_every_column_that_points_to_a_household_a_person_or_a_site_is_in_a_table_that_is_somebodys() -> None:
    personal = {holding.table for holding in HOLDINGS}
    homes = {tables.households, tables.people, tables.sites}
    for table in tables.metadata.tables.values():
        if {key.column.table for key in table.foreign_keys} & homes:
            assert table in personal, table.name


def test_an_export_holds_what_is_theirs_from_every_table_and_nothing_of_others(lived_in: Cloud) -> None:
    found_rows = exported(lived_in, of(lived_in, "ada"))
    assert set(found_rows) == {holding.table.name for holding in HOLDINGS} | {"readings"}
    assert len(found_rows["readings"]) == len(DAMP)
    assert {row["kind"] for row in found_rows["interactions"]} == {"view", "purchase"}
    for name in ("episodes", "decisions", "pushes", "feed", "consents", "sites", "node_state", "rule_states"):
        assert found_rows[name], name
    assert not found(found_rows, of(lived_in, "bob").identifiers)


def test_an_export_of_one_person_leaves_the_household_out(lived_in: Cloud) -> None:
    with db.reading(lived_in.engine) as connection:
        who = subject.person(connection, lived_in.services.lake, "ada-1")
    found_rows = exported(lived_in, who)
    theirs = {"decisions", "feed", "interactions", "outbox", "people", "pushes"}  # about pushes to this person
    assert {name for name, rows in found_rows.items() if rows} == theirs


def test_an_erasure_leaves_no_identifier_and_touches_nobody_else(lived_in: Cloud) -> None:
    before = exported(lived_in, of(lived_in, "bob"))
    papers = Papers(kept=["home-1", "home-2", "ada-1"])
    proof = erasure.erase(lived_in.engine, of(lived_in, "ada"), [papers], "operator", NOW)
    assert proof.complete
    assert papers.kept == ["home-2"]
    assert proof.places == {"papers": 2}
    assert exported(lived_in, of(lived_in, "bob")) == before
    assert not found(lived_in.rows(tables.erasures)[0]["proof"], frozenset({"ada", "home-1"}))
    with pytest.raises(CommandError, match="household ada is not known"):
        of(lived_in, "ada")


def test_what_the_books_need_is_kept_under_a_pseudonym(lived_in: Cloud) -> None:
    proof = erasure.erase(lived_in.engine, of(lived_in, "ada"), [], "operator", NOW)
    rows = [row for row in lived_in.rows(tables.interactions) if row["person"] == proof.pseudonym]
    assert [(row["kind"], row["product"], row["text"]) for row in rows] == [("purchase", "lamp", None)]
    assert proof.kept["interactions"] == (1, "purchases and returns are the store's books")


def test_a_household_of_which_nothing_is_kept_leaves_no_pseudonym(bare: Cloud) -> None:
    bare.add(tables.households, {"id": "eve", "name": "Eve's"})
    erasure.erase(bare.engine, of(bare, "eve"), [], "operator", NOW)
    assert count(bare, tables.households) == 0


def test_a_proof_says_where_something_was_left(lived_in: Cloud) -> None:
    proof = erasure.erase(lived_in.engine, of(lived_in, "ada"), [Papers(kept=["ada"], stubborn=True)], "operator", NOW)
    assert not proof.complete
    assert proof.left == ("papers: paper 0",)


def test_a_row_that_an_erasure_forgets_is_found(lived_in: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = tuple(holding for holding in HOLDINGS if holding.table is not tables.feed)
    monkeypatch.setattr(erasure, "HOLDINGS", rest)
    proof = erasure.erase(lived_in.engine, of(lived_in, "ada"), [], "operator", NOW)
    assert any(place.startswith("feed.fields") for place in proof.left)


def test_an_erased_site_is_known_by_its_hash_until_it_is_linked_anew(lived_in: Cloud) -> None:
    erasure.erase(lived_in.engine, of(lived_in, "ada"), [], "operator", NOW)
    with db.writing(lived_in.engine) as connection:
        assert forgotten.among(connection, ["home-1", "home-2"]) == {"home-1"}
        forgotten.remember(connection, "home-1")
        assert forgotten.among(connection, ["home-1"]) == frozenset()


def test_what_an_erased_site_still_sends_is_not_kept(lived_in: Cloud) -> None:
    erased(lived_in, "ada")
    both = batch(humidity({90: 85.0}), bobs({91: 86.0}), sequence=3)
    assert lived_in.post(both).status_code == 200
    assert {row["site"] for row in exported(lived_in, of(lived_in, "bob"))["readings"]} == {"home-2"}
    assert not [row for row in lived_in.rows(tables.sites) if row["id"] == "home-1"]
    assert sites_in_base(lived_in) == {"home-2"}
    assert lived_in.post(both).get_json()["duplicate"]


def erased(cloud: Cloud, household: str) -> erasure.Proof:
    where = places(cloud.engine, cloud.services.lake, cloud.services.place.model_dir, NOW)
    return erasure.erase(cloud.engine, of(cloud, household), where, "operator", NOW)


def sites_in_base(cloud: Cloud) -> set[str]:
    objects = cloud.services.lake.objects
    batches = [decode(objects.get(key)) for key in objects.list("base/")]
    return {group.site for one in batches for group in one.groups}


def test_every_layer_is_free_of_an_erased_home_and_keeps_the_others(lived_in: Cloud) -> None:
    train(lived_in)
    proof = erased(lived_in, "ada")
    assert proof.complete, proof.left
    assert proof.places["base"] == 1
    assert proof.places["lake"] == len(DAMP)
    assert proof.places["models"] == 1
    assert sites_in_base(lived_in) == {"home-2"}
    assert len(exported(lived_in, of(lived_in, "bob"))["readings"]) == len(DAMP)
    model = store.load_active(lived_in.services.place.model_dir)
    assert model.users == ("bob-1",)


def train(cloud: Cloud) -> None:
    """By what stands in the database, however little that is."""
    with db.writing(cloud.engine) as connection:
        for household in ("ada", "bob"):
            said = {"purpose": "marketing", "data_category": "behaviour", "channel": "in-app"}
            consents.record(connection, household, **said, granted=True, now=NOW)
    with db.reading(cloud.engine) as connection:
        training.train(connection, cloud.services.place.model_dir, force=True, budget_s=0)


def test_an_erased_home_does_not_come_back_when_its_gateway_sends_a_batch_again(lived_in: Cloud) -> None:
    erased(lived_in, "ada")
    assert lived_in.post(batch(humidity(DAMP))).get_json()["duplicate"]
    assert sites_in_base(lived_in) == {"home-2"}


def test_layers_are_rebuilt_from_a_base_that_was_erased_from(lived_in: Cloud) -> None:
    before = exported(lived_in, of(lived_in, "bob"))["readings"]
    erased(lived_in, "ada")
    rebuilding.from_base(lived_in.services.layers, lambda: NOW, lambda line: None)
    after = exported(lived_in, of(lived_in, "bob"))["readings"]
    assert [row["value"] for row in after] == [row["value"] for row in before]


def test_a_place_that_forgets_nothing_is_found_out(lived_in: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (BasePlace, LakePlace):
        monkeypatch.setattr(place, "forget", lambda self, subject: 0)
    left = erased(lived_in, "ada").left
    assert {one.split(":")[0] for one in left} == {"base", "lake"}


def test_a_name_counts_as_a_whole_word_alone() -> None:
    assert found("Push to ada.", frozenset({"ada"}))
    assert found({"a": ["ada"]}, frozenset({"ada"}))
    for other in ("canada", "ada-1", "ada.lovelace", "_ada"):
        assert not found(other, frozenset({"ada"})), other


def test_an_agreement_taken_back_ends_what_waits_in_the_inbox(lived_in: Cloud) -> None:
    assert len(lived_in.get("households/ada/inbox")["pushes"]) == 1
    lived_in.consent("ada", granted=False)
    assert lived_in.get("households/ada/inbox")["pushes"] == []
    assert len(lived_in.get("households/bob/inbox")["pushes"]) == 1
    lived_in.consent("ada", granted=True)
    assert lived_in.get("households/ada/inbox")["pushes"] == []


def test_taking_back_takes_the_same_step_as_giving(cloud: Cloud) -> None:
    said = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app"}
    client = cloud.app.test_client()
    answers = [client.post("/api/v1/households/ada/consents", json={**said, "granted": yes}) for yes in (True, False)]
    assert [answer.status_code for answer in answers] == [201, 201]


def test_a_receipt_holds_what_the_specification_asks_for(cloud: Cloud) -> None:
    controller = receipts.Controller(
        name="Shop Ltd", contact="privacy@shop.example", policy_url="https://shop.example/p"
    )
    with db.writing(cloud.engine) as connection:
        said = consents.record(
            connection,
            "ada",
            purpose="marketing",
            data_category="sensor",
            channel="in-app",
            granted=True,
            now=NOW,
            method="shop page",
            controller=controller,
        )
    receipt = said.document
    assert receipt is not None
    # The required fields of the specification's section 6.
    required = {"version", "jurisdiction", "consentTimestamp", "collectionMethod", "consentReceiptID", "language"}
    required |= {"piiPrincipalId", "piiControllers", "policyUrl", "services", "sensitive", "spiCat"}
    assert set(receipt) == required
    assert receipt["consentTimestamp"] == int(NOW.timestamp())
    assert receipt["piiControllers"] == [{"piiController": "Shop Ltd", "contact": "privacy@shop.example"}]
    assert receipt["services"][0]["purposes"][0]["piiCategory"] == ["sensor"]
    assert json.loads(json.dumps(receipt)) == receipt


cells = st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 60), max_size=8)


@given(cells)
def test_no_small_cell_is_shown_and_none_can_be_reckoned_from_the_total(people: dict[str, int]) -> None:
    shown = small_groups.shown(people)
    assert all(value is None or value == 0 or value >= small_groups.K for value in shown.values())
    assert all(value == people[cell] for cell, value in shown.items() if value is not None)
    hidden = [people[cell] for cell, value in shown.items() if value is None]
    if hidden and any(value for value in shown.values()):
        assert len(hidden) >= 2
        assert sum(hidden) >= small_groups.K


def test_a_total_of_few_is_not_shown() -> None:
    assert small_groups.total({"a": 12, "b": 7}) is None
    assert small_groups.total({"a": 12, "b": 8}) == 20


def test_two_groups_that_differ_by_few_people_are_told_of() -> None:
    hundred = frozenset(str(number) for number in range(100))
    assert small_groups.overlapping([hundred], hundred - {"7"})
    assert not small_groups.overlapping([hundred], hundred)
    assert not small_groups.overlapping([hundred], frozenset(str(number) for number in range(60)))


def test_a_withdrawn_push_is_exported_with_its_time(lived_in: Cloud) -> None:
    lived_in.clock.now = NOW + timedelta(minutes=1)
    lived_in.consent("ada", granted=False)
    assert exported(lived_in, of(lived_in, "ada"))["pushes"][0]["withdrawn_at"] is not None


def test_rows_go_when_their_period_is_over_and_the_books_stay(lived_in: Cloud) -> None:
    before = count(lived_in, tables.interactions)
    with db.writing(lived_in.engine) as connection:
        assert not any(retention.retain(connection, NOW + timedelta(days=89)).values())
        gone = retention.retain(connection, NOW + timedelta(days=801))
    assert gone["feed"] > 0
    assert gone["pushes"] == 2
    assert gone["decisions"] == 2
    assert gone["interactions"] == before // 2
    assert {row["kind"] for row in lived_in.rows(tables.interactions)} == {"purchase"}
    with db.writing(lived_in.engine) as connection:
        assert retention.retain(connection, NOW + timedelta(days=3651))["interactions"] == before // 2


def test_what_something_kept_points_to_stays(lived_in: Cloud) -> None:
    with db.writing(lived_in.engine) as connection:
        connection.execute(update(tables.episodes).values(ended_at=NOW, open=False))
        assert retention.retain(connection, NOW + timedelta(days=300), {"episodes": 1})["episodes"] == 0
        assert retention.retain(connection, NOW + timedelta(days=401), {"episodes": 1})["episodes"] == 2


def test_an_owner_exports_and_erases_over_http(lived_in: Cloud) -> None:
    client = lived_in.app.test_client()
    found_zip = client.get("/api/v1/households/ada/export")
    assert found_zip.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(found_zip.data)) as archive:
        assert archive.testzip() is None
    proof = client.delete("/api/v1/households/ada").get_json()
    assert proof["complete"], proof["left"]
    assert client.get("/api/v1/households/ada/export").status_code == 404
    assert [one["id"] for one in lived_in.get("erasures")["erasures"]] == [proof["id"]]


def test_the_audit_log_keeps_what_was_done_and_not_to_whom(lived_in: Cloud) -> None:
    client = lived_in.app.test_client()
    client.get("/api/v1/people/ada-1/export")
    proof = client.delete("/api/v1/households/ada").get_json()
    rows = lived_in.rows(tables.audit)
    exports = [row["target"] for row in rows if row["action"] == "rights export"]
    assert exports == [proof["pseudonym"]]


def test_a_worker_forgets_what_it_remembers_of_an_erased_home(lived_in: Cloud) -> None:
    with db.reading(lived_in.engine) as connection:
        before = lakes.version(connection)
    erased(lived_in, "ada")
    with db.reading(lived_in.engine) as connection:
        assert lakes.version(connection) > before
    with db.writing(lived_in.engine) as connection:
        forgotten.remember(connection, "home-1")
    assert lived_in.post(batch(humidity({200: 60.0}), sequence=9)).status_code == 200
    assert [row["readings"] for row in lived_in.rows(tables.hourly) if row["site"] == "home-1"] == [1]
