"""A bad feed is uploaded in a real browser, and what is wrong with it is read; on a desktop and on a phone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from tests.browser.conftest import Site, look
from tests.browser.test_console import complaints, texts, wait
from tests.cloud.partners.test_feeds import as_csv, rows
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, tables
from aircue_cloud.partners import accounts

pytestmark = pytest.mark.browser

Serve = Callable[..., Site]
NASTY = '"><img src=x onerror="window.pwned=1">'
DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture
def shop(cloud: Cloud) -> Cloud:
    with db.writing(cloud.engine) as connection:
        accounts.save(connection, "acme", NOW, name="Acme", contact="feeds@acme.example")
    return cloud


def upload(browser: WebDriver, file: Path, mode: str = "") -> None:
    browser.find_element(By.ID, "feed").send_keys(str(file))
    if mode:
        browser.find_element(By.CSS_SELECTOR, f"select[name=mode] option[value={mode}]").click()
    browser.find_element(By.ID, "upload").send_keys(Keys.ENTER)


def fits(browser: WebDriver) -> bool:
    """Whether the page is no wider than the window, and no field of a form either."""
    script = """
        const fields = [...document.querySelectorAll('main input, main select, main button')]
        const widest = Math.max(...fields.map(one => one.getBoundingClientRect().right))
        return document.documentElement.scrollWidth <= innerWidth && widest <= innerWidth"""
    return bool(browser.execute_script(script))


@pytest.mark.parametrize(("width", "height"), [DESKTOP, PHONE])
def test_a_bad_feed_is_uploaded_read_mended_and_taken(
    browser: WebDriver, shop: Cloud, serve: Serve, tmp_path: Path, width: int, height: int
) -> None:
    look(browser, width=width, height=height, scheme="light")
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_bytes(as_csv(rows({}, {"gtin": "4006381333932"}, {"price": NASTY, "image_link": "http://x.example/1"})))
    good.write_bytes(as_csv(rows({}, {})))
    browser.get(f"{serve(shop).url}/console/partners")
    browser.find_element(By.LINK_TEXT, "Acme").send_keys(Keys.ENTER)
    wait(browser, lambda page: page.find_elements(By.ID, "feed"))
    assert fits(browser)
    upload(browser, bad)
    wait(browser, lambda page: texts(page, ".said") == [
        "Refused: nothing of it was taken, and what was on sale stays as it is."
    ])  # fmt: skip
    assert texts(browser, "tbody tr td:nth-child(1)") == ["2", "3", "3"]
    assert texts(browser, "tbody tr td:nth-child(2)") == ["gtin", "image_link", "price"]
    assert texts(browser, "tbody tr:nth-child(3) td:nth-child(3)") == [NASTY]
    assert browser.execute_script("return window.pwned") is None
    assert fits(browser)
    assert shop.rows(tables.products) == []
    browser.find_element(By.LINK_TEXT, "Acme").send_keys(Keys.ENTER)
    wait(browser, lambda page: page.find_elements(By.ID, "feed"))
    upload(browser, good)
    wait(browser, lambda page: texts(page, ".said") == ["Taken."])
    assert [row["id"] for row in shop.rows(tables.products)] == ["acme:D-0", "acme:D-1"]
    assert complaints(browser) == []


def test_a_partner_is_added_by_keyboard_and_its_page_says_the_next_step(
    browser: WebDriver, cloud: Cloud, serve: Serve
) -> None:
    browser.get(f"{serve(cloud).url}/console/partners")
    browser.find_element(By.NAME, "partner").send_keys("acme")
    browser.find_element(By.NAME, "name").send_keys("Acme", Keys.ENTER)
    wait(browser, lambda page: texts(page, "h1") == ["Acme"])
    assert "Upload one" in texts(browser, ".empty")[0]
    assert fits(browser)
    assert complaints(browser) == []
