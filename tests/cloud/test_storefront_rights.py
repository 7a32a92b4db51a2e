"""Each person's own pages: offers and why they came, what they want, what is kept about them, and being erased."""

import csv
import doctest
import io
import random
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from tests.cloud.shopper import Shopper, act, furnish, say
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity

from aircue_cloud import db, tables
from aircue_cloud.decision import preferences
from aircue_cloud.decision.local_time import Window, quiet_until
from aircue_cloud.decision.policy import cap_reached
from aircue_cloud.decision.settings import Caps
from aircue_cloud.delivery import addresses
from aircue_cloud.storefront import my_data, next_time


@pytest.fixture
def shop(cloud: Cloud) -> Cloud:
    """Ada's home was damp, and somebody of it was offered something."""
    furnish(cloud)
    assert cloud.post(batch(humidity(DAMP))).status_code == 200
    return cloud


@pytest.fixture
def ada(shop: Cloud) -> Shopper:
    return Shopper(shop, "ada-1")


def push_of(cloud: Cloud) -> str:
    [row] = cloud.rows(tables.pushes)
    return str(row["id"])


# Offers.


def test_an_offer_says_why_in_plain_words_of_the_readers_language(shop: Cloud, ada: Shopper) -> None:
    page = ada.get("/offers")
    assert "Damp air in your bathroom" in page
    assert "Your household agreed that sensor data is used for offers." in page
    assert "3 products could have helped" in page
    assert "1 a day, 3 in seven days" in page
    assert "propensity" not in page
    assert "您家同意将传感器数据用于推荐。" in ada.get("/offers", language="zh")


def test_an_unread_offer_is_marked_until_it_is_read_and_looking_changes_nothing(shop: Cloud, ada: Shopper) -> None:
    for _ in range(2):
        assert '<b class="badge">1<' in ada.get("/")
        assert "offer new" in ada.get("/offers")
    ada.post("/offers/read")
    assert '<b class="badge">1<' not in ada.get("/")
    assert "offer new" not in ada.get("/offers")


def test_the_latest_offer_stands_on_the_front_page_until_it_is_answered_or_over(shop: Cloud, ada: Shopper) -> None:
    push = push_of(shop)
    front = ada.get("/")
    assert "An offer for your home" in front
    assert f"/offers#offer-{push}" in front
    assert f'id="offer-{push}"' in ada.get("/offers")
    assert "An offer for your home" not in ada.get("/?view=popular")
    assert "An offer for your home" not in Shopper(shop).get("/")
    ada.post("/offers/answer", push=push, action="not-for-me")
    assert "An offer for your home" not in ada.get("/")


def test_an_offer_that_is_over_or_withdrawn_is_not_on_the_front_page(shop: Cloud, ada: Shopper) -> None:
    with db.writing(shop.engine) as connection:
        connection.execute(tables.pushes.update().values(expires_at=NOW))
    assert "An offer for your home" not in ada.get("/")


@pytest.mark.parametrize(("days", "told"), [(300, True), (400, False)])
def test_an_end_that_is_too_far_away_to_matter_is_not_told(shop: Cloud, ada: Shopper, days: int, told: bool) -> None:
    with db.writing(shop.engine) as connection:
        connection.execute(tables.pushes.update().values(expires_at=NOW + timedelta(days=days)))
    assert ('<p class="soft">Until ' in ada.get("/offers")) is told


def test_a_button_on_the_page_does_what_its_link_does_and_once(shop: Cloud, ada: Shopper) -> None:
    push = push_of(shop)
    for _ in range(2):
        assert ada.post("/offers/answer", push=push, action="not-for-me").status_code == 303
    rows = [row for row in shop.rows(tables.interactions) if row["person"] == "ada-1"]
    assert [(row["kind"], row["push"], row["pushed"]) for row in rows] == [("dismissal", push, True)]
    ada.post("/offers/answer", push=push, action="later")
    assert "Damp air: until 22 Nov 2026, 12:00 (UTC)" in ada.get("/me/preferences")
    ada.post("/me/preferences/wake", need="damp-air")
    assert "Put off" not in ada.get("/me/preferences")
    ada.post("/offers/answer", push=push, action="stop")
    with db.reading(shop.engine) as connection:
        assert preferences.of(connection, "person", "ada-1").has_stopped("damp-air")
    ada.post("/offers/answer", 422, push=push, action="unsubscribe")


