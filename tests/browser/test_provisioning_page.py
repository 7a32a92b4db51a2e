"""The page that sets a node up, served by the real firmware in MicroPython on the bench, used through a real browser at
the size of a phone: what a person sees and does. Simulated: sensors, radio, the access point."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from tests.browser.conftest import look
from tests.hil.compiled import compile_firmware
from tests.hil.unprovisioned import HOSTILE, Scene

pytestmark = [pytest.mark.browser, pytest.mark.hil]

T = TypeVar("T")
PATIENCE_S = 60
PHONE = 390


class Home:
    """A scene that plays in a thread of its own, so that a browser can be driven beside it."""

    def __init__(self, scene: Scene, loop: asyncio.AbstractEventLoop) -> None:
        self.scene = scene
        self._loop = loop

    def wait(self, awaited: Any) -> Any:
        """What a coroutine of the scene gives."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(awaited, self._loop)
        return future.result(PATIENCE_S)


@pytest.fixture
def home(tmp_path: Path, micropython: Path) -> Iterator[Home]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    program = tmp_path / "firmware"
    program.mkdir()
    scene = Scene(tmp_path, compile_firmware(program), micropython)
    played = Home(scene, loop)
    played.wait(scene.__aenter__())
    yield played
    played.wait(scene.__aexit__())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def field(browser: WebDriver, name: str) -> WebElement:
    return browser.find_element(By.NAME, name)


def write(browser: WebDriver, **texts: str) -> None:
    for name, text in texts.items():
        field(browser, name).clear()
        field(browser, name).send_keys(text)


def press(browser: WebDriver, value: str) -> None:
    """The button, once it is in sight; the page after it is there when this returns."""
    button = browser.find_element(By.CSS_SELECTOR, f'button[value="{value}"]')
    browser.execute_script("arguments[0].scrollIntoView()", button)
    button.click()


def until(browser: WebDriver, holds: Callable[[WebDriver], T]) -> T:
    return WebDriverWait(browser, PATIENCE_S).until(holds)


def shoot(browser: WebDriver, folder: Path, name: str) -> None:
    """A picture of the whole page, for whoever wants to look."""
    height = browser.execute_script("return document.documentElement.scrollHeight")
    look(browser, width=PHONE, height=height, scheme="light")
    browser.save_screenshot(str(folder / f"{name}.png"))
    look(browser, width=PHONE, height=844, scheme="light")


def fits(browser: WebDriver) -> bool:
    """Whether nothing has to be scrolled sideways."""
    width: int = browser.execute_script("return document.documentElement.scrollWidth")
    return width <= PHONE


def test_a_person_sets_a_node_up_with_a_phone(home: Home, browser: WebDriver, tmp_path: Path) -> None:
    scene = home.scene
    home.wait(scene.node.power_on())
    home.wait(scene.being_set_up())
    look(browser, width=PHONE, height=844, scheme="light")
    browser.get(f"http://127.0.0.1:{scene.port}/")
    assert browser.find_element(By.TAG_NAME, "h1").text.startswith("Set up Aircue-")
    assert fits(browser)
    assert browser.find_elements(By.TAG_NAME, "script") == []
    assert HOSTILE in browser.find_element(By.TAG_NAME, "form").text
    assert field(browser, "use_sht3x").is_selected()
    assert not field(browser, "pin_dht22").is_displayed()
    field(browser, "use_dht22").click()
    assert field(browser, "pin_dht22").is_displayed()
    field(browser, "use_dht22").click()
    shoot(browser, tmp_path, "form")

    browser.find_element(By.CSS_SELECTOR, f'input[value="{scene.bench.config.wifi.ssid}"]').click()
    write(browser, wifi_key=scene.bench.config.wifi.key, **(scene.rest() | {"node": "bath/room"}))
    press(browser, "save")
    wrong = until(browser, lambda seen: seen.find_element(By.ID, "wrong_node"))
    assert wrong.text == "node is 'bath/room', a name without / + # and spaces is expected"
    assert field(browser, "site").get_attribute("value") == "home-1"
    shoot(browser, tmp_path, "wrong")

    write(browser, node="bathroom")
    press(browser, "look")
    until(browser, lambda seen: not seen.find_elements(By.ID, "wrong_node"))
    assert field(browser, "node").get_attribute("value") == "bathroom"
    press(browser, "save")
    until(browser, lambda seen: "Saved" in seen.title)
    assert 'id = "bathroom"' in browser.find_element(By.TAG_NAME, "pre").text
    assert fits(browser)
    shoot(browser, tmp_path, "saved")

    birth = home.wait(scene.birth())
    assert [row["q"] for row in birth["quantities"]] == ["temperature", "humidity", "pressure", "co2"]
    logged = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry for entry in logged if entry["level"] != "DEBUG"] == []
