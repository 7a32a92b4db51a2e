"""Between us and partners: webhooks both ways, feeds that are fetched, and what is told of campaigns."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from tests.cloud.delivery.servers import HttpsServer, https
from tests.cloud.partners.test_feeds import as_csv, rows, sold, supply
from tests.cloud.stage import NOW, Cloud
from werkzeug.test import TestResponse

from aircue_cloud import consents, db, tables
from aircue_cloud.delivery.endpoints import Gate
from aircue_cloud.delivery.webhook import draw_secret
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import sealing
from aircue_cloud.identity.sealing import Box
from aircue_cloud.partners import accounts, hearing, results, supplying, telling
from aircue_cloud.partners.feeds import fetching, taking
from aircue_cloud.partners.telling import Telling
from aircue_cloud.rights import small_groups

SECRET = draw_secret()


def box(cloud: Cloud) -> Box:
    return sealing.load(cloud.folder.parent.parent / "secret.key")


@pytest.fixture
def partner(cloud: Cloud) -> Cloud:
    """Acme, with two products on sale and a secret."""
    with db.writing(cloud.engine) as connection:
        for id_ in ("acme", "zeta"):
            accounts.save(connection, id_, NOW, name=id_.title(), contact="")
        values = {"webhook_url": "https://hooks.example/in", "webhook_secret": box(cloud).seal(SECRET)}
        connection.execute(tables.partners.update().where(tables.partners.c.id == "acme").values(values))
    supply(cloud, rows({}, {}))
    return cloud


# What they tell.


def message(offer: str = "D-0", **data: Any) -> bytes:
    said = {"type": "offer.updated", "timestamp": NOW.isoformat(), "data": {"offer": offer, **data}}
    return json.dumps(said).encode()


def signed(body: bytes, id_: str = "msg_1", at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    signature = Webhook(secret).sign(id_, at, body.decode())
    return {"webhook-id": id_, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def say(cloud: Cloud, body: bytes, headers: dict[str, str], who: str = "acme") -> TestResponse:
    url = f"/api/v1/partners/{who}/webhook"
    return cloud.app.test_client().post(url, data=body, headers={**headers, "Content-Type": "application/json"})


def of(cloud: Cloud, product: str) -> dict[str, Any]:
    return next(row for row in cloud.rows(tables.products) if row["id"] == product)


def test_the_published_vector_is_genuine_and_any_change_is_not() -> None:
    """The example of the Standard Webhooks reference libraries (standardwebhooks, tests of its verification)."""
    secret, id_, body = (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
    )
    at = datetime.fromtimestamp(1614265330, UTC)
    right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    headers = {"webhook-id": id_, "webhook-timestamp": "1614265330", "webhook-signature": right}
    assert hearing.amiss(secret, body, headers, at) is None
    both = {**headers, "webhook-signature": f"v1,{'A' * 43}= {right}"}
    assert hearing.amiss(secret, body, both, at) is None, "two while a secret is changed"
    changed = [
        (body.replace(b"2", b"3"), headers),
        (body.replace(b" ", b""), headers),
        (body, {**headers, "webhook-id": f"{id_}x"}),
        (body, {**headers, "webhook-timestamp": "1614265331"}),
        (body, {**headers, "webhook-signature": right.replace("g0", "g1")}),
        (body, {**headers, "webhook-signature": right.removeprefix("v1,")}),
        (body, {**headers, "webhook-signature": right.replace("v1", "v2")}),
        (body, {}),
    ]
    assert [hearing.amiss(secret, one, said, at) is None for one, said in changed] == [False] * len(changed)


@pytest.mark.parametrize(("seconds", "heard"), [(-300, True), (300, True), (-301, False), (301, False)])
def test_what_was_signed_more_than_five_minutes_from_now_is_refused(partner: Cloud, seconds: int, heard: bool) -> None:
    body = message(stock=3)
    status = say(partner, body, signed(body, at=NOW + timedelta(seconds=seconds))).status_code
    assert (status == 200) == heard
    assert (of(partner, "acme:D-0")["stock"] == 3) == heard


def test_a_message_changes_stock_and_price_once(partner: Cloud) -> None:
    body = message(stock=3, price="99.00 EUR")
    assert say(partner, body, signed(body)).get_json() == {"changed": True, "duplicate": False}
    assert (of(partner, "acme:D-0")["stock"], of(partner, "acme:D-0")["price_minor"]) == (3, 9900)
    later = message(stock=9)
    say(partner, later, signed(later, "msg_2"))
    assert say(partner, body, signed(body)).get_json() == {"changed": False, "duplicate": True}
    assert of(partner, "acme:D-0")["stock"] == 9, "what came before does not come again"


@pytest.mark.parametrize(
    "body",
    [
        message("D-9", stock=1),
        message("drymax", stock=1),
        message("../D-0", stock=1),
        message("D-0\0", stock=1),
        message(stock=-1),
        message(price="free"),
        message(price="0.00 EUR"),
        message().replace(b"offer.updated", b"offer.deleted"),
        b"{}",
        b"[",
    ],
)
def test_what_is_signed_and_makes_no_sense_is_refused_and_may_be_mended(partner: Cloud, body: bytes) -> None:
    before = partner.rows(tables.products)
    assert say(partner, body, signed(body)).status_code == 422
    assert partner.rows(tables.products) == before
    mended = message(stock=2)
    assert say(partner, mended, signed(mended)).get_json()["changed"]


def test_nobody_tells_in_anothers_name(partner: Cloud) -> None:
    body = message(stock=1)
    for who in ("zeta", "nobody", "a%00b"):
        assert say(partner, body, signed(body), who).status_code == 401
    assert say(partner, body, signed(body, secret=draw_secret())).status_code == 401
    assert of(partner, "acme:D-0")["stock"] == 7


def test_ids_are_forgotten_only_when_their_time_alone_refuses_them(partner: Cloud) -> None:
    body = message(stock=3)
    say(partner, body, signed(body))
    with db.writing(partner.engine) as connection:
        assert hearing.forget_old(connection, NOW + 2 * hearing.TOLERANCE) == 0
        assert hearing.forget_old(connection, NOW + timedelta(hours=1)) == 1


# What they are told.


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HttpsServer]:
    with https(tmp_path, status=200) as found:
        yield found


def hook(cloud: Cloud, url: str) -> None:
    with db.writing(cloud.engine) as connection:
        connection.execute(tables.partners.update().where(tables.partners.c.id == "acme").values(webhook_url=url))


def buy(cloud: Cloud, what: str, quantity: int = 1, person: str = "ada-1", at: datetime = NOW) -> None:
    act = {"person": person, "product": what, "kind": "purchase", "weight": 8.0, "at": at, "quantity": quantity}
    cloud.add(tables.interactions, act)


def looks(cloud: Cloud, gate: Gate) -> Telling:
    return Telling(cloud.engine, gate, lambda: box(cloud), cloud.clock)


def told(server: HttpsServer) -> list[tuple[str, dict[str, Any]]]:
    """Types and data, each message's signature checked with the library."""
    found = []
    for one in server.got:
        assert hearing.amiss(SECRET, one.body, one.headers, NOW) is None
        said = json.loads(one.body)
        found.append((said["type"], said["data"]))
    return found