def test_buying_from_an_offer_puts_it_into_the_cart_and_counts_as_a_click_on_it(shop: Cloud, ada: Shopper) -> None:
    assert ada.post("/offers/answer", push=push_of(shop), action="buy").headers["Location"] == "/cart"
    [line] = shop.rows(tables.cart_lines)
    assert (line["person"], line["quantity"]) == ("ada-1", 1)
    [click] = [row for row in shop.rows(tables.interactions) if row["person"] == "ada-1"]
    assert (click["kind"], click["pushed"]) == ("click", True)


def test_nobody_reaches_what_is_somebody_elses(shop: Cloud, ada: Shopper) -> None:
    shop.add(tables.people, {"id": "ada-2", "household": "ada", "name": "Abe"})
    with db.writing(shop.engine) as connection:
        connection.execute(tables.pushes.update().values(person="ada-1"))
        address = addresses.add(connection, "ada-1", "email", {"email": "ada@home.example"}, NOW)
    push, receipt = push_of(shop), shop.rows(tables.consents)[0]["receipt"]
    bob, abe = Shopper(shop, "bob-1"), Shopper(shop, "ada-2")
    for other in (bob, abe):
        other.post("/offers/answer", 404, push=push, action="stop")
        other.post("/me/addresses/remove", 404, address=address)
        assert "bathroom" not in other.get("/offers")
        assert "ada@home.example" not in other.get("/me/preferences")
    bob.get(f"/me/data/receipts/{receipt}", 404)
    assert "bathroom" not in (bob.get("/me/data") + bob.get("/me/data/air.csv") + bob.get("/")).lower()
    assert "An offer for your home" not in abe.get("/")
    assert "Bathroom" in abe.get("/me/data"), "the air is everybody's who lives there"
    for odd in ("", "\0", "x' OR 1=1 --"):
        ada.post("/offers/answer", 404, push=odd, action="stop")
        ada.post("/me/addresses/remove", 404, address=odd)


def test_the_page_says_when_the_next_offer_can_come(shop: Cloud, ada: Shopper) -> None:
    # The offer came at 12:00; a day's cap ends at midnight, 20 hours later than the offer is 08:00.
    assert "The next offer can come 22 Nov 2026, 08:00 (UTC) at the earliest." in ada.get("/offers")
    ada.post("/me/preferences", quiet="own", quiet_from="07:00", quiet_to="10:30")
    assert "22 Nov 2026, 10:30 (UTC)" in ada.get("/offers")
    ada.post("/me/preferences", quiet="none", cap_day="0")
    assert "your limit is none at all" in ada.get("/offers")
    say(shop, "ada", "sensor", granted=False)
    assert "does not agree to sensor data" in ada.get("/offers")
    assert "at any time" not in Shopper(shop, "bob-1").get("/offers")


def test_agreement_to_a_browser_alone_brings_no_offer_and_the_page_says_so(shop: Cloud, ada: Shopper) -> None:
    say(shop, "ada", "sensor", granted=False)
    say(shop, "ada", "sensor", granted=True, channel="web-push")
    assert "No offers will come while your household does not agree" in ada.get("/offers")


def test_no_offer_comes_without_personalisation_and_the_page_says_so(shop: Cloud, ada: Shopper) -> None:
    ada.post("/me/personalisation", personalised="off")
    assert "No offers will come while personalisation is switched off" in ada.get("/offers")


def test_the_earliest_time_is_the_first_minute_at_which_the_policy_lets_one_through() -> None:
    draw = random.Random(5)
    zones = ["UTC", "Europe/London", "Asia/Kathmandu", "America/New_York"]
    for _ in range(25):
        now = datetime(2026, 10, 24, tzinfo=UTC) + timedelta(minutes=draw.randrange(3 * 1440))
        zone = ZoneInfo(draw.choice(zones))
        quiet = Window.read(draw.choice(["", "22:00-08:00", "01:30-02:30", "12:00-14:00"]))
        caps = Caps(
            day=draw.choice([None, 1, 2]), week=draw.choice([None, 2, 3]), apart_h=draw.choice([None, 5.0, 20.0])
        )
        sent = [now - timedelta(minutes=draw.randrange(7 * 1440)) for _ in range(draw.randrange(4))]
        found = next_time.earliest(now, zone=zone, quiet=quiet, caps=caps, sent=sent)

        def lets(at: datetime) -> bool:
            asleep = quiet is not None and quiet_until(quiet, zone, at) is not None  # noqa: B023
            return not asleep and cap_reached(caps, sent, at, zone) is None  # noqa: B023

        expected = next(at for n in range(20_000) if lets(at := now + timedelta(minutes=n)))
        assert found == expected, (now, zone, quiet, caps, sent)


