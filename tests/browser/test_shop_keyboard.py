"""A shopper's main paths with the tabulator, Enter and the space bar alone; every stop can be seen."""

import zipfile
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.keys import Keys
from tests.browser.shopper import enter, shows, walk
from tests.browser.test_console import Serve, wait
from tests.cloud.stage import DAMP, DRY, Cloud, batch, humidity

from aircue_cloud import tables

pytestmark = pytest.mark.browser


def strike(browser: WebDriver, key: str) -> None:
    browser.switch_to.active_element.send_keys(key)


def test_an_offer_is_explained_and_dismissed(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    shop.post(batch(humidity([*DRY, *DAMP])))
    site = serve(shop)
    enter(browser, shop, site)
    browser.get(f"{site.url}/")
    walk(browser, "See the offer")
    strike(browser, Keys.ENTER)
    shows(browser, "Damp air in your bathroom")
    wait(browser, lambda page: page.current_url.partition("#")[0] == f"{site.url}/offers")
    walk(browser, "Why did I get this?")
    strike(browser, Keys.SPACE)
    shows(browser, "Your household agreed that sensor data is used for offers.")
    walk(browser, "Not for me")
    strike(browser, Keys.SPACE)
    shows(browser, "You will be offered nothing like this for a while.")
    assert [row["action"] for row in shop.rows(tables.answers)] == ["not-for-me"]


def test_agreement_is_taken_back(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    site = serve(shop)
    enter(browser, shop, site)
    browser.get(f"{site.url}/me")
    walk(browser, "My dataWhat the sensors told, what you agreed to, export and erase.")
    strike(browser, Keys.ENTER)
    shows(browser, "What your household agreed to")
    walk(browser, "Take back")
    strike(browser, Keys.ENTER)
    wait(browser, lambda _: [row["granted"] for row in shop.rows(tables.consents)] == [True, False])
    shows(browser, "Not agreed since")


def test_everything_is_taken_along(browser: WebDriver, shop: Cloud, serve: Serve, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    site = serve(shop)
    enter(browser, shop, site)
    browser.get(f"{site.url}/me/data")
    walk(browser, "Download my data")
    strike(browser, Keys.ENTER)
    # Under this name only when it is whole.
    [taken] = wait(browser, lambda _: list(tmp_path.glob("*.zip")))
    with zipfile.ZipFile(taken) as opened:
        assert opened.testzip() is None
        assert any("ada-1" in opened.read(name).decode() for name in opened.namelist())


def test_the_shop_is_not_personalised_any_more(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    site = serve(shop)
    enter(browser, shop, site)
    browser.get(f"{site.url}/me")
    walk(browser, "Switch it off")
    strike(browser, Keys.SPACE)
    shows(browser, "It is off since")
    browser.get(f"{site.url}/")
    shows(browser, "You switched personalisation off")
