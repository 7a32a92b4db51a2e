"""What people see, measured over all pages: `python -m tests.bench.web`; its last line is one JSON object.

A store of a year (tests/bench/web_store.py: a million readings, drawn from a seed) is served by `aircue-cloud serve`
and looked at by a headless Chromium. The pages are those of the console's menu and of the shop's links, as somebody who
is signed in meets them, the first page that each of them leads to, and those of OTHERS: a page that is in a menu is
measured without being named here.

page_weight_kb: of the heaviest page, what comes over the wire with an empty cache. lcp_ms: largest contentful paint of
the slowest page, the median of LOADS. server_p99_ms: until the last byte, of all pages ROUNDS times, one at a time.
axe_violations: places, in a desktop's window in light colours and in a phone's in dark ones; null without axe-core.
console_errors: what the browser complained of.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.support.wait import WebDriverWait
from tests.bench import web_store
from tests.browser import axe
from tests.browser.conftest import look, started
from tests.system.cloud_process import HTTP, Server, command

LOADS, ROUNDS = 3, 20
PERSON = "fern-nora"
DESK = {"width": 1280, "height": 900, "scheme": "light"}
PHONE = {"width": 390, "height": 844, "scheme": "dark"}
OTHERS = (
    "/sign-in",
    "/console/search?q=dry",
    *(f"/console/homes/home-1?span={span}" for span in ("hour", "day", "week", "month", "year")),
    "/console/homes/home-1?span=week&raw=1",
)
_WEIGHT = """
const seen = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
return seen.reduce((sum, one) => sum + one.transferSize, 0);
"""
_PAINT = """
const done = arguments[0];
new PerformanceObserver(list => done(Math.max(...list.getEntries().map(one => one.startTime))))
  .observe({type: 'largest-contentful-paint', buffered: true});
setTimeout(() => done(null), 3000);
"""
# Links of a menu, and of a page's own content.
_MENU = "return [...document.querySelectorAll('nav a[href], header a[href]')].map(link => link.href)"
_WITHIN = "return [...document.querySelectorAll('main a[href]:not([download])')].map(link => link.href)"
_MENUS = ("/console", "/")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A page. axe: None where it was not looked for."""

    path: str
    weight_b: float
    lcp_ms: float | None
    violations: int | None
    complaints: tuple[str, ...]


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def figures(pages: Sequence[Seen], server_ms: Sequence[float]) -> dict[str, Any]:
    """The worst of all pages; sums of what should not be."""
    looked = [one.violations for one in pages if one.violations is not None]
    return {
        "page_weight_kb": round(max(one.weight_b for one in pages) / 1000, 1),
        "server_p99_ms": round(_quantile(server_ms, 0.99), 1),
        "lcp_ms": round(max((one.lcp_ms for one in pages if one.lcp_ms is not None), default=0.0), 1),
        "axe_violations": sum(looked) if looked else None,
        "console_errors": sum(len(one.complaints) for one in pages),
        "pages": len(pages),
    }


