"""Somebody at the shop's pages, with a real browser."""

from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from tests.browser.conftest import Site
from tests.browser.test_console import wait
from tests.cloud.stage import Cloud

from aircue_cloud import db
from aircue_cloud.identity import codes, sessions


def enter(browser: WebDriver, cloud: Cloud, site: Site, person: str = "ada-1") -> None:
    """By the link that the shop sent."""
    with db.writing(cloud.engine) as connection:
        code = codes.draw(connection, sessions.SHOPPER, person, cloud.clock())
    browser.get(f"{site.url}/me/link/{code}")
    press(browser, "Open my page")
    wait(browser, lambda page: "/me/link/" not in page.current_url)


def press(browser: WebDriver, text: str) -> None:
    """A button or a link by what it says."""
    path = f"//main//*[self::button or self::a][normalize-space()={text!r}]"

    def pressed(page: WebDriver) -> bool:
        found = page.find_element(By.XPATH, path)
        page.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()
        return True

    wait(browser, pressed)


def main(browser: WebDriver) -> str:
    return browser.find_element(By.TAG_NAME, "main").text


def shows(browser: WebDriver, text: str) -> None:
    wait(browser, lambda page: text in main(page))


def walk(browser: WebDriver, until: str) -> list[str]:
    """By the tabulator; each stop can be seen."""
    reached: list[str] = []
    for _ in range(40):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(browser.execute_script("return document.activeElement.textContent.trim()"))
        assert browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle") == "solid", (
            reached
        )
        if reached[-1] == until:
            return reached
    raise AssertionError(reached)
