"""A cloud with a home and a shop, served to a real Chromium."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from urllib import request

import pytest
from selenium import webdriver
from selenium.common.exceptions import SessionNotCreatedException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver
from tests.cloud.conftest import PLAIN
from tests.cloud.stage import NOW, Clock, Cloud, FixedAffinity, product
from werkzeug.serving import BaseWSGIServer, make_server

from aircue_cloud import db, tables
from aircue_cloud.app import create_app
from aircue_cloud.config import Config
from aircue_cloud.identity import gateway_keys
from aircue_cloud.routes.services import services

SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class LoopbackService(Service):
    """Chromedriver by its address: a bare system may not know the name localhost."""

    @property
    def service_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_connectable(self) -> bool:
        try:
            with request.urlopen(f"{self.service_url}/status", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """The application with one gateway and nothing else."""
    clock, affinity = Clock(), FixedAffinity()
    app = create_app(
        Config(data_dir=str(tmp_path / "data"), push_ttl_h=24 * 30, **PLAIN), affinity=affinity, clock=clock
    )
    with app.app_context():
        engine, place = services().engine, services().place
    with db.writing(engine) as connection:
        key = gateway_keys.add(connection, "gw-1", NOW)
    yield Cloud(app=app, engine=engine, key=key, clock=clock, affinity=affinity, folder=place.folder)
    engine.dispose()


@pytest.fixture
def home(cloud: Cloud) -> Cloud:
    """The same with a household in London that agreed to offers, and a dehumidifier to offer."""
    cloud.add(tables.households, {"id": "ada", "name": "Ada's"})
    cloud.add(tables.people, {"id": "ada-1", "household": "ada", "name": "Ada"})
    cloud.add(tables.sites, {"id": "home-1", "household": "ada", "tz": "Europe/London"})
    cloud.add(tables.products, product("drymax", "dehumidifier"))
    cloud.consent("ada", granted=True)
    return cloud


THINGS = {
    "tumble": "dryer",
    "salt": "moisture-absorber",
    "lamp": "lighting",
    "fan": "fan",
    "tea": "tea-and-coffee",
}


@pytest.fixture
def shop(home: Cloud) -> Cloud:
    home.affinity.current = lambda: None  # type: ignore[method-assign]  # recent popularity stands in
    home.add(tables.products, *(product(*one) for one in THINGS.items()))
    return home


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a cloud is served, and what it was asked for so far."""

    url: str
    server: BaseWSGIServer
    asked: list[str]


@pytest.fixture
def serve() -> Iterator[Callable[..., Site]]:
    """`serve(cloud, port=0)` serves it on a port of 127.0.0.1 until the test is over."""
    started: list[tuple[BaseWSGIServer, Thread]] = []

    def start(cloud: Cloud, port: int = 0) -> Site:
        asked: list[str] = []

        def application(environ: dict[str, str], respond: Callable[..., object]) -> object:
            asked.append(environ["PATH_INFO"])
            return cloud.app(environ, respond)  # type: ignore[arg-type]  # a WSGI environment

        server = make_server("127.0.0.1", port, application, threaded=True)  # type: ignore[arg-type]
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        started.append((server, thread))
        return Site(url=f"http://127.0.0.1:{server.server_port}", server=server, asked=asked)

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


_STARTS = 3


@pytest.fixture(scope="session")
def chromium(need_program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """One browser for all tests. On a machine that never ran it, the first start may be too slow for its driver."""
    programs = need_program("chromium"), need_program("chromedriver")
    for left in reversed(range(_STARTS)):
        try:
            driver = started(*programs, tmp_path_factory.mktemp("chromium"))
            break
        except SessionNotCreatedException:
            if not left:
                raise
    yield driver
    driver.quit()


def started(chromium: Path, chromedriver: Path, profile: Path) -> WebDriver:
    options = webdriver.ChromeOptions()
    options.binary_location = str(chromium)
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=LoopbackService(str(chromedriver)))


@pytest.fixture
def browser(chromium: WebDriver) -> Iterator[WebDriver]:
    """A desktop-sized window in light colours, and an empty console."""
    look(chromium, width=1280, height=900, scheme="light")
    chromium.get_log("browser")  # type: ignore[no-untyped-call]  # selenium leaves it without types
    yield chromium
    chromium.get("about:blank")


def look(browser: WebDriver, *, width: int, height: int, scheme: str) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
