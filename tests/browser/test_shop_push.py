"""Web Push in the shop: asked for after our own explanation, kept, shown, delivered and switched off again.

A browser's push service is not reachable from here. It is simulated: the page's PushManager gives a subscription whose
keys the test holds, and what the cloud then posts is decrypted and handed to the real service worker through DevTools.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib import request

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from tests.browser.conftest import Site
from tests.browser.shopper import enter, main, press, shows
from tests.browser.test_console import Serve, complaints, texts, wait
from tests.cloud.conftest import PLAIN
from tests.cloud.delivery.servers import HttpsServer, https
from tests.cloud.delivery.stage import settle
from tests.cloud.delivery.test_channels import Browser as PushedTo
from tests.cloud.stage import DAMP, NOW, Clock, Cloud, FixedAffinity, batch, humidity, product
from websocket import WebSocket, create_connection

from aircue_cloud import db, tables
from aircue_cloud.app import create_app
from aircue_cloud.config import Config
from aircue_cloud.delivery import opening, web_push
from aircue_cloud.delivery.web_push import WebPushChannel
from aircue_cloud.identity import gateway_keys
from aircue_cloud.routes.services import services

pytestmark = pytest.mark.browser

CONTACT = "mailto:shop@shop.example"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    delivery = {"web-push": {"contact": CONTACT}, "in_server": False}
    return Config(data_dir=str(tmp_path / "push"), delivery=delivery, push_ttl_h=24 * 30, **PLAIN)


@pytest.fixture
def with_push(config: Config) -> Cloud:
    """A cloud with Web Push switched on, and Ada, at whose home the air is measured."""
    clock, affinity = Clock(), FixedAffinity()
    app = create_app(config, affinity=affinity, clock=clock)
    with app.app_context():
        engine, place = services().engine, services().place
    with db.writing(engine) as connection:
        key = gateway_keys.add(connection, "gw-1", NOW)
    cloud = Cloud(app=app, engine=engine, key=key, clock=clock, affinity=affinity, folder=place.folder)
    cloud.affinity.current = lambda: None  # type: ignore[method-assign]  # recent popularity stands in
    cloud.add(tables.households, {"id": "ada", "name": "Ada's"})
    cloud.add(tables.people, {"id": "ada-1", "household": "ada", "name": "Ada"})
    cloud.add(tables.sites, {"id": "home-1", "household": "ada", "tz": "Europe/London"})
    cloud.add(tables.products, product("drymax", "dehumidifier"))
    return cloud


# What a person answers Chromium's own question is simulated; that it is asked only after a click on the page is real.
ANSWERS = """
  window.asked = 0;
  Notification.requestPermission = () => { window.asked += 1; return Promise.resolve('%s'); };
"""


@pytest.mark.parametrize(
    ("answer", "told"),
    [("denied", "Your browser does not allow it"), ("default", "You closed the browser's question")],
)
def test_the_browser_is_asked_after_a_click_on_our_own_explanation_and_its_no_is_told(
    browser: WebDriver, with_push: Cloud, serve: Serve, answer: str, told: str
) -> None:
    site = serve(with_push)
    enter(browser, with_push, site)
    browser.get(f"{site.url}/me/preferences")
    shows(browser, "Your browser will then ask you once more.")
    wait(browser, lambda page: page.find_element(By.ID, "push_state").text not in ("", "This needs JavaScript"))
    browser.execute_script(ANSWERS % answer)
    assert browser.execute_script("return window.asked") == 0
    browser.execute_script("document.getElementById('push_on').hidden = false")
    press(browser, "Switch messages on")
    shows(browser, told)
    assert browser.execute_script("return window.asked") == 1
    assert with_push.rows(tables.addresses) == []
    assert with_push.rows(tables.consents) == []


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsServer]:
    """The simulated push service."""
    with https(tmp_path_factory.mktemp("tls")) as started:
        yield started


@pytest.fixture
def subscriber(with_push: Cloud, service: HttpsServer) -> PushedTo:
    """Whose keys the page gives; the cloud reaches their push service on loopback."""
    service.got.clear()
    channel = WebPushChannel(gate=service.gate(), key=web_push.vapid_key(with_push.folder), contact=CONTACT)
    with_push.services.channels["web-push"] = channel
    return PushedTo(service)


# The browser's half of subscribing, kept over pages as a browser keeps it. failing: no push service gives an address.
PUSH_SERVICE = """
(() => {
  const told = %(address)s, failing = %(failing)s, KEY = 'simulated-subscription';
  const made = () => ({
    endpoint: told.endpoint,
    options: { applicationServerKey: Uint8Array.from(JSON.parse(localStorage.getItem(KEY))).buffer },
    toJSON: () => ({ ...told, expirationTime: null }),
    unsubscribe: async () => { localStorage.removeItem(KEY); return true; },
  });
  PushManager.prototype.getSubscription = async () => (localStorage.getItem(KEY) ? made() : null);
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (failing || !userVisibleOnly) throw new DOMException('no push service', 'AbortError');
    localStorage.setItem(KEY, JSON.stringify([...applicationServerKey]));
    return made();
  };
})();
"""


@pytest.fixture
def allowed(browser: WebDriver) -> Iterator[Any]:
    """`allowed(site, address, failing=False)`: the person says yes, and the simulated push service is the browser's."""
    scripts: list[str] = []

    def allow(site: Site, address: dict[str, Any], *, failing: bool = False) -> None:
        permission = {"permission": {"name": "notifications"}, "setting": "granted", "origin": site.url}
        browser.execute_cdp_cmd("Browser.setPermission", permission)
        source = PUSH_SERVICE % {"address": json.dumps(address), "failing": json.dumps(failing)}
        added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
        scripts.append(added["identifier"])

    yield allow
    for identifier in scripts:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": identifier})
    browser.execute_cdp_cmd("Browser.resetPermissions", {})


