"""What operators change in the console, in a real browser: a need and the model in use."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from tests.browser.conftest import Site, look
from tests.browser.test_console import complaints, texts, wait
from tests.cloud.recommender.trained import of_recipes, start
from tests.cloud.stage import DAMP, DRY, Cloud, batch, humidity

from aircue_cloud import tables
from aircue_cloud.recommender import store

pytestmark = pytest.mark.browser

Serve = Callable[..., Site]


def press(browser: WebDriver, selector: str) -> None:
    """By the keyboard, as it has to go without a mouse."""
    browser.find_element(By.CSS_SELECTOR, selector).send_keys(Keys.ENTER)


def test_a_need_is_edited_tried_on_past_readings_and_saved(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    home.post(batch(humidity([*DRY, *DAMP, *DRY, *DAMP])))
    browser.get(f"{serve(home).url}/console/needs/damp-air")
    threshold = browser.find_element(By.ID, "enter")
    threshold.clear()
    threshold.send_keys("90")
    press(browser, "button[value=try]")
    wait(browser, lambda page: texts(page, ".compared thead th") == ["as it holds", "as it is typed"])
    assert texts(browser, ".compared tbody tr:nth-child(2) td") == ["2", "0"]
    assert browser.find_element(By.CSS_SELECTOR, ".plot polyline").rect["width"] > 300
    assert browser.find_element(By.ID, "enter").get_attribute("value") == "90"
    press(browser, "#save-form")
    wait(browser, lambda page: texts(page, ".said") == ["Saved. It holds from now on."])
    assert "+ enter = 90" in texts(browser, ".diff .added")[0]
    assert [row["number"] for row in home.rows(tables.need_versions)] == [1]
    look(browser, width=390, height=844, scheme="dark")
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    assert complaints(browser) == []


def trained(folder: Path, letter: str) -> str:
    artefact = of_recipes((1.0, start("popularity")), fingerprint=letter * 64)
    version = store.save(folder, replace(artefact, info=replace(artefact.info, verdict="made up")))
    store.activate(folder, version)
    return version


def test_a_model_is_rolled_back_after_a_tick_and_not_before(browser: WebDriver, home: Cloud, serve: Serve) -> None:
    folder = home.services.place.model_dir
    first, second = trained(folder, "a"), trained(folder, "b")
    browser.get(f"{serve(home).url}/console/recommender")
    press(browser, "details.confirm summary")
    press(browser, "button.danger")  # the browser asks for the tick first
    assert not browser.execute_script("return document.querySelector('details.confirm form').checkValidity()")
    assert store.active_version(folder) == second
    browser.find_element(By.CSS_SELECTOR, "details.confirm input[type=checkbox]").send_keys(Keys.SPACE)
    press(browser, "button.danger")
    wait(browser, lambda page: texts(page, ".said")[:1] != [] and texts(page, ".said")[0].startswith("Rolled back."))
    assert store.active_version(folder) == first
    assert complaints(browser) == []
