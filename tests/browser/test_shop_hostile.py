"""What others write, and links that are none, before a real browser: shown as text, told as an error, never run."""

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from tests.browser.shopper import enter, main, press, shows
from tests.browser.test_console import Serve, complaints, wait
from tests.cloud.shopper import Shopper
from tests.cloud.stage import DAMP, Cloud, batch, humidity, product

from aircue_cloud import tables

pytestmark = pytest.mark.browser

SCRIPT = "<img src=x onerror=\"window.ran = 'yes'\"><script>window.ran = 'yes'</script>"
ROOM = "<svg onload=window.ran=1>"


def nothing_ran(browser: WebDriver) -> None:
    assert browser.execute_script("return window.ran === undefined")
    assert browser.execute_script("return document.querySelectorAll('main img, main script, [onload]').length") == 0
    assert complaints(browser) == []


def test_a_review_with_a_script_is_shown_to_others_as_it_was_written(
    browser: WebDriver, shop: Cloud, serve: Serve
) -> None:
    shop.add(tables.households, {"id": "eve", "name": SCRIPT})
    shop.add(tables.people, {"id": "eve-1", "household": "eve", "name": SCRIPT})
    eve = Shopper(shop, "eve-1")
    eve.post("/products/fan/reviews", stars="1", text=SCRIPT, token="a" * 32)
    site = serve(shop)
    enter(browser, shop, site)
    browser.get(f"{site.url}/products/fan")
    shows(browser, SCRIPT)
    nothing_ran(browser)


def test_a_product_and_a_room_of_such_a_name_are_shown_and_never_run(
    browser: WebDriver, shop: Cloud, serve: Serve
) -> None:
    row = product("nasty", "dehumidifier") | {"name": SCRIPT, "description": SCRIPT, "attributes": {SCRIPT: SCRIPT}}
    shop.add(tables.products, row)
    Shopper(shop, "ada-1").post("/cart", product="nasty", add="yes")
    shop.post(batch(humidity(DAMP, node=ROOM)))
    site = serve(shop)
    enter(browser, shop, site)
    for path in ("/", "/products/nasty", "/offers", "/me/data", "/cart"):
        browser.get(f"{site.url}{path}")
        text = browser.execute_script("return document.querySelector('main').textContent")
        assert SCRIPT in text or ROOM in text, path
        nothing_ran(browser)


@pytest.mark.parametrize("path", ["/offers/main.forged", "/unsubscribe/main.forged"])
def test_a_forged_link_of_an_offer_is_told_on_a_page_of_the_shop(
    browser: WebDriver, shop: Cloud, serve: Serve, path: str
) -> None:
    site = serve(shop)
    browser.get(f"{site.url}{path}")
    shows(browser, "this link is not known or is over")
    assert browser.find_element(By.TAG_NAME, "nav").is_displayed()


def test_a_forged_way_in_opens_nothing(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    site = serve(shop)
    browser.delete_all_cookies()
    browser.get(f"{site.url}/me/link/main.forged")
    press(browser, "Open my page")
    shows(browser, "this link is not known, was used or is over")
    browser.get(f"{site.url}/me")
    wait(browser, lambda page: "This page is for you alone" in main(page))
