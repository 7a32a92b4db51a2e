"""The shop's support from question to person: what is answered, who may see it, and when the bot is silent."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

import msgspec
import pytest
import urllib3
from tests.cloud.shopper import Shopper, furnish
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity
from tests.cloud.web.test_pages import signed_in, text

from aircue_cloud import db, tables
from aircue_cloud.errors import SettingsError
from aircue_cloud.rights import erasure, export, retention, subject
from aircue_cloud.support import adapter, articles, conversations, states
from aircue_cloud.support.adapter import Detected, DetectorSettings, Dialogflow, NotDetected
from aircue_cloud.support.conversations import Refused

NASTY = '"><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}'


@pytest.fixture
def shop(cloud: Cloud) -> Cloud:
    furnish(cloud)
    return cloud


@pytest.fixture
def ada(shop: Cloud) -> Shopper:
    return Shopper(shop, "ada-1")


def said(page: str) -> list[tuple[str, str]]:
    """(author, words) of a conversation as the shop shows it."""
    found = re.findall(r'<li class="(\w+)">.*?<p class="words">(.*?)</p>', page, re.DOTALL)
    return [(author, words) for author, words in found]


def ask(who: Shopper, question: str) -> list[tuple[str, str]]:
    who.post("/support", question=question)
    return said(who.get("/support"))


def talk_of(shop: Cloud) -> str:
    [row] = shop.rows(tables.conversations)
    return str(row["id"])


# What the bot says.


def test_a_question_is_answered_with_its_article_cited(shop: Cloud, ada: Shopper) -> None:
    assert ask(ada, "how do I return a product")[-1][0] == "bot"
    page = ada.get("/support")
    assert "Keep the packaging until you are sure" in page
    assert '<a href="/support/articles/returns">Returning something</a>' in page
    assert "Keep the packaging" in ada.get("/support/articles/returns")
    assert "请保留包装" in ada.get("/support/articles/returns", language="zh")
    ada.get("/support/articles/never", 404)


def test_what_it_does_not_know_it_says_and_offers_a_person(shop: Cloud, ada: Shopper) -> None:
    [_, (author, words)] = ask(ada, "qwertz uiop asdf")
    assert (author, words) == ("bot", "I do not know that. A person can tell you: press &#34;Talk to a person&#34;.")
    assert "Talk to a person</button>" in ada.get("/support")
    [asked, _] = shop.rows(tables.messages)
    assert asked["unanswered"]


def test_a_question_in_chinese_is_answered_in_chinese_whatever_the_page_speaks(shop: Cloud, ada: Shopper) -> None:
    assert "请保留包装" in ask(ada, "我想把东西退回去")[-1][1]


def test_anybody_may_ask_and_nothing_of_it_is_kept(shop: Cloud) -> None:
    anybody = Shopper(shop)
    page = anybody.get("/support?q=where+is+my+order")
    assert "Sign in, and I look your orders up." in page
    assert "Sign in, and I tell you" in anybody.get("/support?q=why+did+I+get+this")
    assert "Talk to a person" not in page
    assert shop.rows(tables.conversations) == shop.rows(tables.messages) == []


@pytest.mark.parametrize(("question", "wrong"), [("  ", "Write a question first."), ("x" * 2001, "That is too long")])
def test_what_is_no_question_is_refused_in_words(shop: Cloud, ada: Shopper, question: str, wrong: str) -> None:
    response = ada.post("/support", question=question)
    assert wrong in ada.get(response.headers["Location"])
    assert shop.rows(tables.messages) == []


def order(shop: Cloud, person: str, number: int) -> None:
    row = {"id": f"o-{number}", "number": number, "person": person, "placed_at": NOW, "currency": "EUR"}
    shop.add(tables.orders, row | {"total_minor": 9900, "state": "paid", "token": f"t-{number}", "expires_at": None})
    line = {"order": f"o-{number}", "product": "drymax", "place": 0, "quantity": 1, "price_minor": 9900, "push": None}
    shop.add(tables.order_lines, line)


def parcel(shop: Cloud, number: int, person: str, **more: Any) -> None:
    row = {column.name: None for column in tables.parcels.c}
    row |= {"id": f"p-{number}", "order": f"o-{number}", "person": person, "carrier": "dhl", "tracking_number": "JJD1"}
    row |= {"state": "InTransit", "contents": {"drymax": 1}, "tracked_at": NOW, "heard_at": NOW}
    shop.add(tables.parcels, row | more)


def test_where_an_order_is_with_its_parcel_and_its_delay_is_told_to_whose_it_is(shop: Cloud, ada: Shopper) -> None:
    order(shop, "ada-1", 1001)
    order(shop, "bob-1", 1002)
    promised, expected = NOW - timedelta(days=3), NOW + timedelta(days=1)
    parcel(shop, 1001, "ada-1", promised_at=promised, expected_at=expected)
    words = ask(ada, "where is my order")[-1][1]
    assert "Order 1001 of 21 Nov 2026: Drymax; paid." in words
    assert "Parcel with dhl, JJD1: on its way. Expected 22 Nov 2026. That is 4 days later than promised" in words
    assert "1002" not in words
    assert "You have no orders here" not in words
    assert "1001" not in ask(Shopper(shop, "bob-1"), "where is my order")[-1][1]


def test_why_an_offer_came_is_told_to_its_owner_alone(shop: Cloud, ada: Shopper) -> None:
    assert "You have had no offer lately." in ask(ada, "why did I get this")[-1][1]
    shop.post(batch(humidity(DAMP)))
    [push] = shop.rows(tables.pushes)
    words = ask(ada, "why did you send me this offer")[-1][1]
    assert "Damp air in your bathroom" in words
    assert push["reason"] in words
    assert "Your household agreed that sensor data is used for offers." in words
    other = ask(Shopper(shop, "bob-1"), "why did you send me this offer")[-1][1]
    assert "You have had no offer lately." in other
    assert "bathroom" not in other.replace("below each offer", "")
    shop.add(tables.people, {"id": "ada-2", "household": "ada", "name": "Ann"})
    with db.writing(shop.engine) as connection:
        connection.execute(tables.pushes.update().values(person="ada-1"))
    assert "Damp air" not in ask(Shopper(shop, "ada-2"), "why did I get this")[-1][1], (
        "of one household, yet not theirs"
    )


# A person takes over.


def test_a_person_is_asked_for_and_the_bot_is_silent_until_it_is_handed_back(shop: Cloud, ada: Shopper) -> None:
    ada.post("/support/person")
    assert "You asked for a person." in ada.get("/support")
    assert [author for author, _ in ask(ada, "how do I return a product")] == ["shopper"], "it waits: the bot is silent"
    olga, talk = signed_in(shop, "olga", "operator"), talk_of(shop)
    path = f"/console/support/conversations/{talk}"
    assert "Waits for a person" in olga("GET", path).text
    assert olga("POST", path, do="say", text="too early").status_code == 409
    assert olga("POST", path, do="take").status_code == 303
    assert [author for author, _ in ask(ada, "can I pay by card")] == ["shopper", "shopper"], "a person has it"
    assert olga("POST", path, do="say", text="Send it to us.").status_code == 303
    page = ada.get("/support")
    assert said(page)[-1] == ("operator", "Send it to us.")
    assert "olga" not in page, "shoppers are told that it is a person, not which"
    assert olga("POST", path, do="hand-back").status_code == 303
    assert ask(ada, "can I pay by card")[-1][0] == "bot"
    assert olga("POST", path, do="solve").status_code == 303
    assert "This conversation was closed." in ada.get("/support")
    assert ask(ada, "can I pay by card")[-1][0] == "bot", "it goes on with the bot"
    assert len(shop.rows(tables.conversations)) == 1


def test_asking_in_words_for_a_person_calls_one(shop: Cloud, ada: Shopper) -> None:
    assert ask(ada, "I want to talk to a person")[-1] == (
        "bot",
        "A person of the shop answers in this conversation.",
    )
    assert shop.rows(tables.conversations)[0]["state"] == states.WAITING


def test_of_two_who_take_a_conversation_over_one_has_it(shop: Cloud, ada: Shopper) -> None:
    ada.post("/support/person")
    path = f"/console/support/conversations/{talk_of(shop)}"
    olga, omar = signed_in(shop, "olga", "operator"), signed_in(shop, "omar", "operator")
    assert olga("POST", path, do="take").status_code == 303
    late = omar("POST", path, do="take")
    assert late.status_code == 409
    assert "Not done: this conversation stands at open" in late.text
    assert omar("POST", path, do="say", text="me too").status_code == 409
    assert omar("POST", path, do="dance").status_code == 422
    assert signed_in(shop, "vera", "viewer")("POST", path, do="solve").status_code == 403


def test_a_bot_that_is_late_says_nothing_any_more(shop: Cloud, ada: Shopper) -> None:
    """Somebody took the conversation over while the bot was still looking its answer up."""

    class TakesItOver:
        def detect(self, text: str, session: str, language: str) -> Detected | None:
            with db.writing(shop.engine) as connection:
                conversations.act(connection, session, states.TAKE, "operator olga", NOW)
            return None

    support = replace(shop.services.support, detector=TakesItOver())
    support.say("ada-1", "can I pay by card", "en", lambda *_: None, NOW)
    assert [row["author"] for row in shop.rows(tables.messages)] == ["shopper"]


@pytest.mark.parametrize("state", states.STATES)
@pytest.mark.parametrize("act", [states.TAKE, states.HAND_BACK, states.SOLVE])
def test_what_is_not_in_the_table_of_states_is_refused(shop: Cloud, ada: Shopper, state: str, act: str) -> None:
    ada.post("/support/person")
    with db.writing(shop.engine) as connection:
        connection.execute(tables.conversations.update().values(state=state))
    client = shop.app.test_client()
    answer = client.post(f"/api/v1/support/conversations/{talk_of(shop)}/{act}")
    after = states.after(state, act)
    assert answer.status_code == (409 if after is None else 200), answer.text
    assert shop.rows(tables.conversations)[0]["state"] == (after or state)


def test_another_persons_transcript_is_not_there(shop: Cloud, ada: Shopper) -> None:
    ask(ada, "my parcel is late")
    path = f"/support/conversations/{talk_of(shop)}"
    assert "my parcel is late" in ada.get(path)
    bob = Shopper(shop, "bob-1")
    bob.get(path, 404)
    assert "my parcel is late" not in bob.get("/support")
    assert bob.client.get("/api/v1/me/support").get_json() == {"state": "", "messages": [], "version": ""}
    Shopper(shop).get(path, 401)
    assert shop.app.test_client().get("/api/v1/me/support").status_code == 401


def test_who_waits_hears_of_it_and_a_version_that_is_old_is_answered_at_once(shop: Cloud, ada: Shopper) -> None:
    ask(ada, "can I pay by card")
    found = ada.client.get("/api/v1/me/support").get_json()
    assert [one["author"] for one in found["messages"]] == ["shopper", "bot"]
    assert found["messages"][1]["article"] == "payment/0"
    ada.post("/support/person")
    again = ada.client.get(f"/api/v1/me/support?version={found['version']}&wait=20").get_json()
    assert again["state"] == "waiting"
    assert again["version"] != found["version"]


# What people write is shown, never run; it is theirs.


def test_what_people_write_is_shown_and_never_run(shop: Cloud, ada: Shopper) -> None:
    ask(ada, NASTY)
    olga, talk = signed_in(shop, "olga", "owner"), talk_of(shop)
    olga("POST", f"/console/support/conversations/{talk}", do="take")
    olga("POST", f"/console/support/conversations/{talk}", do="say", text=NASTY)
    kept = {"title": NASTY, "body": NASTY, "questions": NASTY, "language": "en", "name": "nasty", "does": ""}
    assert olga("POST", "/console/support/articles", **kept).status_code == 303
    [message] = [row["id"] for row in shop.rows(tables.messages) if row["unanswered"]]
    pages = [
        ada.get("/support"),
        ada.get("/support/articles/nasty"),
        Shopper(shop).get(f"/support?q={'%22%3E%3Cscript'}"),
    ]
    paths = (
        "",
        f"/conversations/{talk}",
        f"/questions/{message}",
        "/articles/en/nasty",
        "/new-article?question=%3Cb%3E",
    )
    pages += [olga("GET", f"/console/support{path}").text for path in paths]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img" not in page.replace('<img src="/console/static/icon.svg"', "")
        assert "<b>" not in re.sub(r"<b>(You|Bot|Person|Shopper|operator olga)</b>", "", page)
        assert ">49<" not in page
    assert "&lt;script&gt;alert(1)" in pages[0]


def test_what_was_said_is_exported_erased_and_kept_no_longer_than_its_time(shop: Cloud, ada: Shopper) -> None:
    ask(ada, "can I pay by card")
    ask(Shopper(shop, "bob-1"), "can I pay by card")
    with db.writing(shop.engine) as connection:
        assert retention.retain(connection, NOW + timedelta(days=399))["messages"] == 0
    with db.reading(shop.engine) as connection:
        who = subject.person(connection, shop.services.lake, "ada-1")
    proof = erasure.erase(shop.engine, who, [], "test", NOW)
    assert proof.complete, proof.left
    assert (proof.removed["messages"], proof.removed["conversations"]) == (2, 1)
    assert {row["person"] for row in shop.rows(tables.messages)} == {"bob-1"}
    with db.writing(shop.engine) as connection:
        gone = retention.retain(connection, NOW + timedelta(days=401))
    assert (gone["messages"], gone["conversations"]) == (2, 1)
    assert {"messages", "conversations"} <= set(export._MEANINGS)


# Articles.


def test_an_article_of_the_store_holds_at_once_and_its_history_stays(shop: Cloud, ada: Shopper) -> None:
    client, path = shop.app.test_client(), "/api/v1/support/articles/en/payment"
    shipped = client.get(path).get_json()
    assert shipped["version"] == 0
    document = {"title": "Paying", "body": "Shells only.", "questions": shipped["questions"], "note": "we changed"}
    assert client.put(path, json=document).get_json()["version"] == 1
    assert ask(ada, "can I pay by card")[-1][1] == "Shells only."
    assert shop.rows(tables.messages)[-1]["article"] == "payment/1"
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert "Shells only." not in [words for _, words in ask(ada, "can I pay by card")][-1]
    history = client.get(f"{path}/history").get_json()["versions"]
    assert [(one["number"], one["active"], one["note"]) for one in history] == [(2, False, ""), (1, True, "we changed")]
    assert client.put(path, json=document).get_json()["version"] == 3


@pytest.mark.parametrize(
    ("path", "document", "reason"),
    [
        ("fr/payment", {}, "expected a language of en, zh"),
        ("en/Pay_Ment", {}, "small letters and digits"),
        ("en/payment", {"title": " "}, "expected a text of 1 to 200"),
        ("en/payment", {"does": "dance"}, "expected one of orders, why, person"),
        ("en/payment", {"questions": [""]}, "expected a text of 1 to 300"),
    ],
)
def test_an_article_that_does_not_fit_says_why(shop: Cloud, path: str, document: dict[str, Any], reason: str) -> None:
    body = {"title": "Paying", "body": "Shells only."} | document
    language, name = path.split("/")
    with pytest.raises(SettingsError, match=reason):
        articles.check(language, name, body)
    answer = shop.app.test_client().put(f"/api/v1/support/articles/{path}", json=body)
    assert answer.status_code == 422
    assert shop.rows(tables.article_versions) == []


def test_a_question_without_an_answer_becomes_one_of_an_articles_own(shop: Cloud, ada: Shopper) -> None:
    ask(ada, "do you take cowrie shells at the till")
    olga = signed_in(shop, "olga", "operator")
    [message] = [row["id"] for row in shop.rows(tables.messages) if row["unanswered"]]
    assert "do you take cowrie shells" in olga("GET", "/console/support").text
    assert olga("POST", f"/console/support/questions/{message}", article="payment").status_code == 303
    assert "without an answer" not in olga("GET", f"/console/support/questions/{message}").text
    assert not any(row["unanswered"] for row in shop.rows(tables.messages))
    assert "The ways to pay" in ask(ada, "do you take cowrie shells at the till")[-1][1]


def test_the_console_says_the_next_step_while_nobody_has_asked(cloud: Cloud) -> None:
    page = text(cloud, "/console/support")
    assert "Nobody has asked anything here." in page
    assert "The bot had an answer to everything so far" in page
    assert "as shipped" in page


def test_the_command_lists_shows_and_saves(tmp_path: Any, shop: Cloud) -> None:
    from click.testing import CliRunner

    from aircue_cloud.cli import main

    file = tmp_path / "aircue.toml"
    file.write_text(f'data_dir = "{tmp_path / "data"}"\n')

    def run(*words: str) -> str:
        result = CliRunner().invoke(main, ["support", "articles", *words, "--config", str(file)])
        assert result.exit_code == 0, result.output
        return result.output

    assert "zh payment: 付款方式; 8 questions; as shipped" in run("list")
    shown = tmp_path / "payment.toml"
    shown.write_text(run("show", "payment").replace("Ways to pay", "Paying"))
    assert "article payment in en: version 1 holds" in run("save", str(shown), "--note", "shorter")
    assert "en payment: Paying; 9 questions; version 1" in run("list")


# A service outside.


class Speaks(BaseHTTPRequestHandler):
    """Answers as Dialogflow's detectIntent does."""

    answers: ClassVar[dict[str, tuple[int, bytes]]] = {}
    heard: ClassVar[list[tuple[str, Mapping[str, str], Any]]] = []

    def do_POST(self) -> None:
        body = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
        self.heard.append((self.path, dict(self.headers), body))
        status, content = self.answers.get(body["queryInput"]["text"]["text"], (200, b'{"queryResult": {}}'))
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def result(intent: str, confidence: float, reply: str = "", *, fallback: bool = False) -> tuple[int, bytes]:
    found = {"queryText": "", "languageCode": "en", "parameters": {"number": 7.0}, "allRequiredParamsPresent": True}
    found |= {"intent": {"name": "projects/p/agent/intents/1", "displayName": intent, "isFallback": fallback}}
    found |= {"intentDetectionConfidence": confidence, "fulfillmentText": reply}
    return 200, msgspec.json.encode({"responseId": "r", "queryResult": found})


