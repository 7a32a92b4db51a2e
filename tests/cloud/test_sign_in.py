"""Operators: signing in and out, second factors, roles, and what keeps others out."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from flask.testing import FlaskClient
from tests.cloud.stage import NOW, Cloud
from werkzeug.test import TestResponse

from aircue_cloud import audit, db, tables
from aircue_cloud.app import create_app
from aircue_cloud.config import Config
from aircue_cloud.errors import CommandError, SettingsError
from aircue_cloud.identity import operators, passwords, rates, sessions, totp
from aircue_cloud.identity.scopes import ALL, ROLES

PASSWORD = "correct horse battery"
CONSENT = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app", "granted": True}
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASHED = QUICK.hash(PASSWORD)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real function with parameters that nobody should use elsewhere."""
    monkeypatch.setattr(passwords, "_HASHER", QUICK)


def add(cloud: Cloud, name: str = "olga", role: str = "owner") -> None:
    with db.writing(cloud.engine) as connection:
        operators.add(connection, name, HASHED, role, NOW)


def word(response: TestResponse) -> str:
    """What the forms of a page carry."""
    found = re.search(r'name="form_word" value="([0-9a-f]{64})"', response.text)
    assert found is not None, response.text
    return found[1]


@dataclass
class Browser:
    """One browser with its cookies."""

    cloud: Cloud
    client: FlaskClient

    def sign_in(self, name: str = "olga", password: str = PASSWORD, **fields: str) -> TestResponse:
        carried = word(self.client.get("/sign-in"))
        form = {"form_word": carried, "store": "main", "name": name, "password": password, **fields}
        return self.client.post("/sign-in", data=form)

    def word(self) -> str:
        return word(self.client.get("/account"))

    def post(self, path: str, **fields: str) -> TestResponse:
        return self.client.post(path, data={"form_word": self.word(), **fields})

    @property
    def is_in(self) -> bool:
        return self.client.get("/console").status_code == 200


@pytest.fixture
def browser(cloud: Cloud) -> Callable[[], Browser]:
    return lambda: Browser(cloud, cloud.app.test_client())


@pytest.fixture
def olga(cloud: Cloud, browser: Callable[[], Browser]) -> Browser:
    """An owner who is signed in."""
    add(cloud)
    made = browser()
    assert made.sign_in().status_code == 303
    return made


def test_without_an_operator_this_machine_needs_no_sign_in_and_with_one_it_does(
    cloud: Cloud, browser: Callable[[], Browser]
) -> None:
    assert browser().is_in
    add(cloud)
    refused = cloud.app.test_client().get("/api/v1/status")
    assert (refused.status_code, refused.content_type) == (401, "application/problem+json")
    page = cloud.app.test_client().get("/console?window=6h", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (page.status_code, page.headers["Location"]) == (302, "/sign-in?next=/console?window%3D6h")


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        # Chromium's, Firefox's, curl's.
        (
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
                "application/signed-exchange;v=b3;q=0.7"
            ),
            302,
        ),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 302),
        ("*/*", 401),
    ],
)
def test_browsers_are_led_to_the_sign_in_page_and_programs_are_told(cloud: Cloud, accept: str, code: int) -> None:
    add(cloud)
    assert cloud.app.test_client().get("/console", headers={"Accept": accept}).status_code == code


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Forwarded-Host"])
def test_what_came_by_way_of_a_proxy_is_never_this_machine(cloud: Cloud, header: str) -> None:
    assert cloud.app.test_client().get("/api/v1/status", headers={header: "127.0.0.1"}).status_code == 401


def test_an_operator_signs_in_and_out(olga: Browser, browser: Callable[[], Browser]) -> None:
    assert olga.is_in
    assert not browser().is_in
    assert olga.post("/sign-out").status_code == 303
    assert not olga.is_in


@pytest.mark.parametrize(
    ("name", "password", "store"),
    [
        ("olga", "correct horse batterz", "main"),
        ("nobody", PASSWORD, "main"),
        ("olga", "", "main"),
        ("olga", PASSWORD, "other"),
        ("olga", PASSWORD, "../main"),
    ],
)
def test_what_is_wrong_is_not_told_apart(
    cloud: Cloud, browser: Callable[[], Browser], name: str, password: str, store: str
) -> None:
    add(cloud)
    made = browser()
    response = made.sign_in(name, password, store=store)
    assert response.status_code == 401
    assert "Name, password or code is not right." in response.text
    assert not made.is_in


