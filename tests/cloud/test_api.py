"""The API at its border: every error is a problem document that says what was expected."""

from typing import Any

import pytest
from tests.cloud.stage import Cloud

CONSENT = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app", "granted": True}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/v1/nothing", 404, "not found"),
        ("/api/v1/batches", 405, "not allowed"),
        ("/api/v1/readings?limit=0", 400, "limit is '0', expected a whole number from 1 to 10000"),
        ("/api/v1/readings?limit=x", 400, "limit is 'x'"),
        ("/api/v1/readings?limit=%C2%B2", 400, "limit is"),
        ("/api/v1/feed?after=-1", 400, "after is '-1'"),
        ("/api/v1/feed?after=99999999999999999999", 400, "after is"),
        ("/api/v1/households/nobody/inbox", 404, "household 'nobody' is not known"),
        ("/api/v1/households/nobody/consents", 404, "household 'nobody' is not known"),
    ],
)
def test_errors_are_problem_documents(cloud: Cloud, path: str, status: int, said: str) -> None:
    response = cloud.app.test_client().get(path)
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    document = response.get_json()
    assert document["status"] == status
    assert said in document["detail"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (CONSENT | {"purpose": "gossip"}, 422, "'purpose' is 'gossip', expected one of marketing"),
        (CONSENT | {"channel": "inapp"}, 422, "'channel' is 'inapp', expected one of in-app"),
        (CONSENT | {"granted": 1}, 422, "'granted' is 1, expected bool"),
        (CONSENT | {"why": "x"}, 422, "unknown field 'why'; known fields: purpose"),
        ({"purpose": "marketing"}, 422, "'data_category' is None, expected str"),
        ([], 422, "no JSON object"),
    ],
)
def test_a_consent_that_is_none_is_refused(cloud: Cloud, body: Any, status: int, said: str) -> None:
    response = cloud.app.test_client().post("/api/v1/households/ada/consents", json=body)
    assert response.status_code == status
    assert said in response.get_json()["detail"]
    assert len(cloud.get("households/ada/consents")["history"]) == 1


def test_a_form_from_another_page_is_no_consent(cloud: Cloud) -> None:
    """A page elsewhere can make a browser send a form, but no JSON."""
    response = cloud.app.test_client().post("/api/v1/households/ada/consents", data=CONSENT)
    assert (response.status_code, response.content_type) == (415, "application/problem+json")


def test_a_name_that_is_made_to_lead_here_is_not_answered(cloud: Cloud) -> None:
    response = cloud.app.test_client().get("/api/v1/readings", headers={"Host": "evil.example:8400"})
    assert response.status_code == 400


def test_a_loopback_name_with_any_port_is_answered(cloud: Cloud) -> None:
    for host in ("localhost:8400", "127.0.0.1:9", "[::1]:8400"):
        assert cloud.app.test_client().get("/api/v1/status", headers={"Host": host}).status_code == 200


def test_households_are_listed_with_their_sites(cloud: Cloud) -> None:
    assert cloud.get("households") == {"households": [{"id": "ada", "name": "Ada's", "sites": ["home-1"]}]}


def test_status_names_every_figure_from_the_start(bare: Cloud) -> None:
    figures = bare.get("status")
    assert {name for name, value in figures.items() if value == 0} == {
        "readings",
        "batches",
        "redelivered_batches",
        "refused_batches",
        "oversized_batches",
        "unknown_keys",
        "duplicates",
        "gaps",
        "suppressed",
        "revised",
        "unknown_revisions",
        "forged_callbacks",
        "losses",
        "nodes",
        "episodes",
        "decisions",
        "pushes",
        "outbox_open",
        "outbox_handed",
        "outbox_in_doubt",
    }


@pytest.mark.parametrize("host", ["", "[::1", "127.0.0.1.evil.example", "[fe80::1]"])
def test_a_host_that_is_no_loopback_name_is_not_answered(cloud: Cloud, host: str) -> None:
    response = cloud.app.test_client().get("/api/v1/status", headers={"Host": host})
    assert response.status_code == 400
    assert "this server is not called" in response.get_json()["detail"]