@pytest.fixture
def outside() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Speaks)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Speaks.heard.clear()
    yield f"http://127.0.0.1:{server.server_port}/v2/projects/p"
    server.shutdown()
    thread.join()
    server.server_close()


def dialogflow(url: str, token_file: str = "") -> Dialogflow:
    return Dialogflow(DetectorSettings(url=url, token_file=token_file, timeout_s=5.0), urllib3.PoolManager())


def test_a_service_outside_is_asked_in_its_own_form(outside: str, tmp_path: Any) -> None:
    (tmp_path / "token").write_text("ya29.secret\n")
    Speaks.answers = {"hello": result("payment", 0.92, "Cash only.")}
    found = dialogflow(outside, str(tmp_path / "token")).detect("hello", "4f0e-1", "zh")
    assert found == Detected(intent="payment", confidence=0.92, parameters={"number": 7.0}, reply="Cash only.")
    [(path, headers, body)] = Speaks.heard
    assert path == "/v2/projects/p/agent/sessions/4f0e-1:detectIntent"
    assert headers["Authorization"] == "Bearer ya29.secret"
    assert body == {"queryInput": {"text": {"text": "hello", "languageCode": "zh"}}}


def test_what_it_is_not_sure_of_or_falls_back_on_is_no_detection(outside: str) -> None:
    Speaks.answers = {"weak": result("payment", 0.5), "lost": result("Default Fallback Intent", 1.0, fallback=True)}
    assert dialogflow(outside).detect("weak", "s", "en") is None
    assert dialogflow(outside).detect("lost", "s", "en") is None
    assert dialogflow(outside).detect("nothing", "s", "en") is None


