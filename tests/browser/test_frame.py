"""The console's frame in a real browser: signing in, keys, colours, looking closer, and pages that axe-core passes."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from tests.browser import axe
from tests.browser.conftest import Site, look
from tests.browser.test_console import complaints, open_console, texts, wait
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity, product

from aircue_cloud import db, tables
from aircue_cloud.decision import kill_switch
from aircue_cloud.identity import operators, passwords

pytestmark = pytest.mark.browser

Serve = Callable[..., Site]
PASSWORD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def script() -> Path:
    found = axe.source()
    if found is None:
        pytest.skip("axe-core is not here: make axe, or name its file in AXE_CORE")
    return found


def heading(browser: WebDriver) -> str:
    return browser.find_element(By.TAG_NAME, "h1").text


def press(browser: WebDriver, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def test_an_operator_signs_in_stops_all_pushes_and_signs_out(
    browser: WebDriver, home: Cloud, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_HASHER", QUICK)
    with db.writing(home.engine) as connection:
        operators.add(connection, "olga", QUICK.hash(PASSWORD), "owner", NOW)
    browser.get(f"{serve(home).url}/console/switch")
    assert heading(browser) == "Sign in to Aircue"
    browser.find_element(By.ID, "name").send_keys("olga")
    browser.find_element(By.ID, "password").send_keys(PASSWORD, Keys.ENTER)
    wait(browser, lambda page: heading(page) == "Stop or start pushes")
    browser.find_element(By.NAME, "reason").send_keys("a fire drill")
    browser.find_element(By.NAME, "sure").click()
    browser.find_element(By.CSS_SELECTOR, "button.danger").click()
    wait(browser, lambda page: "Because: a fire drill" in page.find_element(By.TAG_NAME, "main").text)
    with db.reading(home.engine) as connection:
        assert kill_switch.switched_off(connection) == "a fire drill"
    browser.find_element(By.XPATH, "//button[text()='Sign out']").click()
    wait(browser, lambda page: heading(page) == "Sign in to Aircue")
    browser.delete_all_cookies()
    assert complaints(browser) == []


def test_keys_lead_through_the_console(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    open_console(browser, serve(home))
    press(browser, "?")
    assert browser.find_element(By.ID, "keys").is_displayed()
    press(browser, Keys.ESCAPE)
    assert not browser.find_element(By.ID, "keys").is_displayed()
    press(browser, "g", "d")
    wait(browser, lambda page: heading(page) == "Decisions")
    press(browser, "/")
    assert browser.switch_to.active_element.get_attribute("id") == "search"
    press(browser, "ada", Keys.ENTER)
    wait(browser, lambda page: heading(page) == "Search: ada")
    assert texts(browser, "td:nth-child(2)") == ["Ada's", "Ada"]
    press(browser, Keys.TAB, Keys.ENTER)
    assert browser.find_element(By.ID, "content").is_displayed()
    assert complaints(browser) == []


def test_dark_and_light_are_chosen_and_kept(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    site = serve(home)
    browser.get(f"{site.url}/console/catalogue")
    colour = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(colour)
    browser.find_element(By.ID, "theme").click()
    dark = browser.execute_script(colour)
    browser.get(f"{site.url}/console/homes")
    assert browser.execute_script(colour) == dark != light
    browser.delete_all_cookies()


def test_dragging_over_a_chart_looks_closer(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    home.post(batch(humidity(DAMP)))
    browser.get(f"{serve(home).url}/console/homes/home-1?span=day")
    browser.execute_script("""
      const plot = document.querySelector('.plot'), box = plot.querySelector('svg').getBoundingClientRect();
      const y = box.top + 50, at = share => ({clientX: box.left + share * box.width, clientY: y, bubbles: true,
        pointerId: 1, button: 0, pointerType: 'mouse'});
      plot.setPointerCapture = () => {};
      plot.dispatchEvent(new PointerEvent('pointerdown', at(0.25)));
      plot.dispatchEvent(new PointerEvent('pointermove', at(0.5)));
      plot.dispatchEvent(new PointerEvent('pointerup', at(0.75)));
    """)
    wait(browser, lambda page: "start=" in page.current_url)
    start, end = (int(re.findall(rf"{name}=(\d+)", browser.current_url)[0]) for name in ("start", "end"))
    assert end - start == pytest.approx(12 * 3_600_000, rel=0.02)
    assert complaints(browser) == []


PAGES = ("", "/homes", "/homes/home-1", "/devices", "/decisions", "/decisions/1", "/catalogue", "/catalogue/drymax")
DESK = ("/search?q=a", "/new-need", "/audiences", "/privacy", "/audit", "/users", "/switch")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("paths", [PAGES, DESK], ids=["watch", "keep"])
def test_nobody_is_kept_out_of_a_page(
    browser: WebDriver, home: Cloud, serve: Serve, script: Path, paths: tuple[str, ...], width: int, scheme: str
) -> None:
    home.add(tables.products, product("fan", "fan"))
    home.post(batch(humidity(DAMP, node="a-node-with-quite-a-long-name-for-a-small-window")))
    site = serve(home)
    look(browser, width=width, height=844, scheme=scheme)
    for path in paths:
        browser.get(f"{site.url}/console{path}")
        assert axe.violations(browser, script) == [], path
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, path
    assert complaints(browser) == []


def test_a_chart_tells_time_and_value_under_the_pointer_a_finger_and_by_keys(
    browser: WebDriver, home: Cloud, serve: Serve
) -> None:
    home.post(batch(humidity([50.0] * 10 + [60.0] * 10)))
    site = serve(home)
    for path in ("/console/homes/home-1?span=hour", "/console"):
        browser.get(site.url + path)
        plot = wait(browser, lambda page: page.find_element(By.CSS_SELECTOR, ".plot[role=slider]"))
        plot.send_keys(Keys.HOME)
        assert "02:00 GMT: 50.0 %" in texts(browser, ".readout")[0]
        assert plot.get_attribute("aria-valuetext") == texts(browser, ".readout")[0]
        plot.send_keys(Keys.END)
        assert "02:19 GMT: 60.0 %" in texts(browser, ".readout")[0]
        plot.send_keys(Keys.ARROW_LEFT)
        assert "GMT: 60.0 %" in texts(browser, ".readout")[0]
        assert len(browser.find_elements(By.CSS_SELECTOR, ".chart .cursor")) == 1
        browser.execute_script("document.activeElement.blur()")
        assert texts(browser, ".readout") == []
        for kind in ("mouse", "touch"):
            browser.execute_script(
                """
                const plot = document.querySelector('.plot'), box = plot.querySelector('svg').getBoundingClientRect();
                plot.dispatchEvent(new PointerEvent('pointerdown', {clientX: box.left, clientY: box.top + 50,
                  bubbles: true, pointerId: 1, button: 1, pointerType: arguments[0]}));
                """,
                kind,
            )
            assert "02:00 GMT: 50.0 %" in texts(browser, ".readout")[0], kind
    assert complaints(browser) == []
