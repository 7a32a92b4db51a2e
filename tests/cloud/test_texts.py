"""Catalogues of what people read: the same keys and places in every language, and no key that nobody wrote."""

import doctest
import re
from pathlib import Path
from string import Formatter

import pytest

import aircue_cloud
from aircue_cloud import texts
from aircue_cloud.needs import needs

ROOT = Path(aircue_cloud.__file__).parent
FOLDERS = (ROOT / "storefront",)
_KEY = re.compile(r"""\bt(?:\.count)?\(\s*f?["']([a-z_]+\.[a-z_.0-9{}-]*)["']""")


def places(phrase: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(phrase) if name is not None}


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_language_has_the_same_keys_and_places(language: str) -> None:
    english, other = texts.of(texts.ENGLISH).phrases, texts.of(language).phrases
    assert set(other) == set(english)
    assert {key: places(phrase) for key, phrase in other.items()} == {
        key: places(phrase) for key, phrase in english.items()
    }
    assert [key for key, phrase in other.items() if not phrase.strip()] == []


def used() -> set[str]:
    found: set[str] = set()
    for folder in FOLDERS:
        for path in [*folder.rglob("*.py"), *folder.rglob("*.html")]:
            found |= set(_KEY.findall(path.read_text()))
    return found


def test_what_pages_ask_for_is_there() -> None:
    """Of a key that is put together, what it begins with."""
    known = texts.of(texts.ENGLISH).phrases
    asked = {key.partition("{")[0] for key in used()}
    assert len(asked) > 50
    assert [
        one for one in asked if one not in known and not any(key.startswith(f"{one.rstrip('.')}.") for key in known)
    ] == []


def test_shipped_needs_are_named_in_every_language() -> None:
    for language in texts.LANGUAGES:
        assert [name for name in needs.load().by_name if f"needs.{name}" not in texts.of(language).phrases] == []


def test_what_no_catalogue_knows_is_called_by_its_own_name() -> None:
    assert texts.of("zh").name("categories", "garden-tools") == "Garden tools"
    assert texts.of("tlh").language == texts.ENGLISH


def test_examples_in_the_texts() -> None:
    assert doctest.testmod(texts).failed == 0
