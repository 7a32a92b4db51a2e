"""Buying from an offer and paying for it, in a real browser on a desk and in a hand; the sandbox stands for a
provider."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from tests.browser import axe
from tests.browser.conftest import look
from tests.browser.test_console import PATIENCE_S, Serve, complaints
from tests.browser.test_shop import enter, press
from tests.cloud.conftest import PLAIN
from tests.cloud.stage import DAMP, DRY, NOW, Clock, Cloud, FixedAffinity, batch, humidity

from aircue_cloud import db, tables
from aircue_cloud.app import create_app
from aircue_cloud.config import Config
from aircue_cloud.identity import gateway_keys
from aircue_cloud.payment.sandbox import Courier, Sandbox
from aircue_cloud.routes.services import services

pytestmark = pytest.mark.browser
SIZES = pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)], ids=["desk", "hand"])


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """One whose way of paying is the sandbox."""
    clock, affinity = Clock(), FixedAffinity()
    affinity.current = lambda: None  # type: ignore[method-assign]  # recent popularity stands in
    config = Config(data_dir=str(tmp_path / "data"), push_ttl_h=24 * 30, payment={"sandbox": {}}, **PLAIN)
    app = create_app(config, affinity=affinity, clock=clock)
    with app.app_context():
        engine, place = services().engine, services().place
    with db.writing(engine) as connection:
        key = gateway_keys.add(connection, "gw-1", NOW)
    yield Cloud(app=app, engine=engine, key=key, clock=clock, affinity=affinity, folder=place.folder)
    engine.dispose()


@pytest.fixture
def courier(cloud: Cloud) -> Iterator[Courier]:
    """Not started: until it is, no callback comes."""
    sandbox = cloud.services.payments.providers["sandbox"]
    assert isinstance(sandbox, Sandbox)
    found = Courier(sandbox)
    yield found
    found.stop()


def main(browser: WebDriver) -> str:
    """What stands on the page once all of it is there, its style too: a page gives way to the next by itself here."""
    told = "return document.readyState === 'complete' ? document.querySelector('main').innerText : ''"
    return str(browser.execute_script(told))


def shows(browser: WebDriver, text: str) -> None:
    """Also where a page goes away under the question."""
    patient = WebDriverWait(browser, PATIENCE_S, poll_frequency=0.1, ignored_exceptions=[WebDriverException])
    patient.until(lambda page: text in main(page), f"{text!r} is not there")


def shot(browser: WebDriver, name: str) -> None:
    """Keeps a picture where AIRCUE_SCREENSHOTS names a folder."""
    folder = os.environ.get("AIRCUE_SCREENSHOTS")
    if folder:
        whole = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        Path(folder, f"{name}.png").write_bytes(base64.b64decode(whole["data"]))


def fits(browser: WebDriver, width: int, name: str) -> None:
    """And axe finds nothing, where it is there."""
    shot(browser, f"checkout-{name}-{width}")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width, name
    script = axe.source()
    if script is not None:
        assert axe.violations(browser, script) == [], name


@SIZES
def test_an_offer_is_bought_and_paid_without_leaving_the_shop(
    browser: WebDriver, home: Cloud, serve: Serve, courier: Courier, width: int, height: int
) -> None:
    look(browser, width=width, height=height, scheme="light")
    home.post(batch(humidity([*DRY, *DAMP])))
    site = serve(home)
    enter(browser, home, site)
    browser.get(f"{site.url}/offers")
    press(browser, "Put in cart")
    shows(browser, "Sandbox (nothing is charged)")
    fits(browser, width, "cart")
    press(browser, "Order and pay")
    shows(browser, "This is no real payment")
    fits(browser, width, "sandbox")
    press(browser, "Pay")
    shows(browser, "has not confirmed the payment yet")
    assert "Thank you" not in main(browser)
    fits(browser, width, "waiting")
    courier.start()
    shows(browser, "Thank you for your order")
    assert "from one of your offers" in main(browser)
    fits(browser, width, "paid")
    press(browser, "My orders")
    shows(browser, "Order 1001")
    fits(browser, width, "orders")
    [bought] = [row for row in home.rows(tables.interactions) if row["kind"] == "purchase"]
    assert (bought["product"], bought["pushed"], bought["push"]) == ("drymax", True, home.rows(tables.pushes)[0]["id"])
    assert complaints(browser) == []


@SIZES
def test_a_payment_that_fails_is_said_and_tried_again(
    browser: WebDriver, home: Cloud, serve: Serve, courier: Courier, width: int, height: int
) -> None:
    look(browser, width=width, height=height, scheme="light")
    courier.start()
    site = serve(home)
    enter(browser, home, site)
    browser.get(f"{site.url}/products/drymax")
    press(browser, "Add to cart")
    press(browser, "Order and pay")
    press(browser, "Let the payment fail")
    shows(browser, "did not go through")
    fits(browser, width, "failed")
    press(browser, "Pay")
    shows(browser, "This is no real payment")
    press(browser, "Leave without paying")
    shows(browser, "came back without paying")
    press(browser, "Cancel the order")
    shows(browser, "The order is cancelled.")
    assert browser.find_elements(By.XPATH, "//main//button[normalize-space()='Pay']") == []


def test_the_desk_gives_money_back_and_the_shopper_sees_it(
    browser: WebDriver, home: Cloud, serve: Serve, courier: Courier
) -> None:
    courier.start()
    site = serve(home)
    enter(browser, home, site)
    browser.get(f"{site.url}/products/drymax")
    press(browser, "Add to cart")
    press(browser, "Order and pay")
    press(browser, "Pay")
    shows(browser, "Thank you for your order")
    theirs = browser.current_url
    browser.get(f"{site.url}/console/orders")
    fits(browser, 1280, "console-orders")
    press(browser, "1001")
    shows(browser, "Give back")
    fits(browser, 1280, "console-order")
    browser.find_element(By.NAME, "sure").click()
    press(browser, "Give back")
    shows(browser, "refunded")
    browser.get(theirs)
    shows(browser, "on its way back to you")
