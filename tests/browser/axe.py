"""axe-core, which finds what people cannot use: shipped inside a package that `make axe` fetches, hash-checked, or the
file that AXE_CORE names. Only its script is used, nothing of that package runs."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from selenium.webdriver.chrome.webdriver import WebDriver

_RUN = """
const done = arguments[0];
axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations.map(one => ({
  rule: one.id, impact: one.impact, places: one.nodes.map(node => node.html.slice(0, 200)),
  why: one.nodes[0].failureSummary}))), error => done([{rule: 'axe itself', impact: String(error), places: []}]));
"""


def source() -> Path | None:
    """Where the script is; None where nobody fetched it."""
    named = os.environ.get("AXE_CORE", "")
    if named:
        return Path(named)
    spec = find_spec("axe_playwright_python")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    found = [Path(place) / "axe.min.js" for place in places]
    return next((path for path in found if path.exists()), None)


def violations(browser: WebDriver, script: Path) -> list[dict[str, Any]]:
    """Of the page as it stands: rule, impact, places, why."""
    browser.execute_script(script.read_text(encoding="utf-8"))
    browser.set_script_timeout(60)
    found: list[dict[str, Any]] = browser.execute_async_script(_RUN)
    return found