def test_a_partner_is_told_of_its_sales_once_and_of_nobody_who_bought(partner: Cloud, server: HttpsServer) -> None:
    hook(partner, server.url)
    buy(partner, "acme:D-0", 2)
    buy(partner, "drymax")
    look = looks(partner, server.gate())
    assert look.look() == 1
    assert look.look() == 0
    [(kind, data)] = told(server)
    assert (kind, data["offer"], data["quantity"]) == (telling.SOLD, "D-0", 2)
    assert b"ada" not in server.got[0].body


def test_what_happened_before_the_account_is_not_told(cloud: Cloud, server: HttpsServer) -> None:
    buy(cloud, "drymax")
    with db.writing(cloud.engine) as connection:
        accounts.save(connection, "acme", NOW, name="Acme", contact="")
        assert accounts.must_find(connection, "acme").told_until > 0


def test_few_pieces_left_are_told_once_a_day(partner: Cloud, server: HttpsServer) -> None:
    hook(partner, server.url)
    with db.writing(partner.engine) as connection:
        connection.execute(tables.products.update().where(tables.products.c.id == "acme:D-0").values(stock=2))
    look = looks(partner, server.gate())
    for _ in range(2):
        buy(partner, "acme:D-0")
        look.look()
    assert [kind for kind, _ in told(server)].count(telling.LOW) == 1
    assert [kind for kind, _ in told(server)].count(telling.SOLD) == 2