def test_no_account_and_no_address_may_try_for_ever(cloud: Cloud, browser: Callable[[], Browser]) -> None:
    add(cloud)
    tries = [browser().sign_in(password="x").status_code for _ in range(rates.SIGN_IN_BY_ACCOUNT.most)]
    assert set(tries) == {401}
    late = browser().sign_in()
    assert (late.status_code, int(late.headers["Retry-After"]) <= 15 * 60) == (429, True)
    assert browser().sign_in("another", "x").status_code == 401
    cloud.clock.now += timedelta(minutes=15)
    assert browser().sign_in().status_code == 303


def test_an_address_that_tries_many_names_has_to_wait(
    cloud: Cloud, browser: Callable[[], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = rates.Limit(what="sign-in address", most=3, window=timedelta(minutes=15))
    monkeypatch.setattr(rates, "SIGN_IN_BY_ADDRESS", few)
    add(cloud)
    assert [browser().sign_in(f"name-{n}", "x").status_code for n in range(4)] == [401, 401, 401, 429]


def test_a_session_ends_when_nobody_uses_it_and_after_its_whole_life(cloud: Cloud, olga: Browser) -> None:
    life = sessions.LIVES[sessions.OPERATOR]
    steps = int(life.whole / (life.idle / 2))
    for _ in range(steps):
        cloud.clock.now += life.idle / 2
        assert olga.is_in
    cloud.clock.now += timedelta(seconds=1)
    assert not olga.is_in
    assert olga.sign_in().status_code == 303
    cloud.clock.now += life.idle + timedelta(seconds=1)
    assert not olga.is_in


def test_the_token_is_another_one_after_each_sign_in_and_is_not_stored(cloud: Cloud, olga: Browser) -> None:
    def token() -> str:
        cookie = olga.client.get_cookie("aircue-operator")
        assert cookie is not None
        return str(cookie.value)

    first = token()
    assert olga.sign_in().status_code == 303
    assert token() != first
    assert first.startswith("main.")
    olga.client.set_cookie("aircue-operator", first)
    assert not olga.is_in
    assert not any(first in str(row) or token() in str(row) for row in cloud.rows(tables.sessions))


def test_signing_out_everywhere_ends_every_session(olga: Browser, browser: Callable[[], Browser]) -> None:
    other = browser()
    other.sign_in()
    assert olga.post("/sign-out-everywhere").status_code == 303
    assert (olga.is_in, other.is_in) == (False, False)


def test_a_new_password_ends_the_other_sessions(olga: Browser, browser: Callable[[], Browser]) -> None:
    other = browser()
    other.sign_in()
    assert "not right" in olga.post("/account/password", password="x", new="a long enough one").text
    assert "expected 12" in olga.post("/account/password", password=PASSWORD, new="short").text
    assert olga.post("/account/password", password=PASSWORD, new="a long enough one").status_code == 303
    assert (olga.is_in, other.is_in) == (True, False)
    assert browser().sign_in(password="a long enough one").status_code == 303


def code_at(secret: str, cloud: Cloud) -> str:
    """By the library itself."""
    return TOTP(base64.b32decode(secret), 6, SHA1(), 30).generate(int(cloud.clock.now.timestamp())).decode()


@pytest.fixture
def second_factor(cloud: Cloud, olga: Browser) -> tuple[str, list[str]]:
    """Olga's secret and her recovery codes."""
    shown = olga.post("/account/second-factor").text
    found = re.search(r"<code>([A-Z2-7]{32})</code>", shown)
    assert found is not None
    done = olga.post("/account/second-factor/code", code=code_at(found[1], cloud)).text
    return found[1], re.findall(r"<code>([0-9a-f]{4}(?:-[0-9a-f]{4}){4})</code>", done)


def test_a_second_factor_is_asked_for_once_it_was_shown_to_work(
    cloud: Cloud, browser: Callable[[], Browser], second_factor: tuple[str, list[str]]
) -> None:
    secret, _ = second_factor
    cloud.clock.now += timedelta(seconds=30)
    assert browser().sign_in().status_code == 401
    assert browser().sign_in(code="000000").status_code == 401
    assert browser().sign_in(code=code_at(secret, cloud)).status_code == 303


def test_a_code_counts_once(cloud: Cloud, browser: Callable[[], Browser], second_factor: tuple[str, list[str]]) -> None:
    secret, _ = second_factor
    assert browser().sign_in(code=code_at(secret, cloud)).status_code == 401  # the one that set it up
    cloud.clock.now += timedelta(seconds=30)
    code = code_at(secret, cloud)
    assert [browser().sign_in(code=code).status_code for _ in range(2)] == [303, 401]


def test_a_recovery_code_lets_in_once(browser: Callable[[], Browser], second_factor: tuple[str, list[str]]) -> None:
    codes = second_factor[1]
    assert len(set(codes)) == operators.RECOVERY_CODES
    assert [browser().sign_in(code=codes[0].upper()).status_code for _ in range(2)] == [303, 401]
    assert browser().sign_in(code=codes[1]).status_code == 303


def test_a_second_factor_that_never_worked_is_not_asked_for(olga: Browser, browser: Callable[[], Browser]) -> None:
    olga.post("/account/second-factor")
    assert "not right" in olga.post("/account/second-factor/code", code="000000").text
    assert browser().sign_in().status_code == 303


# RFC 6238, appendix B, SHA-1; its secret is the ASCII text 12345678901234567890. The last six of its eight digits.
@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (2000000000, "279037"), (20000000000, "353130")]
)
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    at = tables.columns.EPOCH + timedelta(seconds=seconds)
    assert totp.step_of(secret, code, None, at) == seconds // 30
    assert totp.step_of(secret, code, seconds // 30, at) is None
    assert totp.step_of(secret, code, None, at + timedelta(seconds=90)) is None


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_its_scopes_say(cloud: Cloud, browser: Callable[[], Browser], role: str) -> None:
    add(cloud, "olga", role)
    made = browser()
    made.sign_in()
    assert made.client.get("/api/v1/households").status_code == 200
    headers = {"X-Form-Word": made.word()}
    answer = made.client.post("/api/v1/households/ada/consents", json=CONSENT, headers=headers)
    assert answer.status_code == (201 if "consents:write" in ROLES[role] else 403)


def test_only_owners_do_everything_and_viewers_change_nothing() -> None:
    assert ROLES["owner"] == ALL
    assert not any(scope.endswith(":write") for scope in ROLES["viewer"])
    assert ROLES["viewer"] < ROLES["operator"] < ROLES["owner"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Form-Word": "0" * 64},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
    ],
)
def test_another_sites_page_writes_nothing_in_an_operators_name(
    cloud: Cloud, olga: Browser, headers: dict[str, str]
) -> None:
    before = len(cloud.rows(tables.consents))
    carried = headers if len(headers) == 0 or "X-Form-Word" in headers else {"X-Form-Word": olga.word(), **headers}
    answer = olga.client.post("/api/v1/households/ada/consents", json=CONSENT, headers=carried)
    assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
    assert len(cloud.rows(tables.consents)) == before


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_sites_page_writes_nothing_while_there_is_no_sign_in_either(
    cloud: Cloud, headers: dict[str, str]
) -> None:
    answer = cloud.app.test_client().post("/api/v1/households/ada/consents", json=CONSENT, headers=headers)
    assert answer.status_code == 403


