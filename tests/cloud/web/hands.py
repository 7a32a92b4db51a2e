"""An operator's hands: a browser that is signed in, and what it reads."""

import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient
from tests.cloud.stage import NOW, Cloud
from werkzeug.test import TestResponse

from aircue_cloud import db
from aircue_cloud.identity import operators, sessions

NASTY = '"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'


@dataclass
class Hands:
    client: FlaskClient
    word: str

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def post(self, path: str, **fields: Any) -> TestResponse:
        return self.client.post(path, data={"form_word": self.word, **fields})


def hands(cloud: Cloud, role: str = "operator") -> Hands:
    with db.writing(cloud.engine) as connection:
        operators.add(connection, role, "no hash", role, NOW)
        token = sessions.open_new(connection, sessions.OPERATOR, role, "127.0.0.1", NOW)
    client = cloud.app.test_client()
    client.set_cookie("aircue-operator", token)
    return Hands(client, sessions.form_word(token))


def words(answer: TestResponse) -> str:
    """What a person reads in the page's main part."""
    main = answer.text[answer.text.index("<main") : answer.text.index("</main>")]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def wrong(answer: TestResponse) -> dict[str, str]:
    """What is said beside the fields, by field."""
    return {name: unescape(text) for name, text in re.findall(r'id="error-([\w-]+)">([^<]*)<', answer.text)}


class _Elements(HTMLParser):
    """Notes what no page of ours has: scripts and images from elsewhere, handlers, styles."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = (dict(attrs).get("src") or "").startswith("/console/static/")
        if (tag in ("script", "img", "iframe") and not own) or tag == "style":
            self.strange.append(tag)
        self.strange += [name for name, _ in attrs if name == "style" or name.startswith("on")]


def is_clean(answer: TestResponse) -> bool:
    """As a browser reads it."""
    page = _Elements()
    page.feed(answer.text)
    return page.strange == []
