"""Keys, one-time codes and links: shown once, rotated, revoked, counted; and what is written down about them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from tests.cloud.stage import NOW, Cloud, batch, humidity
from werkzeug.test import TestResponse

from aircue_cloud import audit, db, tables
from aircue_cloud.app import create_app
from aircue_cloud.config import Config
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import codes, gateway_keys, keys, rates
from aircue_cloud.identity.rates import Limit

CONSENT = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app", "granted": True}
CONSENTS = "/api/v1/households/ada/consents"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def partner(cloud: Cloud, *scopes: str, name: str = "shop") -> str:
    with db.writing(cloud.engine) as connection:
        return keys.add(connection, "partner", name, scopes, NOW)


def get(cloud: Cloud, key: str, path: str = "/api/v1/feed") -> int:
    return cloud.app.test_client().get(path, headers=bearer(key)).status_code


def post(cloud: Cloud, key: str) -> TestResponse:
    return cloud.app.test_client().post(CONSENTS, json=CONSENT, headers=bearer(key))


def test_a_key_may_do_what_its_scopes_say_and_nothing_else(cloud: Cloud) -> None:
    key = partner(cloud, "feed:read")
    assert get(cloud, key) == 200
    refused = post(cloud, key)
    assert (refused.status_code, refused.content_type) == (403, "application/problem+json")
    assert "consents:write" in refused.get_json()["detail"]


def test_a_scope_that_nobody_knows_is_named(cloud: Cloud) -> None:
    with pytest.raises(CommandError, match="no scope feed:eat; known are audit:read"):
        partner(cloud, "feed:eat")


def test_a_key_of_one_kind_is_none_of_another(cloud: Cloud) -> None:
    key = partner(cloud, "feed:read")
    assert cloud.post(batch(humidity([50.0])), key=key).status_code == 401
    assert get(cloud, cloud.key) == 403


def test_a_key_is_not_in_the_database(cloud: Cloud) -> None:
    key = partner(cloud, "feed:read")
    assert not any(key in str(row) or key.partition(".")[2] in str(row) for row in cloud.rows(tables.keys))


def test_a_rotated_key_holds_until_the_overlap_is_over(cloud: Cloud) -> None:
    old = partner(cloud, "feed:read")
    with db.writing(cloud.engine) as connection:
        new = keys.rotate(connection, "partner", "shop", NOW, timedelta(hours=1))
        newest = keys.rotate(connection, "partner", "shop", NOW, timedelta(hours=5))
    cloud.clock.now += timedelta(minutes=59)
    assert [get(cloud, key) for key in (old, new, newest)] == [200, 200, 200]
    cloud.clock.now += timedelta(minutes=1)
    assert [get(cloud, key) for key in (old, new, newest)] == [401, 200, 200]
    cloud.clock.now += timedelta(hours=4)
    assert [get(cloud, key) for key in (old, new, newest)] == [401, 401, 200]


def test_a_revoked_key_ends_at_once_and_its_name_may_come_again(cloud: Cloud) -> None:
    key = partner(cloud, "feed:read")
    with db.writing(cloud.engine) as connection:
        assert keys.revoke(connection, "partner", "shop", NOW) == 1
    assert get(cloud, key) == 401
    with db.writing(cloud.engine) as connection, pytest.raises(CommandError, match="no key that holds"):
        keys.revoke(connection, "partner", "shop", NOW)
    assert get(cloud, partner(cloud, "feed:read")) == 200


def test_the_last_use_of_a_key_is_known_to_the_minute(cloud: Cloud) -> None:
    key = partner(cloud, "feed:read")

    def last() -> Any:
        return cloud.rows(tables.keys)[-1]["last_used_at"]

    assert last() is None
    get(cloud, key)
    cloud.clock.now += timedelta(seconds=59)
    get(cloud, key)
    assert last() == NOW
    cloud.clock.now += timedelta(seconds=1)
    get(cloud, key)
    assert last() == NOW + timedelta(minutes=1)


@dataclass
class Enrolment:
    cloud: Cloud

    def code(self, kind: str = "gateway", name: str = "gw-2") -> str:
        with db.writing(self.cloud.engine) as connection:
            if kind == "gateway":
                gateway_keys.expect(connection, name, self.cloud.clock.now)
            return codes.draw(connection, kind, name, self.cloud.clock.now)

    def use(self, code: Any) -> TestResponse:
        return self.cloud.app.test_client().post("/api/v1/enrolments", json={"code": code})


@pytest.fixture
def enrolment(cloud: Cloud) -> Enrolment:
    return Enrolment(cloud)


def test_a_gateway_gets_its_key_for_a_code_once(cloud: Cloud, enrolment: Enrolment) -> None:
    code = enrolment.code()
    done = enrolment.use(code)
    assert (done.status_code, done.get_json()["name"]) == (201, "gw-2")
    content = batch(humidity([50.0]), gateway="gw-2")
    assert cloud.post(content, key=done.get_json()["key"]).status_code == 200
    assert enrolment.use(code).status_code == 401


def test_a_gateway_that_has_a_key_gets_another_and_the_old_one_holds_for_a_while(
    cloud: Cloud, enrolment: Enrolment
) -> None:
    key = enrolment.use(enrolment.code(name="gw-1")).get_json()["key"]
    assert [get(cloud, each, "/api/v1/rules") for each in (key, cloud.key)] == [200, 200]
    cloud.clock.now += keys.OVERLAP
    assert [get(cloud, each, "/api/v1/rules") for each in (key, cloud.key)] == [200, 401]


def test_a_code_is_over_after_its_minutes_and_when_there_is_a_newer_one(cloud: Cloud, enrolment: Enrolment) -> None:
    older, newer = enrolment.code(), enrolment.code()
    assert enrolment.use(older).status_code == 401
    cloud.clock.now += timedelta(minutes=15)
    assert enrolment.use(newer).status_code == 401


@pytest.mark.parametrize("code", ["", "x", "main.x", "none.x", 5, None])
def test_what_is_no_code_gets_no_key(enrolment: Enrolment, code: Any) -> None:
    assert enrolment.use(code).status_code in (401, 422)


def test_nobody_may_try_codes_for_ever(enrolment: Enrolment) -> None:
    tries = [enrolment.use("main.x").status_code for _ in range(rates.CODES_BY_ADDRESS.most + 1)]
    assert (set(tries[:-1]), tries[-1]) == ({401}, 429)


def test_a_node_gets_its_key_the_same_way(cloud: Cloud, enrolment: Enrolment) -> None:
    answer = enrolment.use(enrolment.code("node", "bathroom")).get_json()
    assert (answer["kind"], answer["name"]) == ("node", "bathroom")
    assert get(cloud, answer["key"]) == 403


@pytest.fixture
def link(cloud: Cloud) -> str:
    with db.writing(cloud.engine) as connection:
        return f"/me/link/{codes.draw(connection, 'shopper', 'ada-1', NOW)}"


def test_a_shoppers_link_signs_in_once_and_only_when_the_person_says_so(cloud: Cloud, link: str) -> None:
    client = cloud.app.test_client()
    assert client.get("/me").status_code == 401
    assert [client.get(link).status_code for _ in range(3)] == [200, 200, 200]
    assert client.get("/me").status_code == 401
    assert client.post(link).status_code == 303
    assert "(ada-1)" in client.get("/me").text
    assert cloud.app.test_client().post(link).status_code == 401


def test_a_shoppers_link_ends_and_is_no_way_into_anything_else(cloud: Cloud, link: str) -> None:
    code = link.rpartition("/")[2]
    assert Enrolment(cloud).use(code).status_code == 401
    cloud.clock.now += timedelta(hours=24)
    assert cloud.app.test_client().post(link).status_code == 401


def test_a_shopper_signs_out_and_writes_only_from_a_page_of_ours(cloud: Cloud, link: str) -> None:
    client: FlaskClient = cloud.app.test_client()
    client.post(link)
    assert client.post("/me/sign-out").status_code == 403
    found = client.get("/me").text.partition('name="form_word" value="')[2][:64]
    assert client.post("/me/sign-out", data={"form_word": found}).status_code == 303
    assert client.get("/me").status_code == 401


def test_a_shopper_is_no_operator(cloud: Cloud, link: str) -> None:
    client = cloud.app.test_client()
    client.post(link)
    cookie = client.get_cookie("aircue-shopper")
    assert cookie is not None
    client.set_cookie("aircue-operator", cookie.value)
    assert client.get("/account").status_code == 401


def limited(cloud: Cloud, most: int) -> FlaskClient:
    """Another server on the same store, which lets a key ask so often in a minute."""
    config = Config(data_dir=str(cloud.folder.parents[1]), database_url=cloud.database_url, requests_per_minute=most)
    return create_app(config, affinity=cloud.affinity, clock=cloud.clock).test_client()


@pytest.mark.parametrize("most", [1, 7, 100])
def test_two_servers_together_let_a_key_ask_no_more_often_than_it_may(cloud: Cloud, most: int) -> None:
    headers = bearer(partner(cloud, "feed:read"))
    servers = [limited(cloud, most) for _ in range(2)]

    def asked() -> list[int]:
        return [servers[n % 2].get("/api/v1/feed", headers=headers).status_code for n in range(most + 40)]

    for _ in range(2):
        counted = asked().count(200)
        lease = max(1, most // 20)
        assert most - 2 * lease < counted <= most
        late = servers[0].get("/api/v1/feed", headers=headers)
        assert (late.status_code, 0 < int(late.headers["Retry-After"]) <= 60) == (429, True)
        assert late.content_type == "application/problem+json"
        cloud.clock.now += timedelta(minutes=1)


def test_a_window_is_over_when_it_says_so(cloud: Cloud) -> None:
    limit = Limit(what="x", most=2, window=timedelta(seconds=60))
    at = NOW + timedelta(seconds=42.5)
    with db.writing(cloud.engine) as connection:
        assert [rates.take(connection, limit, "a", at) for _ in range(3)] == [0, 0, 18]
        assert rates.take(connection, limit, "b", at) == 0
        assert rates.take(connection, limit, "a", NOW + timedelta(seconds=60)) == 0


def acts(cloud: Cloud) -> list[tuple[str, str, str, str, str]]:
    with db.reading(cloud.engine) as connection:
        found = audit.listed(connection, 0, 100)
    return [(one.actor, one.action, one.target, one.outcome, one.address) for one in found]


def test_every_write_of_a_key_is_written_down_with_how_it_went(cloud: Cloud) -> None:
    may, may_not = partner(cloud, "consents:write"), partner(cloud, "feed:read", name="reader")
    assert [post(cloud, key).status_code for key in (may, may_not)] == [201, 403]
    get(cloud, may_not)
    action, where = "POST households.post_consent", "127.0.0.1"
    assert acts(cloud) == [
        ("partner shop", action, CONSENTS, "done", where),
        ("partner reader", action, CONSENTS, "403", where),
    ]


def test_batches_are_not_written_down_twice(cloud: Cloud) -> None:
    cloud.post(batch(humidity([50.0])))
    assert acts(cloud) == []


def test_the_audit_log_is_for_owners(cloud: Cloud) -> None:
    post(cloud, partner(cloud, "consents:write"))
    page = cloud.get("audit", partner(cloud, "audit:read", name="auditor"))
    assert [row["actor"] for row in page["rows"]] == ["partner shop"]
    assert get(cloud, partner(cloud, "feed:read", name="reader"), "/api/v1/audit") == 403
