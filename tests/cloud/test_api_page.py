"""docs/api.md: what it tells to type is answered as it says."""

import re
import shlex
from pathlib import Path

from tests.cloud.stage import Cloud
from werkzeug.test import TestResponse

from aircue_cloud.homes import observations

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def typed(cloud: Cloud, command: str) -> TestResponse:
    """One curl command against the app."""
    words = iter(shlex.split(command)[1:])
    method, data, kind, url = "GET", None, None, ""
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-d":
            data = next(words)
        elif word == "-H":
            kind = next(words).removeprefix("Content-Type: ")
        else:
            url = word
    return cloud.app.test_client().open(
        url.removeprefix("http://127.0.0.1:8400"), method=method, data=data, content_type=kind
    )


def test_every_command_of_the_page_succeeds_in_order(bare: Cloud) -> None:
    commands = re.findall(r"^curl .*$", PAGE, re.MULTILINE)
    assert len(commands) > 10
    failed = {command: answer.text for command in commands if (answer := typed(bare, command)).status_code >= 300}
    assert failed == {}


def test_the_table_of_observations_is_that_of_the_code() -> None:
    assert dict(re.findall(r"^\| `([a-z-]+)` \| ([a-z]+) \|$", PAGE, re.MULTILINE)) == dict(observations.CATEGORY)
