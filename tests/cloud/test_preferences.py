"""What people want of pushes: said through the API, by whom it is theirs to say, and in which order it counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity
from werkzeug.test import TestResponse

from aircue_cloud.decision.preferences import Preferences, Wishes
from aircue_cloud.decision.settings import Caps, Settings

STORE = Settings(quiet_hours="22:00-08:00", widest_quiet_hours="20:00-10:00", timezone="Europe/Paris")
SAID = {
    "timezone": "Asia/Shanghai",
    "quiet_hours": "21:30-08:00",
    "language": "zh",
    "caps": {"day": 2, "week": None},
    "topics": {"damp-air": {"email": False}},
    "stopped": ["cold"],
    "snoozed": {"*": "2026-12-01T00:00:00Z"},
}


def patch(cloud: Cloud, path: str, body: dict[str, Any]) -> TestResponse:
    return cloud.app.test_client().patch(f"/api/v1/{path}/preferences", json=body)


def test_what_is_said_is_kept_and_a_patch_leaves_the_rest(cloud: Cloud) -> None:
    assert patch(cloud, "people/ada-1", SAID).get_json() == SAID
    assert patch(cloud, "people/ada-1", {"quiet_hours": "", "caps": None}).status_code == 200
    assert cloud.get("people/ada-1/preferences") == SAID | {"quiet_hours": "", "caps": {}}
    nothing: dict[str, Any] = {"timezone": None, "quiet_hours": None, "language": None, "caps": {}, "topics": {}}
    assert cloud.get("households/ada/preferences") == nothing | {"stopped": [], "snoozed": {}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone is Mars/Olympus, expected a time zone of the IANA database"),
        ({"quiet_hours": "late"}, "quiet_hours is late, expected a window of local time such as 22:00-08:00"),
        ({"quiet_hours": "08:00-08:00"}, "quiet_hours is 08:00-08:00"),
        ({"caps": {"day": -1}}, "day"),
        ({"language": "English"}, "language"),
        ({"loud": True}, "loud"),
    ],
)
def test_what_cannot_hold_is_refused_with_a_reason(cloud: Cloud, body: dict[str, Any], said: str) -> None:
    response = patch(cloud, "people/ada-1", body)
    assert response.status_code == 422
    assert said in response.get_json()["detail"]


def test_who_is_not_there_has_no_preferences(cloud: Cloud) -> None:
    assert patch(cloud, "people/nobody", {}).status_code == 404
    assert cloud.app.test_client().get("/api/v1/households/nobody/preferences").status_code == 404
    assert cloud.app.test_client().get("/api/v1/me/preferences").status_code == 401


def test_a_need_that_somebody_has_stopped_brings_no_push(cloud: Cloud) -> None:
    assert patch(cloud, "households/ada", {"stopped": ["damp-air"]}).status_code == 200
    cloud.post(batch(humidity(DAMP)))
    assert cloud.get("households/ada/inbox")["pushes"] == []
    [row] = cloud.get("decisions")["rows"]
    assert row["reason"] == "ada-1 wants no offers about damp-air"


class TestWhoseWordCounts:
    def test_a_persons_before_the_households_before_the_stores(self) -> None:
        person = Preferences(language="zh", caps={"day": None})
        household = Preferences(language="fr", caps={"day": 0, "week": 1})
        both = Wishes(person=person, household=household)
        assert (both.language(STORE), both.caps(STORE)) == ("zh", Caps(day=None, week=1, apart_h=20.0))
        assert Wishes(household=household).caps(STORE) == Caps(day=0, week=1, apart_h=20.0)
        assert (Wishes().language(STORE), Wishes().caps(STORE)) == ("en", STORE.caps)

    @pytest.mark.parametrize(
        ("person", "household", "site", "zone", "known", "quiet"),
        [
            ("Asia/Kathmandu", "Asia/Tokyo", "Europe/Berlin", "Asia/Kathmandu", True, "22:00-08:00"),
            (None, "Asia/Tokyo", "Europe/Berlin", "Asia/Tokyo", True, "22:00-08:00"),
            (None, None, "Europe/Berlin", "Europe/Berlin", True, "22:00-08:00"),
            ("Mars/Olympus", None, "Europe/Berlin", "Europe/Berlin", True, "22:00-08:00"),
            (None, None, "UTC", "Europe/Paris", False, "20:00-10:00"),
            ("Mars/Olympus", None, "Mars/Olympus", "Europe/Paris", False, "20:00-10:00"),
        ],
    )
    def test_zones(
        self, person: str | None, household: str | None, site: str, zone: str, known: bool, quiet: str
    ) -> None:
        both = Wishes(person=Preferences(timezone=person), household=Preferences(timezone=household))
        place = both.place(site, STORE)
        assert (place.zone.key, place.known, str(place.quiet)) == (zone, known, quiet)

    def test_either_may_stop_or_put_off_a_need(self) -> None:
        tomorrow = NOW + timedelta(days=1)
        both = Wishes(person=Preferences(stopped=["cold"]), household=Preferences(snoozed={"*": tomorrow}))
        assert (both.has_stopped("cold"), both.has_stopped("heat")) == (True, False)
        assert both.snoozed_until("heat") == tomorrow
        assert not both.leaves_room("heat", "in-app", NOW)
        assert both.leaves_room("heat", "in-app", tomorrow)

    def test_what_names_the_need_and_the_channel_goes_before_what_names_all(self) -> None:
        said = Preferences(topics={"*": {"*": False, "email": True}, "heat": {"sns": True}})
        heard = {(need, channel): not said.has_muted(need, channel) for need in ("heat", "cold") for channel in "es"}
        assert heard == {("heat", "e"): False, ("heat", "s"): False, ("cold", "e"): False, ("cold", "s"): False}
        assert not said.has_muted("heat", "sns")
        assert not said.has_muted("cold", "email")
        assert said.has_muted("cold", "sns")

    def test_instants_keep_their_zone(self, cloud: Cloud) -> None:
        patch(cloud, "people/ada-1", {"snoozed": {"heat": "2026-12-01T01:00:00+01:00"}})
        kept = cloud.get("people/ada-1/preferences")["snoozed"]["heat"]
        assert datetime.fromisoformat(kept) == datetime(2026, 12, 1, tzinfo=UTC)
