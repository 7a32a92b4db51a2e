"""The console in other languages: no template has a word that is not from the texts, and pages say what they say."""

import re
from html import unescape
from pathlib import Path

import pytest
from flask import url_for
from tests.cloud.stage import DAMP, DRY, Cloud, batch, humidity
from tests.cloud.web import shop
from tests.cloud.web.hands import hands

from aircue_cloud import texts, web
from aircue_cloud.web import navigation

ROOT = Path(web.__file__).parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9"}
# Pages whose own phrases, beside the frame's, are in English only as yet.
ENGLISH_ONLY = {
    "Policy",
    "Recommender",
    "Catalogue",
    "Audiences",
    "Privacy desk",
    "Audit log",
    "Users",
    "Orders",
    "Parcels",
    "Effect",
    "Segments",
    "Bundles",
    "Partners",
    "Support",
}
ENGLISH_TEMPLATES = {
    "article.html",
    "bundles.html",
    "conformance.html",
    "effect.html",
    "order.html",
    "orders.html",
    "parcels.html",
    "partner.html",
    "partners.html",
    "question.html",
    "segments.html",
    "support.html",
    "talk.html",
}
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_UNTOLD = re.compile(r"<(code|kbd|pre|script|style)\b.*?</\1>", re.DOTALL)  # what is typed, or no text
_TOLD_BY = re.compile(r"""\s(?:aria-label|placeholder|title|alt)="([^"]*)\"""")
_SAID = re.compile(r"""(?:\{\{-?|\(|=|,)\s*"((?:[^"\\]|\\.)*)"\s*\|\s*say|'((?:[^'\\]|\\.)*)'\s*\|\s*say""")
_SAID_BY_CODE = re.compile(r"""\bsay\(\s*"([^"]+)\"""")
NAMES = {"Aircue", "CSV", "TOML", "UTC"}


def words(text: str) -> list[str]:
    return [word for word in re.findall(r"[A-Za-z][A-Za-z']+", unescape(text)) if word not in NAMES]


def by_itself(template: str) -> list[str]:
    """Words that a template says by itself."""
    html = _UNTOLD.sub(" ", _JINJA.sub(" ", template))
    told = [value for tag in re.findall(r"<[^>]*>", html) for value in _TOLD_BY.findall(tag)]
    return words(" ".join([re.sub(r"<[^>]*>", " ", html), *told]))


@pytest.mark.parametrize(
    "path", [path for path in TEMPLATES if path.name not in ENGLISH_TEMPLATES], ids=lambda path: path.name
)
def test_no_template_says_anything_that_is_not_from_the_texts(path: Path) -> None:
    # What opens a tag within a macro of attributes is markup.
    template = re.sub(r"\{% macro attributes.*?endmacro %\}", "", path.read_text(), flags=re.DOTALL)
    assert by_itself(template) == []


def test_no_template_is_called_english_that_is_not() -> None:
    mine = {path.name: path for path in TEMPLATES}
    assert [name for name in sorted(ENGLISH_TEMPLATES) if not by_itself(mine[name].read_text())] == []


def test_a_word_that_slips_in_is_found() -> None:
    assert by_itself("<p>Hello {{ name }}</p>") == ["Hello"]
    assert by_itself('<input placeholder="your name {{ x }}"><code>aircue-cloud run</code>') == ["your", "name"]
    assert by_itself('<p>{{ "Hello" | say }} CSV</p>') == []


def test_what_is_said_is_in_the_texts() -> None:
    said = [
        (first or second).replace("\\'", "'") for path in TEMPLATES for first, second in _SAID.findall(path.read_text())
    ]
    said += [phrase for path in ROOT.rglob("*.py") for phrase in _SAID_BY_CODE.findall(path.read_text())]
    known = texts.of("zh").phrases
    assert len(said) > 200
    assert [phrase for phrase in said if f"say.{phrase}" not in known] == []