@pytest.mark.parametrize(
    "answer",
    [(500, b"{}"), (200, b"<html>"), (200, b"{}"), (200, b"x" * (adapter.LARGEST + 1)), (302, b"")],
    ids=["broken", "no JSON", "no result", "too large", "elsewhere"],
)
def test_a_service_that_fails_is_passed_over_and_our_own_bot_answers(
    outside: str, answer: tuple[int, bytes], shop: Cloud
) -> None:
    Speaks.answers = {"can I pay by card": answer}
    with pytest.raises(NotDetected):
        dialogflow(outside).detect("can I pay by card", "s", "en")
    support = replace(shop.services.support, detector=dialogflow(outside))
    support.say("ada-1", "can I pay by card", "en", lambda *_: None, NOW)
    assert shop.rows(tables.messages)[-1]["article"] == "payment/0"


def test_one_that_is_not_there_is_passed_over(shop: Cloud) -> None:
    support = replace(shop.services.support, detector=dialogflow("http://127.0.0.1:9/v2/projects/p"))
    support.say("ada-1", "can I pay by card", "en", lambda *_: None, NOW)
    assert shop.rows(tables.messages)[-1]["article"] == "payment/0"


def test_its_intent_leads_to_our_article_and_its_reply_stands_where_there_is_none(outside: str, shop: Cloud) -> None:
    Speaks.answers = {"moneten": result("payment", 0.9, "ignored"), "opening": result("hours", 0.9, "Nine to five.")}
    support = replace(shop.services.support, detector=dialogflow(outside))
    support.say("ada-1", "moneten", "en", lambda *_: None, NOW)
    support.say("ada-1", "opening", "en", lambda *_: None, NOW)
    found = [(row["text"][:16], row["article"]) for row in shop.rows(tables.messages) if row["author"] == "bot"]
    assert found == [("The ways to pay ", "payment/0"), ("Nine to five.", None)]
    assert len({path for path, *_ in Speaks.heard}) == 1, "a conversation is one session"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"url": "http://dialogflow.example/v2"}, "expected https://"),
        ({}, "key 'url' is missing"),
        ({"url": "https://a.example", "least": 2.0}, "least within 0 and 1"),
        ("yes", "expected a table"),
    ],
)
def test_a_configuration_that_does_not_fit_says_why(table: Any, reason: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(reason)):
        adapter.opened({"main": table}, "main")


def test_a_store_without_one_asks_nobody() -> None:
    assert adapter.opened({"other": {"url": "https://a.example"}}, "main") is None
    assert adapter.asked(None, "hello", "s", "en") is None


def test_a_message_is_kept_as_it_was_meant() -> None:
    assert conversations.fit(" a\r\nb\0 ") == "a\nb"
    for wrong in ("", " \n", "x" * 2001):
        with pytest.raises(Refused):
            conversations.fit(wrong)


def test_every_article_ships_in_every_language() -> None:
    names = {language: {name for of, name in articles.shipped() if of == language} for language in ("en", "zh")}
    assert names["en"] == names["zh"]
    does = {key: one.does for key, one in articles.shipped().items()}
    assert all(does["en", name] == does["zh", name] for name in names["en"])
