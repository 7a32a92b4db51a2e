"""Support in a real browser: a shopper on a phone asks the bot and gets a person, who sits at the console."""

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from tests.browser import axe
from tests.browser.conftest import look
from tests.browser.test_console import Serve, complaints, texts, wait
from tests.browser.test_shop import enter, main, press, shows
from tests.cloud.shopper import furnish
from tests.cloud.stage import Cloud

from aircue_cloud import tables

pytestmark = pytest.mark.browser


@pytest.fixture
def shop(home: Cloud) -> Cloud:
    furnish(home)
    return home


def write(browser: WebDriver, field: str, words: str, button: str) -> None:
    """Into a field of a page that stands still, and sent."""
    element = wait(browser, expected_conditions.element_to_be_clickable((By.ID, field)))
    element.send_keys(words)
    press(browser, button)


def fits(browser: WebDriver) -> bool:
    """Nothing of the page lies beside the window."""
    script = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    return bool(browser.execute_script(script))


def test_somebody_asks_the_bot_and_gets_a_person(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    site = serve(shop)
    enter(browser, shop, site)
    look(browser, width=390, height=844, scheme="light")
    browser.get(f"{site.url}/support")
    write(browser, "question", "how do I return a product", "Send")
    shows(browser, "Keep the packaging until you are sure")
    shows(browser, "From: Returning something")
    press(browser, "Talk to a person")
    shows(browser, "You asked for a person.")
    assert fits(browser)
    shopper = browser.current_window_handle
    browser.switch_to.new_window("window")
    look(browser, width=1280, height=900, scheme="light")
    browser.get(f"{site.url}/console/support")
    press(browser, "Ada")
    shows(browser, "how do I return a product")
    press(browser, "Take over")
    write(browser, "text", "Hello, what is it that you bought?", "Send")
    wait(browser, lambda page: "Hello, what is it that you bought?" in texts(page, ".talk .operator .words"))
    operator = browser.current_window_handle
    browser.switch_to.window(shopper)
    shows(browser, "Hello, what is it that you bought?")
    shows(browser, "A person answers here; the bot is silent.")
    write(browser, "question", "how do I return a product, please", "Send")
    wait(browser, lambda page: len(texts(page, ".talk .shopper")) == 2)
    browser.switch_to.window(operator)
    shows(browser, "how do I return a product, please")
    press(browser, "Solved")
    wait(browser, lambda _: shop.rows(tables.conversations)[0]["state"] == "solved")
    browser.close()
    browser.switch_to.window(shopper)
    shows(browser, "This conversation was closed.")
    assert [row["author"] for row in shop.rows(tables.messages)] == ["shopper", "bot", "operator", "shopper"]
    assert complaints(browser) == []


def test_anybody_asks_in_their_language_without_signing_in(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    look(browser, width=390, height=844, scheme="dark")
    browser.get(f"{serve(shop).url}/support")
    write(browser, "question", "我想把东西退回去", "Ask")
    shows(browser, "请保留包装")
    assert fits(browser)
    assert "Talk to a person" not in main(browser)
    assert shop.rows(tables.messages) == []
    assert complaints(browser) == []


def test_the_pages_are_readable_by_everybody(browser: WebDriver, shop: Cloud, serve: Serve) -> None:
    script = axe.source()
    if script is None:
        pytest.skip("axe-core is not there; type: make axe")
    site = serve(shop)
    enter(browser, shop, site)
    browser.get(f"{site.url}/support")
    write(browser, "question", "can I pay by card", "Send")
    shows(browser, "The ways to pay")
    press(browser, "Talk to a person")
    shows(browser, "You asked for a person.")
    [talk] = shop.rows(tables.conversations)
    paths = ("/support", "/support/articles/returns", "/console/support", "/console/support/articles/en/returns")
    for path in (*paths, f"/console/support/conversations/{talk['id']}"):
        browser.get(f"{site.url}{path}")
        wait(browser, lambda page: page.find_element(By.TAG_NAME, "h1").text)
        assert axe.violations(browser, script) == [], path
    assert complaints(browser) == []