def test_what_does_not_arrive_is_sent_again_under_its_id_and_given_up_at_last(
    partner: Cloud, server: HttpsServer
) -> None:
    hook(partner, server.url)
    buy(partner, "acme:D-0")
    server.status = 500
    look = looks(partner, server.gate())
    for _ in range(telling.MOST_TRIES + 3):
        look.look()
        partner.clock.now += timedelta(days=3)
        with db.writing(partner.engine) as connection:  # no month is over meanwhile
            connection.execute(tables.partners.update().values(added_at=partner.clock.now))
    assert len(server.got) == telling.MOST_TRIES
    assert len({one.headers["webhook-id"] for one in server.got}) == 1
    assert [row["state"] for row in partner.rows(tables.told_partners)] == [telling.GIVEN_UP]


def test_a_webhook_is_tried_again_no_sooner_than_it_should(partner: Cloud, server: HttpsServer) -> None:
    hook(partner, server.url)
    buy(partner, "acme:D-0")
    server.status = 503
    look = looks(partner, server.gate())
    look.look()
    look.look()
    assert len(server.got) == 1
    partner.clock.now += timedelta(minutes=1)
    server.status = 200
    assert look.look() == 1


@pytest.mark.parametrize("url", ["http://hooks.example/x", "https://127.0.0.1/x", "https://10.0.0.8/", "https://x:22/"])
def test_a_webhook_or_a_feed_leads_to_nothing_of_ours(partner: Cloud, url: str) -> None:
    gate = Gate(resolve=lambda host, _: [host if host[0].isdigit() else "93.184.216.34"])
    with pytest.raises(CommandError), db.writing(partner.engine) as connection:
        accounts.set_webhook(connection, "acme", url, gate, box(partner))
    with pytest.raises(CommandError), db.writing(partner.engine) as connection:
        accounts.set_feed_url(connection, "acme", url, gate)


def test_what_became_private_since_it_was_saved_is_not_told(partner: Cloud) -> None:
    buy(partner, "acme:D-0")
    looks(partner, Gate(resolve=lambda *_: ["169.254.169.254"])).look()
    [row] = partner.rows(tables.told_partners)
    assert (row["state"], "public internet" in row["detail"]) == (telling.WAITING, True)


# Feeds that are fetched.


def at(cloud: Cloud, url: str) -> None:
    with db.writing(cloud.engine) as connection:
        connection.execute(tables.partners.update().where(tables.partners.c.id == "acme").values(feed_url=url))


def test_a_feed_is_fetched_and_not_again_while_it_is_the_same(partner: Cloud, server: HttpsServer) -> None:
    at(partner, server.url)
    server.content, server.answer_headers = as_csv(rows({}, {}, {})), {"Content-Type": "text/csv"}

    def fetch() -> Any:
        return supplying.fetch(partner.engine, "acme", server.gate(), taking.WHOLE, partner.clock)

    assert fetch().created == 1
    assert fetch() is None
    server.content = as_csv(rows({}))
    assert fetch().retired == 2
    assert len(sold(partner)) == 1


def test_a_feed_that_was_refused_is_fetched_again(partner: Cloud, server: HttpsServer) -> None:
    at(partner, server.url)
    server.content, server.answer_headers = as_csv(rows({"price": "free"})), {"Content-Type": "text/csv"}
    for _ in range(2):
        found = supplying.fetch(partner.engine, "acme", server.gate(), taking.WHOLE, partner.clock)
        assert found is not None
        assert found.outcome == taking.REFUSED


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"content": b"x" * 2000}, "more than 1,000 bytes"),
        ({"status": 302, "answer_headers": {"Location": "https://169.254.169.254/"}}, "answered 302"),
        ({"status": 404}, "answered 404"),
        ({"answer_headers": {"Content-Type": "text/html"}}, "neither its name nor its type"),
    ],
)
def test_what_is_no_feed_is_told(server: HttpsServer, changes: dict[str, Any], said: str) -> None:
    for name, value in changes.items():
        setattr(server, name, value)
    with pytest.raises(CommandError, match=said):
        fetching.fetch(server.gate(), server.url, None, most=1000)


# Shared results.


