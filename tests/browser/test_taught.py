"""Segments, bundles and what goes well with a product, in a real browser."""

import csv
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from tests.browser import axe
from tests.browser.conftest import look
from tests.browser.test_console import Serve, complaints, texts, wait
from tests.cloud.segments import crowd
from tests.cloud.stage import Cloud

pytestmark = pytest.mark.browser

DOCUMENT = 'title = "Damp homes"\nall = [{profile = "need:damp-air", any = ["often"]}]\n'


@pytest.fixture
def taught(cloud: Cloud) -> Cloud:
    cloud.affinity.current = lambda: None  # type: ignore[method-assign]  # recent popularity stands in
    crowd.fill(cloud)
    return cloud


def press(browser: WebDriver, text: str) -> None:
    """A button by what it says, once it is there; the next page may take a moment to come."""
    path = f"//main//button[normalize-space()={text!r}]"
    wait(browser, lambda page: page.find_elements(By.XPATH, path))
    browser.find_element(By.XPATH, path).click()


def reads(browser: WebDriver, text: str) -> None:
    wait(browser, lambda page: text in page.find_element(By.TAG_NAME, "main").text)


def assert_accessible(browser: WebDriver) -> None:
    """Where axe is there; the walk of all pages in test_frame.py says what would make it run."""
    script = axe.source()
    if script is not None:
        assert axe.violations(browser, script) == []


def test_an_operator_makes_a_snapshot_writes_an_audience_and_takes_its_file(
    browser: WebDriver, taught: Cloud, serve: Serve, tmp_path: Path
) -> None:
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    browser.get(f"{serve(taught).url}/console/segments")
    reads(browser, "No snapshot was made yet.")
    press(browser, "Make today's snapshot")
    reads(browser, "How often damp-air was felt")
    reads(browser, "about 40")
    browser.find_element(By.NAME, "name").send_keys("damp-homes")
    field = browser.find_element(By.NAME, "document")
    field.clear()
    field.send_keys("title = ")
    press(browser, "Save")
    reads(browser, "this is no TOML")
    assert browser.find_element(By.NAME, "name").get_attribute("value") == "damp-homes"
    field = browser.find_element(By.NAME, "document")
    field.clear()
    field.send_keys(DOCUMENT)
    press(browser, "Save")
    reads(browser, "Damp homes")
    browser.find_element(By.CSS_SELECTOR, "details summary").click()
    press(browser, "Its people as CSV: damp-homes")
    wait(browser, lambda _: (tmp_path / "aircue-audience-damp-homes.csv").is_file())
    with (tmp_path / "aircue-audience-damp-homes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert {row["need:damp-air"] for row in rows} == {"often"}
    assert_accessible(browser)
    look(browser, width=390, height=844, scheme="light")
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    # The server said 422 once, as it was to.
    assert [line for line in complaints(browser) if "422" not in line] == []


def test_an_operator_mines_bundles_and_a_visitor_sees_what_goes_well(
    browser: WebDriver, taught: Cloud, serve: Serve
) -> None:
    url = serve(taught).url
    browser.get(f"{url}/console/bundles")
    reads(browser, "or nothing was mined yet")
    press(browser, "Mine now")
    reads(browser, "What goes well with what")
    assert "purifier" in texts(browser, "td")
    assert_accessible(browser)
    look(browser, width=390, height=844, scheme="light")
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    browser.get(f"{url}/products/purifier")
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".goes-with .tile"))
    shown = [tile.get_attribute("data-product") for tile in browser.find_elements(By.CSS_SELECTOR, ".goes-with .tile")]
    assert shown == ["filter", "hood"]
    reads(browser, "more often than chance explains")
    assert_accessible(browser)
    assert complaints(browser) == []
    link = browser.find_element(By.CSS_SELECTOR, ".goes-with .together a")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", link)  # from under the menu of a phone
    link.click()
    wait(browser, lambda page: "/products/purifier" not in page.current_url)
