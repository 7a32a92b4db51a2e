"""The console in a real browser, on the real application with readings that came in through its own door."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait
from tests.browser.conftest import Site, look
from tests.cloud.stage import DAMP, DRY, Cloud, batch, humidity, product

from aircue_cloud import tables

pytestmark = pytest.mark.browser

PATIENCE_S = 15
Serve = Callable[..., Site]


def wait(browser: WebDriver, condition: Callable[[WebDriver], Any]) -> Any:
    """Also while one page gives way to the next."""
    gone = [StaleElementReferenceException]
    return WebDriverWait(browser, PATIENCE_S, poll_frequency=0.1, ignored_exceptions=gone).until(condition)


def state(browser: WebDriver) -> str:
    return browser.find_element(By.ID, "state").text


def open_console(browser: WebDriver, site: Site) -> None:
    browser.get(f"{site.url}/console")
    wait(browser, lambda page: state(page) == "live")


def complaints(browser: WebDriver) -> list[str]:
    log = browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium leaves it without types
    return [entry["message"] for entry in log if entry["level"] in ("WARNING", "SEVERE")]


def texts(browser: WebDriver, selector: str) -> list[str]:
    """In one step, because the page may replace its parts between two."""
    script = "return [...document.querySelectorAll(arguments[0])].map(element => element.innerText)"
    found: list[str] = browser.execute_script(script, selector)
    return found


def test_every_node_has_a_chart_with_a_line_of_some_size(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    home.post(batch(humidity([*DRY, *DAMP]), humidity(DRY, node="bedroom")))
    open_console(browser, serve(home))
    assert texts(browser, ".card h3") == ["bathroom", "bedroom"]
    for card in browser.find_elements(By.CLASS_NAME, "card"):
        line = card.find_element(By.TAG_NAME, "polyline").rect
        assert line["width"] > 150
        assert card.find_element(By.CLASS_NAME, "chart").rect["width"] > 250
    assert complaints(browser) == []


def test_a_push_appears_without_a_reload_and_without_disturbing(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    home.post(batch(humidity(DRY)))
    open_console(browser, serve(home))
    browser.execute_script("window.loadedOnce = true; document.querySelector('.plot').dataset.mine = 'yes'")
    browser.find_element(By.TAG_NAME, "summary").click()
    assert texts(browser, ".pushes h3") == []
    home.post(batch(humidity(dict(enumerate(DAMP, 20))), sequence=2))
    began = time.monotonic()
    wait(browser, lambda page: texts(page, ".pushes h3") == ["Damp air in your bathroom"])
    print(f"the push was on the page {time.monotonic() - began:.2f} s after it was stored")
    assert browser.execute_script("return window.loadedOnce")
    assert browser.execute_script("return document.querySelector('.plot').dataset.mine") == "yes"
    assert browser.find_element(By.TAG_NAME, "details").get_attribute("open")
    assert texts(browser, ".figures div:nth-child(4) dd")[0] == "1"
    assert browser.find_element(By.ID, "news").get_attribute("textContent") == "New push: Damp air in your bathroom"
    assert complaints(browser) == []


def test_a_node_that_joins_appears_and_open_tables_stay_open(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    home.post(batch(humidity(DRY)))
    open_console(browser, serve(home))
    browser.find_element(By.TAG_NAME, "summary").click()
    home.post(batch(humidity(DRY, node="attic"), sequence=2))
    wait(browser, lambda page: texts(page, ".card h3") == ["attic", "bathroom"])
    tables = browser.find_elements(By.TAG_NAME, "details")
    assert [bool(table.get_attribute("open")) for table in tables] == [False, True]
    assert browser.execute_script("return document.activeElement.closest('details').id").endswith("bathroom/humidity")


def test_names_from_outside_are_shown_and_never_run(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    nasty = '"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
    home.add(tables.products, {**product("nasty", "dehumidifier"), "name": nasty})
    home.affinity.shares = {"nasty": 0.9}
    node = "<svg\u00a0onload=window.pwned=1><script>window.pwned=1"
    site = serve(home)
    home.post(batch(humidity(DRY, node=node)))
    open_console(browser, site)
    home.post(batch(humidity(dict(enumerate(DAMP, 20)), node=node), sequence=2))
    wait(browser, lambda page: texts(page, ".offer span") == [nasty])
    assert texts(browser, ".card h3") == [node]
    assert browser.execute_script("return window.pwned") is None
    assert browser.find_elements(By.CSS_SELECTOR, "main script, main img") == []
    assert complaints(browser) == []


def test_a_hidden_page_asks_nothing_and_wakes_up(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    site = serve(home)
    open_console(browser, site)
    browser.execute_script(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    assert state(browser) == "paused"
    # What is asked for next comes after anything the page may still have had under way.
    before = len(site.asked)
    browser.execute_async_script("const done = arguments[0]; setTimeout(done, 1600)")
    assert len(site.asked) <= before + 1
    browser.execute_script("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    wait(browser, lambda page: state(page) == "live")
    wait(browser, lambda _: len(site.asked) > before + 1)


def test_a_lost_connection_is_said_and_found_again(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    site = serve(home)
    open_console(browser, site)
    site.server.shutdown()
    site.server.server_close()
    wait(browser, lambda page: state(page) == "no connection, trying again")
    serve(home, site.server.server_port)
    wait(browser, lambda page: state(page) == "live")


def test_the_keyboard_reaches_windows_and_tables_and_one_sees_where_it_is(
    browser: WebDriver, home: Cloud, serve: Serve
) -> None:
    home.post(batch(humidity(DRY)))
    open_console(browser, serve(home))
    reached = []
    for _ in range(40):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(browser.execute_script("return document.activeElement.textContent.trim().split('\\n')[0]"))
        style = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid", reached
        if reached[-1].startswith("Table"):
            break
    assert reached[:2] == ["Skip to the content", "Aircue"]
    windows = reached.index("1h")
    assert reached[windows : windows + 4] == ["1h", "6h", "24h", "7d"]
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.find_element(By.TAG_NAME, "details").get_attribute("open")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_desk_in_both_schemes(
    browser: WebDriver, home: Cloud, serve: Serve, width: int, scheme: str
) -> None:
    look(browser, width=width, height=844, scheme=scheme)
    home.post(batch(humidity([*DRY, *DAMP], node="a-node-with-quite-a-long-name-for-a-small-window")))
    open_console(browser, serve(home))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    assert (brightness > 600) == (scheme == "light")
    assert complaints(browser) == []
