"""The shop's pages in a real browser: what a shopper does there, from the first look to being erased."""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from tests.browser import axe
from tests.browser.conftest import look
from tests.browser.shopper import enter, main, press, shows, walk
from tests.browser.test_console import Serve, complaints, texts, wait
from tests.cloud.shopper import say
from tests.cloud.stage import DAMP, DRY, Cloud, batch, humidity
from werkzeug.serving import make_server

from aircue_cloud import tables

pytestmark = pytest.mark.browser

PAGES = ("", "products", "products/drymax", "cart", "favourites", "orders", "offers")
OWN = ("me", "me/preferences", "me/data", "me/data/erase")


@pytest.fixture
def shot(browser: WebDriver) -> Callable[[str], None]:
    """Keeps a picture where AIRCUE_SCREENSHOTS names a folder."""

    def keep(name: str) -> None:
        folder = os.environ.get("AIRCUE_SCREENSHOTS")
        if folder:
            whole = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
            Path(folder, f"{name}.png").write_bytes(base64.b64decode(whole["data"]))

    return keep


def test_somebody_finds_out_why_and_buys(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    shop.post(batch(humidity([*DRY, *DAMP])))
    enter(browser, shop, serve(shop))
    shows(browser, "Your bathroom was above 80 % humidity")
    press(browser, "Drymax")
    press(browser, "Add to cart")
    shows(browser, "pay when it is delivered")
    press(browser, "Order, pay on delivery")
    shows(browser, "Thank you for your order")
    browser.back()
    browser.refresh()
    assert "Your cart is empty" in main(browser)
    bought = [row for row in shop.rows(tables.interactions) if row["kind"] == "purchase"]
    assert [row["product"] for row in bought] == ["drymax"]
    assert complaints(browser) == []


def test_an_offer_arrives_while_somebody_looks_and_is_dismissed(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    shop.post(batch(humidity(DRY)))
    site = serve(shop)
    enter(browser, shop, site)
    browser.get(f"{site.url}/offers")
    shows(browser, "No offers.")
    browser.execute_script("window.loadedOnce = true")
    shop.post(batch(humidity(dict(enumerate(DAMP, 20))), sequence=2))
    shows(browser, "Damp air in your bathroom")
    assert browser.execute_script("return window.loadedOnce")
    assert texts(browser, "nav.main .badge")[0].startswith("1")
    browser.find_element(By.TAG_NAME, "summary").click()
    shows(browser, "Your household agreed that sensor data is used for offers.")
    press(browser, "Not for me")
    shows(browser, "You will be offered nothing like this for a while.")
    assert [row["kind"] for row in shop.rows(tables.interactions)] == ["dismissal"]
    wait(browser, lambda _: shop.rows(tables.inbox_reads))
    assert complaints(browser) == []


def test_agreement_is_taken_back_and_everything_exported_and_erased(
    browser: WebDriver, shop: Cloud, serve: Serve
) -> None:
    shop.post(batch(humidity([*DRY, *DAMP])))
    site = serve(shop)
    enter(browser, shop, site)
    browser.get(f"{site.url}/me/data")
    press(browser, "Take back")
    wait(browser, lambda _: not shop.rows(tables.consents)[-1]["granted"])
    browser.get(f"{site.url}/offers")
    shows(browser, "No offers.")
    browser.get(f"{site.url}/me/data")
    size = browser.execute_async_script(
        "const done = arguments[0];"
        "fetch(document.querySelector('a[href$=export]').href).then((a) => a.blob()).then((b) => done(b.size))"
    )
    assert size > 1000
    press(browser, "Go on to erase")
    browser.find_element(By.ID, "word").send_keys("ERASE", Keys.ENTER)
    shows(browser, "You are erased")
    browser.get(f"{site.url}/me")
    assert "This page is for you alone" in main(browser)
    assert "ada-1" not in [row["id"] for row in shop.rows(tables.people)]


def test_what_is_looked_at_is_told_only_where_that_is_agreed_to(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    site = serve(shop)
    enter(browser, shop, site)
    press(browser, "Fan")
    shows(browser, "Write a review")
    assert "/seen" not in site.asked
    say(shop, "ada", "behaviour", granted=True)
    browser.get(f"{site.url}/")
    wait(browser, lambda _: [row for row in shop.rows(tables.interactions) if row["kind"] == "impression"])
    press(browser, "Fan")
    wait(browser, lambda _: {"click", "view"} <= {row["kind"] for row in shop.rows(tables.interactions)})
    assert complaints(browser) == []


def test_the_snippet_shows_reasons_on_another_page_under_a_strict_policy(
    browser: WebDriver, shop: Cloud, serve: Serve
) -> None:
    shop.post(batch(humidity([*DRY, *DAMP])))
    site = serve(shop)
    page: list[bytes] = [b""]
    policy = f"default-src 'none'; script-src {site.url}; connect-src {site.url}"

    def application(_environ: dict[str, str], respond: Callable[..., object]) -> list[bytes]:
        respond("200 OK", [("Content-Type", "text/html"), ("Content-Security-Policy", policy)])
        return page

    # A thread for each connection: a browser opens some that it says nothing on, for later.
    server = make_server("127.0.0.1", 0, application, threaded=True)  # type: ignore[arg-type]  # a WSGI application
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    origin = f"http://127.0.0.1:{server.server_port}"
    said = {"origin": origin, "person": "ada-1"}
    token = shop.app.test_client().post("/api/v1/passes", json=said).get_json()["token"]
    place = f'<div data-aircue-pass="{token}" data-n="3" data-link="/p/{{id}}">before</div>'
    script = f'<script src="{site.url}/embed.js" defer></script>'
    page[0] = f'<!doctype html><html lang="en"><title>A shop</title>{place}{script}'.encode()
    try:
        browser.get(f"{origin}/")
        told_by = "return document.querySelector('[data-aircue-pass]').shadowRoot?.querySelector('section')?.innerText"
        told = wait(browser, lambda found: found.execute_script(told_by))
        assert "Recommended for you" in told
        assert "Your bathroom was above 80 % humidity" in told
        listed = "document.querySelector('[data-aircue-pass]').shadowRoot.querySelector('ul')"
        assert browser.execute_script(f"return getComputedStyle({listed}).display") == "grid"
        assert [one for one in complaints(browser) if "icon" not in one] == []
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_main_paths_go_without_a_script(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    shop.post(batch(humidity([*DRY, *DAMP])))
    site = serve(shop)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        enter(browser, shop, site)
        browser.get(f"{site.url}/offers")
        for text in ("Put in cart", "Order, pay on delivery"):
            # Asks for nothing by a script.
            wait(browser, lambda page, text=text: page.find_element(By.XPATH, f"//button[.='{text}']").click() is None)
        shows(browser, "Thank you for your order")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_every_page_fits_its_window(
    browser: WebDriver, shop: Cloud, serve: Serve, shot: Callable[[str], None], width: int, height: int, scheme: str
) -> None:
    look(browser, width=width, height=height, scheme=scheme)
    shop.post(batch(humidity([*DRY, *DAMP])))
    say(shop, "ada", "behaviour", granted=True)
    site = serve(shop)
    enter(browser, shop, site)
    press(browser, "Drymax")
    shows(browser, "Write a review")
    browser.find_element(By.ID, "text").send_keys("It is quiet enough to sleep beside.")
    browser.find_element(By.CSS_SELECTOR, "input[name=stars][value='4']").send_keys(Keys.SPACE)
    press(browser, "Publish the review")
    press(browser, "Add to cart")
    for name in (*PAGES, *OWN):
        browser.get(f"{site.url}/{name}")
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, name
        shot(f"shop-{name.replace('/', '-') or 'home'}-{width}-{scheme}")
    assert complaints(browser) == []


@pytest.mark.parametrize("pages", [PAGES, OWN], ids=["window", "own"])
def test_axe_finds_nothing_on_any_page(browser: WebDriver, shop: Cloud, serve: Serve, pages: tuple[str, ...]) -> None:
    script = axe.source()
    if script is None:
        pytest.skip("axe-core is not there; type: make axe")
    shop.post(batch(humidity([*DRY, *DAMP])))
    site = serve(shop)
    enter(browser, shop, site)
    for name in pages:
        browser.get(f"{site.url}/{name}")
        assert axe.violations(browser, script) == [], name


def test_the_keyboard_leads_from_the_top_to_an_order(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    site = serve(shop)
    enter(browser, shop, site)
    browser.get(f"{site.url}/products/fan")
    reached = walk(browser, "Add to cart")
    assert reached[0] == "Skip to the content"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    shows(browser, "Total")
    walk(browser, "Order, pay on delivery")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    shows(browser, "Thank you for your order")