# Preferences.


def test_what_is_ticked_is_what_offers_ask(shop: Cloud, ada: Shopper) -> None:
    ticked = {f"topic:{need}:in-app": "on" for need in ("cold", "heat", "dry-air", "stuffy-air", "particulates")}
    said = {"quiet": "own", "quiet_from": "21:30", "quiet_to": "07:00", "timezone": "Asia/Shanghai", "language": "zh"}
    ada.post("/me/preferences", **ticked, **said, **{"stopped:cold": "on"}, cap_day="2", cap_week="")
    with db.reading(shop.engine) as connection:
        kept = preferences.of(connection, "person", "ada-1")
    assert kept.has_muted("damp-air", "in-app")
    assert not kept.has_muted("heat", "in-app")
    assert (kept.quiet_hours, kept.timezone, kept.language) == ("21:30-07:00", "Asia/Shanghai", "zh")
    assert (list(kept.stopped), dict(kept.caps)) == (["cold"], {"day": 2})
    page = ada.get("/me/preferences")
    assert re.search(r'name="topic:damp-air:in-app"[^>]*>', page)
    assert not re.search(r'name="topic:damp-air:in-app"[^>]*checked', page)
    assert re.search(r'name="stopped:cold"[^>]*checked', page)
    assert "<option selected>Asia/Shanghai</option>" in page
    ada.post("/me/preferences", **ticked, **{"topic:damp-air:in-app": "on"}, quiet="shop")
    with db.reading(shop.engine) as connection:
        again = preferences.of(connection, "person", "ada-1")
    assert not again.has_muted("damp-air", "in-app")
    assert (again.quiet_hours, again.timezone, dict(again.caps)) == (None, None, {})


@pytest.mark.parametrize(
    "said",
    [
        {"timezone": "Moon/Crater"},
        {"quiet": "own", "quiet_from": "25:00", "quiet_to": "07:00"},
        {"quiet": "own", "quiet_from": "07:00", "quiet_to": "07:00"},
        {"cap_day": "many"},
        {"cap_week": "-1"},
        {"language": "<b>"},
    ],
)
def test_a_preference_that_is_none_is_refused_and_nothing_changes(
    shop: Cloud, ada: Shopper, said: dict[str, str]
) -> None:
    answer = ada.post("/me/preferences", 422, **said)
    assert 'role="alert"' in answer.text
    assert "<b>" not in answer.text.partition('role="alert"')[2].partition("</p>")[0]
    assert shop.rows(tables.preferences) == []


def test_where_somebody_is_reached_is_shown_and_removed(shop: Cloud, ada: Shopper) -> None:
    with db.writing(shop.engine) as connection:
        addresses.add(connection, "ada-1", "email", {"email": "ada@home.example"}, NOW)
        keys = {"p256dh": "secret-one", "auth": "secret-two"}
        addresses.add(connection, "ada-1", "web-push", {"endpoint": "https://push.example/s/abc", "keys": keys}, NOW)
    page = ada.get("/me/preferences")
    assert "ada@home.example" in page
    assert "push.example" in page
    assert "secret-" not in page
    for id_ in re.findall(r'name="address" value="([^"]*)"', page):
        ada.post("/me/addresses/remove", address=id_)
    assert shop.rows(tables.addresses) == []


# Data.