def test_signing_in_from_another_sites_page_is_refused(cloud: Cloud, browser: Callable[[], Browser]) -> None:
    """Nobody is signed in as somebody else without knowing it."""
    add(cloud)
    form = {"name": "olga", "password": PASSWORD, "form_word": "0" * 64}
    assert cloud.app.test_client().post("/sign-in", data=form).status_code == 403
    made = browser()
    made.client.get("/sign-in")
    assert made.client.post("/sign-in", data=form).status_code == 403


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        ("/console?window=6h", "/console?window=6h"),
        ("//evil.example", "/console"),
        ("https://evil.example", "/console"),
        ("/\\evil.example", "/console"),
        ("javascript:alert(1)", "/console"),
        ("", "/console"),
    ],
)
def test_after_signing_in_one_stays_on_this_server(
    cloud: Cloud, browser: Callable[[], Browser], wanted: str, gone: str
) -> None:
    add(cloud)
    assert browser().sign_in(next=wanted).headers["Location"] == gone


def test_what_is_typed_is_shown_as_text(browser: Callable[[], Browser]) -> None:
    shown = browser().sign_in('"><script>alert(1)</script>', "x").text
    assert "<script>" not in shown


def served(cloud: Cloud, **keys: Any) -> FlaskClient:
    """The same cloud as others reach it."""
    config = Config(data_dir=str(cloud.folder.parents[1]), database_url=cloud.database_url, **keys)
    return create_app(config, affinity=cloud.affinity, clock=cloud.clock).test_client()