def _quantile(values: Sequence[float], share: float) -> float:
    """The least value that so many do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


# Which pages there are.


def paths(browser: WebDriver, url: str) -> list[str]:
    """Those of the menus, what each leads to first, and OTHERS."""
    menu = [path for start in _MENUS for path in _links(browser, url, start, _MENU)]
    found = dict.fromkeys((*_MENUS, *menu, *OTHERS))
    for path in menu:
        beneath = next((one for one in _links(browser, url, path, _WITHIN) if _is_new(one, found)), None)
        found |= {} if beneath is None else {beneath: None}
    return list(found)


def _links(browser: WebDriver, url: str, path: str, script: str) -> list[str]:
    """To pages of this server, without what is a file or the API."""
    browser.get(url + path)
    found: list[str] = browser.execute_script(script)
    parts = [urlsplit(one) for one in found if one.startswith(url)]
    return [
        one.path
        for one in parts
        if not one.path.startswith("/api/") and "format=" not in one.query and not one.fragment
    ]


def _is_new(path: str, known: dict[str, None]) -> bool:
    return path.count("/") > 1 and path not in known


# What each is like.


def seen(browser: WebDriver, url: str, path: str, script: Path | None) -> Seen:
    look(browser, **DESK)  # type: ignore[arg-type]  # its own names
    loads = [_load(browser, url + path) for _ in range(LOADS)]
    found = None if script is None else _violations(browser, url + path, script)
    log = browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium leaves it without types
    complaints = tuple(entry["message"] for entry in log if entry["level"] in ("WARNING", "SEVERE"))
    paints = [paint for _, paint in loads if paint is not None]
    lcp = median(paints) if paints else None
    return Seen(path=path, weight_b=loads[0][0], lcp_ms=lcp, violations=found, complaints=complaints)


def _load(browser: WebDriver, address: str) -> tuple[float, float | None]:
    """Bytes over the wire and the largest paint, with an empty cache."""
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.get(address)
    paint = browser.execute_async_script(_PAINT)
    return float(browser.execute_script(_WEIGHT)), paint


def _violations(browser: WebDriver, address: str, script: Path) -> int:
    count = 0
    for window in (DESK, PHONE):
        look(browser, **window)  # type: ignore[arg-type]  # its own names
        browser.get(address)
        for one in axe.violations(browser, script):
            count += max(len(one["places"]), 1)
            _say(f"  {one['rule']} ({one['impact']}) at {window['width']}: {one['places'][:1]} {one.get('why', '')}")
    look(browser, **DESK)  # type: ignore[arg-type]  # its own names
    return count


def _served_ms(url: str, path: str, cookie: str) -> list[float]:
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        HTTP.request("GET", url + path, headers={"Cookie": cookie, "Accept": "text/html"}, redirect=False)
        found.append((time.perf_counter() - began) * 1000)
    return found


# The stage.


@contextmanager
def chromium() -> Iterator[WebDriver]:
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        raise SystemExit("chromium and chromedriver are needed: make system-packages")
    with tempfile.TemporaryDirectory() as profile:
        browser = started(Path(str(programs[0])), Path(str(programs[1])), Path(profile))
        try:
            yield browser
        finally:
            browser.quit()


def measured(config: Path) -> dict[str, Any]:
    """The figures of a store that is there."""
    server = Server(config)
    try:
        with chromium() as browser:
            _sign_in(browser, config, server.url)
            return _figures(browser, server.url)
    finally:
        server.stop()


def _sign_in(browser: WebDriver, config: Path, url: str) -> None:
    """As a shopper; the console asks nobody on this machine while it has no operators."""
    code = command(config, "person", "link", PERSON).split("/")[-1]
    browser.get(f"{url}/me/link/{code}")
    browser.execute_script("document.querySelector('main form').requestSubmit()")
    WebDriverWait(browser, 30).until(lambda page: "/me/link/" not in page.current_url)


def _figures(browser: WebDriver, url: str) -> dict[str, Any]:
    script = axe.source()
    if script is None:
        _say("axe-core is not here, so its figure is null: make axe")
    pages, served = [], []
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in browser.get_cookies())
    for path in paths(browser, url):
        one, took = seen(browser, url, path, script), _served_ms(url, path, cookie)
        pages.append(one)
        served += took
        _say(
            f"{path:48} {one.weight_b / 1000:7.1f} kB  LCP {one.lcp_ms or 0:6.0f} ms  "
            f"server {median(took):6.1f} ms, worst {max(took):6.1f}  axe {one.violations}  {list(one.complaints)}"
        )
    return figures(pages, served)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="a configuration file that web_store wrote; filled anew without it")
    parser.add_argument("--minutes", type=float, default=2, help="between two samples of the dense home")
    parser.add_argument("--days", type=float, default=365, help="of its readings")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(said.store or _filled(Path(folder) / "store", said.minutes, said.days))
    sys.stdout.write(json.dumps(found) + "\n")
    return 1 if found["axe_violations"] or found["console_errors"] else 0


def _filled(folder: Path, minutes: float, days: float) -> Path:
    _say("filling the store")
    dense, span = timedelta(minutes=minutes), timedelta(days=days)
    web_store.Filler(folder, datetime.now(UTC), homes=8, dense=dense, span=span).fill()
    return web_store.configured(folder)


if __name__ == "__main__":
    sys.exit(main())