def test_what_the_sensors_told_is_shown_with_units_and_comes_as_a_table_without_formulas(
    shop: Cloud, ada: Shopper
) -> None:
    page = ada.get("/me/data")
    assert "85.0\u202f%" in page
    assert "21 Nov 2026, 02:19 (UTC)" in page
    assert shop.post(batch(humidity(DAMP, node='=HYPERLINK("x")', boot=7), sequence=2)).status_code == 200
    rows = list(csv.DictReader(io.StringIO(ada.get("/me/data/air.csv"))))
    assert {row["room"] for row in rows} == {"bathroom", '\'=HYPERLINK("x")'}
    [bathroom] = [row for row in rows if row["room"] == "bathroom"]
    assert (bathroom["readings"], bathroom["mean"]) == ("20", "85")
    assert doctest.testmod(my_data).failed == 0


def test_giving_and_taking_back_are_the_same_step_and_each_has_a_receipt(shop: Cloud, ada: Shopper) -> None:
    asked = {"purpose": "marketing", "category": "behaviour", "channel": "in-app"}
    assert "Never asked" in ada.get("/me/data")
    for granted in ("yes", "no"):
        ada.post("/me/data/consents", **asked, granted=granted)
    rows = [
        row for row in shop.rows(tables.consents) if (row["household"], row["data_category"]) == ("ada", "behaviour")
    ]
    assert [row["granted"] for row in rows] == [True, False]
    receipt = ada.get(f"/me/data/receipts/{rows[0]['receipt']}")
    assert rows[0]["receipt"] in receipt
    assert "shop page" in receipt
    assert rows[0]["document"]["language"] == "en"
    for wrong in ({"purpose": "research"}, {"category": "soul"}, {"channel": "pigeon"}):
        ada.post("/me/data/consents", 422, **(asked | wrong), granted="yes")
    ada.post("/me/data/consents", 422, **asked, granted="perhaps")


def test_everything_can_be_taken_along(shop: Cloud, ada: Shopper) -> None:
    ada.post("/products/fan/favourite", wanted="yes")
    assert "/api/v1/me/export" in ada.get("/me/data")
    assert ada.client.get("/api/v1/me/export").data.startswith(b"PK")


def test_sessions_elsewhere_are_ended_and_this_one_stays(shop: Cloud, ada: Shopper) -> None:
    there = Shopper(shop, "ada-1")
    page = ada.get("/me/data")
    assert page.count("192.0.2.1") == 2
    assert page.count("This device") == 1
    ada.post("/me/data/sessions")
    there.get("/me", 401)
    ada.get("/me")


def test_erasure_asks_for_a_word_and_takes_a_person_out_of_everything(shop: Cloud, ada: Shopper) -> None:
    shop.add(tables.people, {"id": "ada-2", "household": "ada", "name": "Abe"})
    act(shop, "ada-1", "lamp", "purchase", quantity=1, event="order-x-0")
    ada.post("/cart", product="fan", add="yes")
    ada.post("/products/fan/favourite", wanted="yes")
    ada.post("/offers/read")
    assert ada.client.get("/me/data/erase").status_code == 200
    assert "not the word" in ada.post("/me/data/erase", 422, word="erase").text
    page = ada.post("/me/data/erase", 200, word="ERASE", home="yes")
    assert "You are erased" in page.text
    assert "the store&#39;s books" in page.text
    ada.get("/me", 401)
    assert [row["id"] for row in shop.rows(tables.people) if row["household"] == "ada"] == ["ada-2"]
    assert "aircue-shopper=;" in page.headers["Set-Cookie"]
    [proof] = shop.rows(tables.erasures)
    assert proof["proof"]["complete"]
    with db.reading(shop.engine) as connection:
        for table in tables.metadata.sorted_tables:
            assert "ada-1" not in str(list(connection.execute(select(table)))), table.name
    assert shop.rows(tables.episodes), "who does not live alone erases no one else's air"


def test_who_lives_alone_may_erase_the_home_as_well(shop: Cloud, ada: Shopper) -> None:
    ada.post("/me/data/erase", 200, word="ERASE", home="yes")
    assert shop.rows(tables.episodes) == []
    assert [row["id"] for row in shop.rows(tables.households) if not row["id"].startswith("erased-")] == ["bob"]


# The service worker and Web Push.


def test_web_push_is_explained_where_it_is_switched_on_and_nowhere_else(shop: Cloud, ada: Shopper) -> None:
    assert "push.js" not in ada.get("/me/preferences")
    worker = ada.client.get("/sw.js")
    assert worker.mimetype == "text/javascript"
    assert worker.headers["Cache-Control"] == "no-cache"
