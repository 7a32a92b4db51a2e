"""The console's main paths by keyboard alone, in a real browser."""

from collections.abc import Callable

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from tests.browser.conftest import Site
from tests.browser.test_console import complaints, open_console, texts, wait
from tests.browser.test_frame import heading, press
from tests.cloud.stage import DAMP, DRY, Cloud, batch, humidity

from aircue_cloud import tables

pytestmark = pytest.mark.browser

Serve = Callable[..., Site]
MOST = 80  # places where Tab stops


def walk(browser: WebDriver, selector: str) -> None:
    """Tab until such an element has the focus, and shows that it has."""
    for _ in range(MOST):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        if browser.execute_script("return document.activeElement.matches(arguments[0])", selector):
            style = "return getComputedStyle(document.activeElement).outlineStyle"
            assert browser.execute_script(style) == "solid"
            return
    raise AssertionError(f"no Tab leads to {selector}")


def test_why_not_is_found(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    home.consent("ada", granted=False)
    home.post(batch(humidity(DAMP)))
    open_console(browser, serve(home))
    press(browser, "g", "d")
    wait(browser, lambda page: heading(page) == "Decisions")
    walk(browser, "td a[href='/console/decisions/1']")
    press(browser, Keys.ENTER)
    wait(browser, lambda page: heading(page) == "Why: held back")
    assert "stopped here" in texts(browser, "tbody td")
    assert any("has withdrawn its agreement" in one for one in texts(browser, "tbody td"))
    assert complaints(browser) == []


def test_a_room_is_looked_at_from_a_year_down_to_its_figures(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    home.post(batch(humidity([*DRY, *DAMP])))
    open_console(browser, serve(home))
    press(browser, "g", "h")
    wait(browser, lambda page: heading(page) == "Homes")
    walk(browser, "td a[href='/console/homes/home-1']")
    press(browser, Keys.ENTER)
    wait(browser, lambda page: heading(page) == "home-1")
    walk(browser, ".switch a[href*='span=hour']")
    press(browser, Keys.ENTER)
    wait(browser, lambda page: "span=hour" in page.current_url and page.find_elements(By.CSS_SELECTOR, ".plot[role]"))
    walk(browser, ".plot[role=slider]")
    press(browser, Keys.END)
    assert "85.0 %" in texts(browser, ".readout")[0]
    walk(browser, "summary")
    press(browser, Keys.ENTER)
    assert browser.find_element(By.CSS_SELECTOR, "figure details").get_attribute("open")
    assert complaints(browser) == []


def test_a_new_need_is_begun_tried_and_saved(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    home.post(batch(humidity([*DRY, *DAMP])))
    open_console(browser, serve(home))
    press(browser, "g", "e")
    wait(browser, lambda page: heading(page) == "Needs")
    walk(browser, "a.button")
    press(browser, Keys.ENTER)
    wait(browser, lambda page: heading(page) == "New need")
    walk(browser, "select[name='from']")
    press(browser, "Damp")
    walk(browser, ".filter button")
    press(browser, Keys.ENTER)
    wait(browser, lambda page: "from=damp-air" in page.current_url and heading(page) == "New need")
    walk(browser, "#name")
    press(browser, "wet-attic")
    walk(browser, "button[value=try]")
    press(browser, Keys.ENTER)
    wait(browser, lambda page: texts(page, ".compared thead th") == ["as it is typed"])
    walk(browser, "#save-form")
    press(browser, Keys.ENTER)
    wait(browser, lambda page: texts(page, ".said") == ["Saved. It holds from now on."])
    assert [row["name"] for row in home.rows(tables.need_versions)] == ["wet-attic"]
    assert complaints(browser) == []