def test_who_agreed_to_the_inbox_before_agrees_to_the_browser_alone(
    browser: WebDriver, with_push: Cloud, serve: Serve, subscriber: PushedTo, allowed: Any
) -> None:
    with_push.consent("ada")
    site = serve(with_push)
    allowed(site, subscriber.address)
    enter(browser, with_push, site)
    browser.get(f"{site.url}/me/preferences")
    press(browser, "Switch messages on")
    shows(browser, "Messages are on in this browser.")
    assert [one["channel"] for one in with_push.rows(tables.consents)] == ["in-app", "web-push"]


def reached(browser: WebDriver) -> str:
    return " ".join(texts(browser, "#reached"))


def test_a_browser_that_is_switched_on_is_listed_gets_offers_and_is_switched_off_again(
    browser: WebDriver, with_push: Cloud, serve: Serve, subscriber: PushedTo, allowed: Any, service: HttpsServer,
    config: Config,
) -> None:  # fmt: skip
    site = serve(with_push)
    allowed(site, subscriber.address)
    enter(browser, with_push, site)
    browser.get(f"{site.url}/me/preferences")
    shows(browser, "Messages are off in this browser.")
    press(browser, "Switch messages on")
    shows(browser, "Messages are on in this browser.")
    wait(browser, lambda page: f"Browser: push.example:{service.port}" in reached(page))
    [address] = with_push.rows(tables.addresses)
    assert (address["person"], address["address"]) == ("ada-1", subscriber.address)
    agreed = [(one["channel"], one["data_category"], one["granted"]) for one in with_push.rows(tables.consents)]
    assert agreed == [("in-app", "sensor", True), ("web-push", "sensor", True)]

    with_push.post(batch(humidity(DAMP)))
    delivered(with_push, config)
    [posted] = service.got
    assert subscriber.read(posted.body)["title"] == "Damp air in your bathroom"
    assert "Your bathroom was above 80 % humidity" in shown_by_worker(browser, site, subscriber.read(posted.body))

    browser.get(f"{site.url}/me/preferences")
    shows(browser, "Messages are on in this browser.")
    press(browser, "Switch messages off")
    shows(browser, "Messages are off in this browser.")
    wait(browser, lambda page: "Only here, in your inbox." in reached(page))
    assert with_push.rows(tables.addresses) == []
    assert complaints(browser) == []


def delivered(cloud: Cloud, config: Config) -> None:
    """By the real worker, standing beside the server."""
    here = cloud.services
    settle(opening.deliverer(config, cloud.engine, here.channels, here.links, cloud.clock))


