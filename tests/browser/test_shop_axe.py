"""axe-core on the shop's pages as most people see them, on a phone, in dark colours; and on those that need no sign-in.
Desktop and light colours: test_shop.py."""

from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from tests.browser import axe
from tests.browser.conftest import look
from tests.browser.shopper import enter
from tests.browser.test_console import Serve
from tests.cloud.shopper import Shopper, say
from tests.cloud.stage import DAMP, DRY, Cloud, batch, humidity

from aircue_cloud import db, tables
from aircue_cloud.identity import codes, sessions

pytestmark = pytest.mark.browser

WINDOW = ("", "?view=popular", "products", "products/drymax", "cart", "favourites", "orders", "offers")
OWN = ("me", "me/preferences", "me/data", "me/data/erase")


@pytest.fixture
def script() -> Path:
    found = axe.source()
    if found is None:
        pytest.skip("axe-core is not there; type: make axe")
    return found


@pytest.mark.parametrize("pages", [WINDOW, OWN], ids=["window", "own"])
def test_axe_finds_nothing_on_a_phone_in_the_dark(
    browser: WebDriver, shop: Cloud, serve: Serve, script: Path, pages: tuple[str, ...]
) -> None:
    look(browser, width=390, height=844, scheme="dark")
    shop.post(batch(humidity([*DRY, *DAMP])))
    say(shop, "ada", "behaviour", granted=True)
    ada = Shopper(shop, "ada-1")
    ada.post("/products/drymax/reviews", stars="4", text="Quiet.", token="a" * 32)
    ada.post("/products/drymax/favourite", wanted="yes")
    ada.post("/cart", product="drymax", add="yes")
    receipt = shop.rows(tables.consents)[0]["receipt"]
    site = serve(shop)
    enter(browser, shop, site)
    for name in (*pages, *((f"me/data/receipts/{receipt}",) if pages is OWN else ())):
        browser.get(f"{site.url}/{name}")
        assert axe.violations(browser, script) == [], name


def test_axe_finds_nothing_on_what_needs_no_sign_in(
    browser: WebDriver, shop: Cloud, serve: Serve, script: Path
) -> None:
    site = serve(shop)
    browser.get(f"{site.url}/")
    browser.delete_all_cookies()
    with db.writing(shop.engine) as connection:
        code = codes.draw(connection, sessions.SHOPPER, "ada-1", shop.clock())
    for name in ("", "products", "products/fan", "products/nothing", "me", f"me/link/{code}", "offers/main.forged"):
        browser.get(f"{site.url}/{name}")
        assert axe.violations(browser, script) == [], name