def push_to(cloud: Cloud, number: int, what: str = "acme:D-0", kinds: tuple[str, ...] = ()) -> None:
    """A push in October, and what its person did."""
    home, person, when = f"h{number}", f"p{number}", datetime(2026, 10, 5, tzinfo=UTC)
    cloud.add(tables.households, {"id": home, "name": home})
    cloud.add(tables.people, {"id": person, "household": home, "name": person})
    cloud.add(tables.sites, {"id": f"s{number}", "household": home, "tz": "UTC"})
    with db.writing(cloud.engine) as connection:
        consents.record(
            connection, home, purpose="marketing", data_category="sensor", channel="in-app", granted=True, now=when
        )
    reading = {"confirmed_installation": 1, "confirmed_boot": 1, "confirmed_sequence": number}
    episode = {"id": f"e{number}", "site": f"s{number}", "node": "bath", "quantity": "humidity", "need": "damp-air"}
    times = {"started_at": when, "confirmed_at": when, "peak": 90.0, "open": False, "withdrawn": False}
    cloud.add(tables.episodes, {**episode, **times, **reading})
    one = {"id": f"push{number}", "household": home, "person": person, "need": "damp-air", "episode": f"e{number}"}
    words = {"category": "dehumidifier", "title": "t", "text": "t", "reason": "r", "trigger": {}}
    cloud.add(tables.pushes, {**one, **words, "product": what, "created_at": when})
    for kind in kinds:
        act = {"person": person, "product": what, "kind": kind, "weight": 1.0, "at": when, "push": f"push{number}"}
        cloud.add(tables.interactions, act)


def october(cloud: Cloud, who: str = "acme") -> results.Results:
    with db.writing(cloud.engine) as connection:
        return results.of_month(connection, who, "2026-10", NOW)


def test_a_partner_sees_counts_on_twenty_people_and_more_of_its_own_products(partner: Cloud) -> None:
    for number in range(70):
        kinds = ("click", "purchase") if number < 22 else ("click",) if number < 45 else ()
        push_to(partner, number, kinds=kinds)
    push_to(partner, 99, what="drymax", kinds=("click",))
    found = october(partner)
    assert (found.people, found.people_by) == (70, {"bought": 22, "clicked": 23, "saw": 25})
    assert october(partner, "zeta").people is None


def test_few_buyers_are_hidden_with_others_so_that_no_sum_gives_them_away(partner: Cloud) -> None:
    for number in range(60):
        push_to(partner, number, kinds=("purchase",) if number < 3 else ("click",) if number < 28 else ())
    found = october(partner)
    assert found.people == 60
    assert found.people_by == {"bought": None, "clicked": None, "saw": 32}


def test_asking_again_after_somebody_came_or_went_tells_nothing_new(partner: Cloud) -> None:
    for number in range(25):
        push_to(partner, number)
    before = october(partner)
    push_to(partner, 90, kinds=("purchase",))
    consented = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app", "granted": False}
    with db.writing(partner.engine) as connection:
        consents.record(connection, "h3", **consented, now=NOW)  # type: ignore[arg-type]  # the fields of a consent
    supply(partner, rows({"id": "other"}))
    assert october(partner) == before


def test_who_takes_their_agreement_back_is_counted_in_no_month_that_was_not_told_yet(partner: Cloud) -> None:
    for number in range(20):
        push_to(partner, number)
    with db.writing(partner.engine) as connection:
        consented = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app", "granted": False}
        consents.record(connection, "h3", **consented, now=NOW)  # type: ignore[arg-type]  # the fields of a consent
    assert october(partner).people is None


@given(st.lists(st.integers(0, 60), min_size=3, max_size=3))
def test_whatever_the_counts_no_sum_of_what_is_told_is_of_few(counts: list[int]) -> None:
    """Differencing tried: the total without the cells that are shown is of nobody, or of 20 and more."""
    cells = dict(zip((results.BOUGHT, results.CLICKED, results.SAW), counts, strict=True))
    told = results._document(cells)
    total, shown = told["people"], told["people_by"]
    if total is None:
        assert set(shown.values()) == {None}
        return
    rest = total - sum(one for one in shown.values() if one is not None)
    assert rest == 0 or rest >= small_groups.K
    assert [name for name, one in shown.items() if one is None and cells[name] == rest > 0] == []


@pytest.mark.parametrize("month", ["2026-11", "2027-01", "october", ""])
def test_a_month_that_is_not_over_is_not_told(partner: Cloud, month: str) -> None:
    with pytest.raises(CommandError), db.writing(partner.engine) as connection:
        results.of_month(connection, "acme", month, NOW)


def test_the_results_of_a_month_are_told_by_webhook_once(partner: Cloud, server: HttpsServer) -> None:
    hook(partner, server.url)
    with db.writing(partner.engine) as connection:
        connection.execute(tables.partners.update().values(added_at=NOW - timedelta(days=60)))
    look = looks(partner, server.gate())
    look.look()
    look.look()
    [(kind, data)] = told(server)
    assert (kind, data["month"], data["people"]) == (telling.RESULTS, "2026-10", None)
