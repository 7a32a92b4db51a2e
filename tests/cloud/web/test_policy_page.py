"""The policy simulator: what was recorded, decided again under other settings, gate by gate."""

import csv
import io
from datetime import timedelta

import pytest
from tests.cloud.stage import DAMP, DRY, Cloud, batch, humidity
from tests.cloud.web.hands import hands, is_clean, words, wrong

from aircue_cloud import tables
from aircue_cloud.decision.replay import PolicySettings
from aircue_cloud.decision.settings import Caps, Settings
from aircue_cloud.web.views import policy_form

PAGE = "/console/policy"


@pytest.fixture
def decided(cloud: Cloud) -> Cloud:
    """Two episodes of one bathroom: the second falls into the cooldown of the first."""
    cloud.post(batch(humidity([*DRY, *DAMP])))
    cloud.clock.now += timedelta(minutes=1)
    cloud.post(batch(humidity(dict(enumerate([*DRY, *DAMP], 40))), sequence=2))
    return cloud


def ends(cloud: Cloud, query: str) -> dict[str, tuple[int, int]]:
    file = cloud.app.test_client().get(f"{PAGE}?days=30&{query}&format=csv&table=ends").text
    return {row[0]: (int(row[1]), int(row[2])) for row in list(csv.reader(io.StringIO(file)))[1:]}


def test_with_nothing_changed_it_ends_as_recorded(decided: Cloud) -> None:
    assert ends(decided, "") == {"sent": (1, 1), "held by cooldown": (1, 1)}


def test_a_changed_setting_moves_episodes_from_gate_to_gate(decided: Cloud) -> None:
    assert ends(decided, "cap_day=0") == {"sent": (1, 0), "held by cooldown": (1, 0), "held by caps": (0, 2)}
    page = decided.app.test_client().get(f"{PAGE}?days=30&cap_day=0")
    text = words(page)
    assert "Pushes a day at most: 1 → 0" in text
    assert "Sent before 1 as recorded Sent after 0 -1" in text
    assert "sent held by caps 1" in text
    assert "What this cannot know" in text
    assert page.text.count('<svg class="chart"') == 1


def test_drawn_offers_can_be_tried(decided: Cloud) -> None:
    """The best one was certain; by its push's number another or none is drawn, the same each time."""
    page = decided.app.test_client().get(f"{PAGE}?days=30&explore=true")
    assert "Offers are drawn: false → true" in words(page)
    assert wrong(page) == {}
    assert ends(decided, "explore=true") == ends(decided, "explore=true")
    assert set(wrong(decided.app.test_client().get(f"{PAGE}?days=30&explore=perhaps"))) == {"explore"}


def test_looking_decides_and_sends_nothing(decided: Cloud) -> None:
    before = [decided.rows(table) for table in (tables.decisions, tables.pushes, tables.outbox)]
    decided.app.test_client().get(f"{PAGE}?days=90&cooldown_days=0&cap_day=none&cap_week=none&cap_apart_h=none")
    assert [decided.rows(table) for table in (tables.decisions, tables.pushes, tables.outbox)] == before


def test_what_cannot_be_a_setting_is_said_beside_it(decided: Cloud) -> None:
    page = decided.app.test_client().get(
        f"{PAGE}?days=30&cap_day=-1&cap_apart_h=%3Cscript%3E&quiet_hours=25:00-1&holdout=2"
    )
    assert page.status_code == 422
    assert set(wrong(page)) == {"cap_day", "cap_apart_h", "quiet_hours", "holdout"}
    assert wrong(page)["cap_day"] == "'-1': expected a number from 0 to 1000"
    assert is_clean(page)
    assert "What moved" not in page.text


def test_none_is_no_cap_and_no_quiet_hours_and_an_empty_field_changes_nothing() -> None:
    said = policy_form.read({"cap_day": "none", "quiet_hours": "none", "cap_week": " "}, Settings(caps=Caps(day=2)))
    assert said.changed == PolicySettings(cap_day=None, quiet_hours="")
    assert {one.name: one.now for one in said.fields}["cap_day"] == "2"


def test_without_a_decision_it_says_where_they_come_from(bare: Cloud) -> None:
    assert "No episode was decided about" in words(bare.app.test_client().get(f"{PAGE}?days=7"))


def test_days_that_are_none_of_its_choices_run_nothing(decided: Cloud) -> None:
    assert "Sent before" not in words(decided.app.test_client().get(f"{PAGE}?days=99999999999"))


def test_a_viewer_may_simulate(decided: Cloud) -> None:
    assert hands(decided, "viewer").get(f"{PAGE}?days=7").status_code == 200
