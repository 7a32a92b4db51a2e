"""Refusals: a page with the next step for whoever looks at a page, a problem document for programs."""

import pytest
from flask.testing import FlaskClient
from tests.cloud.stage import NOW, Cloud
from tests.cloud.web.hands import hands, is_clean, words
from werkzeug.test import TestResponse

from aircue_cloud import db
from aircue_cloud.identity import operators
from aircue_cloud.problems import CONTENT_TYPE
from aircue_cloud.web import navigation
from aircue_cloud.web.pages import catalogue

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def is_page(answer: TestResponse) -> bool:
    policy = answer.headers["Content-Security-Policy"]
    return answer.mimetype == "text/html" and "self" in policy and "unsafe" not in policy


def in_frame(answer: TestResponse) -> bool:
    return 'class="rail"' in answer.text


@pytest.mark.parametrize(
    ("path", "status", "step"),
    [
        ("/console/nothing", 404, "Look for it by its name"),
        ("/console/homes/nowhere", 404, "Look for it by its name"),
        ("/console/catalogue?format=csv&table=nothing", 404, "Look for it by its name"),
        ("/console/needs/damp-air/retire", 405, "use the button there"),
    ],
)
def test_a_refusal_of_the_console_is_a_page_in_its_frame_with_the_next_step(
    cloud: Cloud, path: str, status: int, step: str
) -> None:
    answer = cloud.app.test_client().get(path, headers=PAGE)
    assert (answer.status_code, is_page(answer), in_frame(answer)) == (status, True, True)
    assert step in words(answer)


def test_an_expired_form_and_a_role_that_may_not_are_pages(cloud: Cloud) -> None:
    viewer = hands(cloud, "viewer")
    expired = viewer.client.post("/console/switch", data={"form_word": "of yesterday"}, headers=PAGE)
    assert (expired.status_code, is_page(expired), in_frame(expired)) == (403, True, False)
    assert "load its page again" in words(expired)
    denied = viewer.client.get("/console/users", headers=PAGE)
    assert (denied.status_code, in_frame(denied)) == (403, True)
    assert "needs the scope operators:read" in words(denied)
    assert "ask an owner" in words(denied)
    assert denied.text.count("data-key=") < len(navigation.ENTRIES)  # the menu of a viewer


def test_whoever_signed_out_meanwhile_is_sent_to_sign_in(cloud: Cloud) -> None:
    viewer = hands(cloud, "viewer")
    with db.writing(cloud.engine) as connection:
        operators.add(connection, "olga", "no hash", "owner", NOW)
        operators.remove(connection, "viewer")
    answer = viewer.client.post("/console/switch", data={"form_word": viewer.word}, headers=PAGE)
    assert (answer.status_code, is_page(answer)) == (401, True)
    assert 'href="/sign-in"' in answer.text


def test_a_fault_of_ours_is_a_page_and_tells_nothing_of_itself(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(catalogue.frame, "page", fails)
    cloud.app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = cloud.app.test_client().get("/console/catalogue", headers=PAGE)
    assert (answer.status_code, is_page(answer), in_frame(answer)) == (500, True, True)
    assert "its log says why" in words(answer)
    assert "secret" not in answer.text
    monkeypatch.setattr("aircue_cloud.web.frame.framed", fails)
    bare = cloud.app.test_client().get("/console/catalogue", headers=PAGE)
    assert (bare.status_code, is_page(bare), in_frame(bare)) == (500, True, False)


def test_what_was_asked_for_stays_text_on_the_page(cloud: Cloud) -> None:
    answer = cloud.app.test_client().get("/console/homes/<script>window.pwned=1<", headers=PAGE)
    assert answer.status_code == 404
    assert is_clean(answer)


def test_a_refusal_speaks_the_language_of_whoever_looks(cloud: Cloud) -> None:
    answer = cloud.app.test_client().get("/console/nothing", headers=PAGE | {"Accept-Language": "zh-CN"})
    assert "请按名称查找" in words(answer)
    shop = cloud.app.test_client().get("/nothing", headers=PAGE | {"Accept-Language": "zh-CN"})
    assert "请按名称查找" in words(shop)


def client(cloud: Cloud) -> FlaskClient:
    return cloud.app.test_client()


@pytest.mark.parametrize("path", ["/nothing", "/products/nothing", "/me/link/forged"])
def test_a_refusal_of_the_shop_is_a_page_of_the_shop(cloud: Cloud, path: str) -> None:
    answer = client(cloud).get(path, headers=PAGE)
    assert answer.status_code in (404, 200)  # a link is looked at by a form, which changes nothing
    assert is_page(answer)
    assert '<header class="top">' in answer.text


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/api/v1/nothing", PAGE), ("/api/v1/products/nothing", PAGE), ("/console/nothing", {}), ("/nothing", {})],
)
def test_the_api_and_programs_get_a_problem_document(cloud: Cloud, path: str, headers: dict[str, str]) -> None:
    answer = client(cloud).get(path, headers=headers)
    assert (answer.status_code, answer.content_type) == (404, CONTENT_TYPE)
    assert answer.get_json()["status"] == 404