def test_a_cookie_is_for_this_host_over_https_and_not_for_scripts(cloud: Cloud) -> None:
    add(cloud)
    client = served(cloud, public_url="https://air.example", trusted_proxies=1)
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "air.example", "X-Forwarded-For": "192.0.2.7"}
    page = client.get("/sign-in", headers=headers, base_url="https://air.example")
    form = {"form_word": word(page), "name": "olga", "password": PASSWORD}
    done = client.post("/sign-in", data=form, headers=headers, base_url="https://air.example")
    cookie = done.headers["Set-Cookie"]
    assert cookie.startswith("__Host-aircue-operator=main.")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "max-age=" in done.headers["Strict-Transport-Security"]
    assert cloud.rows(tables.sessions)[0]["address"] == "192.0.2.7"


def test_a_proxy_that_is_not_trusted_is_not_believed(cloud: Cloud) -> None:
    add(cloud)
    browser = Browser(cloud, cloud.app.test_client())
    browser.client.environ_base["HTTP_X_FORWARDED_FOR"] = "192.0.2.7"
    assert browser.sign_in().status_code == 303
    assert cloud.rows(tables.sessions)[0]["address"] == "127.0.0.1"


def test_who_can_be_reached_from_elsewhere_needs_an_operator(cloud: Cloud) -> None:
    with pytest.raises(SettingsError, match="aircue-cloud operator add"):
        served(cloud, host="0.0.0.0", public_url="http://air.example:8400")
    add(cloud)
    client = served(cloud, host="0.0.0.0", public_url="http://air.example:8400")
    assert client.get("/api/v1/status", headers={"Host": "air.example:8400"}).status_code == 401
    assert client.get("/api/v1/status", headers={"Host": "evil.example"}).status_code == 400


def test_every_answer_carries_the_headers_that_keep_a_browser_safe(cloud: Cloud) -> None:
    for path in ("/sign-in", "/console", "/api/v1/status", "/api/v1/nothing", "/console/static/console.css"):
        response = cloud.app.test_client().get(path)
        response.close()
        headers = response.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]


def test_sign_ins_are_in_the_audit_log(cloud: Cloud, olga: Browser) -> None:
    olga.sign_in(password="wrong")
    with db.reading(cloud.engine) as connection:
        found = [(one.actor, one.action, one.outcome) for one in audit.listed(connection, 0, 10)]
    assert found == [("operator olga", "sign in", "done"), ("operator olga", "sign in", "refused")]


def test_the_last_owner_stays(cloud: Cloud) -> None:
    add(cloud)
    with db.writing(cloud.engine) as connection, pytest.raises(CommandError, match="last owner"):
        operators.remove(connection, "olga")
    with db.writing(cloud.engine) as connection, pytest.raises(CommandError, match="last owner"):
        operators.set_role(connection, "olga", "viewer")


def test_a_removed_operator_is_out_at_once_and_a_new_role_holds_at_once(cloud: Cloud, olga: Browser) -> None:
    add(cloud, "omar")
    with db.writing(cloud.engine) as connection:
        operators.set_role(connection, "olga", "viewer")
    answer = olga.client.post("/api/v1/households/ada/consents", json=CONSENT, headers={"X-Form-Word": olga.word()})
    assert answer.status_code == 403
    with db.writing(cloud.engine) as connection:
        operators.remove(connection, "olga")
    assert not olga.is_in