def shown_by_worker(browser: WebDriver, site: Site, message: dict[str, Any]) -> str:
    """What the page's service worker shows when a push service hands it this."""
    with closing(devtools(browser)) as tools:
        said = {"origin": site.url, "registrationId": registered(tools, site), "data": json.dumps(message)}

        def shown(page: WebDriver) -> Any:
            """Handed over again, as push services do, until it shows: the later one takes the earlier one's place."""
            command(tools, "ServiceWorker.deliverPushMessage", said)
            return page.execute_async_script(_NOTIFICATIONS)

        found = wait(browser, shown)
    [one] = found
    return f"{one['title']}\n{one['body']}"


_NOTIFICATIONS = (
    "const done = arguments[0]; navigator.serviceWorker.ready.then(one => one.getNotifications())"
    ".then(found => done(found.map(({title, body}) => ({title, body}))))"
)


def devtools(browser: WebDriver) -> WebSocket:
    """Beside the driver, which does not tell what happens by itself."""
    address = browser.capabilities["goog:chromeOptions"]["debuggerAddress"].replace("localhost", "127.0.0.1")
    with request.urlopen(f"http://{address}/json/list", timeout=10) as answer:
        pages = json.load(answer)
    target = next(one for one in pages if one["id"] == browser.current_window_handle)
    found: WebSocket = create_connection(target["webSocketDebuggerUrl"], timeout=10, suppress_origin=True)
    return found


def command(tools: WebSocket, method: str, said: dict[str, Any]) -> None:
    tools.send(json.dumps({"id": 1, "method": method, "params": said}))


def registered(tools: WebSocket, site: Site) -> str:
    """The number under which Chromium knows the service worker of a site."""
    command(tools, "ServiceWorker.enable", {})
    while True:
        told = json.loads(tools.recv())
        for one in told.get("params", {}).get("registrations", ()):
            if one["scopeURL"] == f"{site.url}/" and not one["isDeleted"]:
                return str(one["registrationId"])


def test_a_browser_without_a_push_service_is_told_so_and_nothing_is_kept(
    browser: WebDriver, with_push: Cloud, serve: Serve, subscriber: PushedTo, allowed: Any
) -> None:
    site = serve(with_push)
    allowed(site, subscriber.address, failing=True)
    enter(browser, with_push, site)
    browser.get(f"{site.url}/me/preferences")
    press(browser, "Switch messages on")
    shows(browser, "Your browser's own push service gave no address")
    assert (with_push.rows(tables.addresses), with_push.rows(tables.consents)) == ([], [])


def test_an_address_that_the_server_refuses_leaves_nothing_behind_in_the_browser(
    browser: WebDriver, with_push: Cloud, serve: Serve, subscriber: PushedTo, allowed: Any
) -> None:
    site = serve(with_push)
    allowed(site, {**subscriber.address, "endpoint": "https://push.example:1/in"})
    enter(browser, with_push, site)
    browser.get(f"{site.url}/me/preferences")
    press(browser, "Switch messages on")
    shows(browser, "It did not work. Nothing was changed")
    assert browser.execute_script("return localStorage.length") == 0
    assert (with_push.rows(tables.addresses), with_push.rows(tables.consents)) == ([], [])


def test_a_subscription_for_an_earlier_key_of_the_shop_is_made_anew(
    browser: WebDriver, with_push: Cloud, serve: Serve, subscriber: PushedTo, allowed: Any
) -> None:
    site = serve(with_push)
    allowed(site, subscriber.address)
    enter(browser, with_push, site)
    browser.get(f"{site.url}/me/preferences")
    press(browser, "Switch messages on")
    shows(browser, "Messages are on in this browser.")
    key = browser.execute_script("return localStorage.getItem('simulated-subscription')")
    [address] = with_push.rows(tables.addresses)
    press(browser, f"Remove: push.example:{subscriber.address['endpoint'].split(':')[2].split('/')[0]}")
    shows(browser, "Messages are off in this browser.")
    browser.execute_script("localStorage.setItem('simulated-subscription', '[4, 1, 2]')")
    press(browser, "Switch messages on")
    shows(browser, "Messages are on in this browser.")
    assert browser.execute_script("return localStorage.getItem('simulated-subscription')") == key
    [again] = with_push.rows(tables.addresses)
    assert again["id"] != address["id"]


def test_a_shop_without_keys_says_so(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    site = serve(shop)
    enter(browser, shop, site)
    browser.get(f"{site.url}/me/preferences")
    shows(browser, "This shop does not send messages to browsers.")
    assert "Switch messages on" not in main(browser)