def test_every_page_of_the_menu_is_named_in_every_language() -> None:
    for language in texts.LANGUAGES:
        known = texts.of(language).phrases
        names = [name for entry in navigation.ENTRIES for name in (entry.name, entry.group)]
        assert [name for name in names if f"say.{name}" not in known] == []


def test_the_language_is_that_of_the_browser_until_somebody_chooses(cloud: Cloud) -> None:
    browser = cloud.app.test_client()
    page = browser.get("/console", headers=CHINESE)
    assert '<html lang="zh"' in page.text
    assert "Vary" in page.headers
    assert "还没有读数。" in page.text
    chosen = browser.post("/language", data={"language": "en", "next": "/console?window=6h"}, headers=CHINESE)
    assert chosen.headers["Location"] == "/console?window=6h"
    assert '<html lang="en"' in browser.get("/console", headers=CHINESE).text
    assert "登录" in cloud.app.test_client().get("/sign-in", headers=CHINESE).text


_SHOWN = re.compile(r"<(h1|h2|th|label|legend|summary|button|dt)\b[^>]*>(.*?)</\1>", re.DOTALL)
_DATA = {"Ada's", "home", "bathroom", "Damp", "air", "Drymax", "EUR", "ROI", "ada", "zh", "Homes", "English"}


def english(html: str) -> list[str]:
    """Words of headings, labels and buttons that are left, besides the names that the test gave."""
    main = html[html.index("<main") : html.index("</main>")]
    main = re.sub(r"<(select|code|kbd|input|textarea|svg)\b.*?(</\1>|>)", " ", main, flags=re.DOTALL)
    told = (re.sub(r"<[^>]+>", " ", text) for _, text in _SHOWN.findall(main))
    return [word for text in told for word in words(text) if word not in _DATA]


@pytest.mark.parametrize("entry", [one for one in navigation.ENTRIES if one.name not in ENGLISH_ONLY],
                         ids=lambda one: one.name)  # fmt: skip
def test_headings_and_tables_of_a_page_are_told_in_chinese(cloud: Cloud, entry: navigation.Entry) -> None:
    mine = hands(cloud, "owner")
    with cloud.app.test_request_context():
        path = url_for(entry.endpoint)
    for step in ("empty", "filled"):
        page = mine.client.get(path, headers=CHINESE)
        assert page.status_code == 200
        assert english(page.text) == [], step
        cloud.post(batch(humidity([*DRY, *DAMP])))


@pytest.mark.parametrize("path", ["/console/homes/home-1", "/console/decisions/1", "/console/search?q=ada"])
def test_so_are_the_pages_beneath(cloud: Cloud, path: str) -> None:
    cloud.post(batch(humidity([*DRY, *DAMP])))
    assert english(cloud.app.test_client().get(path, headers=CHINESE).text) == []


def test_sales_with_orders_are_told_in_chinese(bare: Cloud) -> None:
    shop.fill(bare.engine, homes=60)
    page = bare.app.test_client().get("/console/sales", headers=CHINESE)
    assert english(page.text) == []


def test_one_page_is_shown_in_either_language_after_the_other(cloud: Cloud) -> None:
    cloud.post(batch(humidity([*DRY, *DAMP])))
    for path in ("/console", "/console/homes/home-1", "/console/needs/damp-air", "/sign-in", "/console/sales"):
        english_first, chinese, again = (
            cloud.app.test_client().get(path, headers=headers).text for headers in ({}, CHINESE, {})
        )
        assert re.findall(r"[\u4e00-\u9fff]+", again) == re.findall(r"[\u4e00-\u9fff]+", english_first), path
        assert [one for one in english(chinese) if one != "en"] == [], path
        assert 'placeholder="搜索"' in chinese or path == "/sign-in"
        assert 'placeholder="搜索"' not in again


def test_a_file_has_the_same_heads_in_every_language(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DRY)))
    files = [
        cloud.app.test_client().get("/console/devices?format=csv&table=nodes", headers=headers).text
        for headers in (CHINESE, {})
    ]
    assert files[0] == files[1]
    assert files[0].startswith("Node,Home,State,")
