"""What people read, in their language: one catalogue a language beside this file, all with the same keys.

A key is `table.name`. A phrase may hold places in braces, the same ones in every language. What a language counts
apart is `table.name.one` and `table.name.other`.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

ENGLISH = "en"
LANGUAGES: Mapping[str, str] = {ENGLISH: "English", "zh": "中文"}  # each in its own words


@dataclass(frozen=True)
class Texts:
    """The phrases of one language, by key."""

    language: str
    phrases: Mapping[str, str]

    def __call__(self, key: str, /, **places: object) -> str:
        """KeyError for a key that no catalogue has: a mistake of ours."""
        return self.phrases[key].format_map(places)

    def count(self, key: str, number: int, /, **places: object) -> str:
        """
        >>> of("en").count("shop.reviews", 1), of("en").count("shop.reviews", 3), of("zh").count("shop.reviews", 3)
        ('1 review', '3 reviews', '3条评价')
        """
        form = "one" if number == 1 else "other"
        return self(f"{key}.{form}", number=number, **places)

    def say(self, phrase: str, /, **places: object) -> str:
        """A phrase that is known by what it says in English; as it is where the catalogue does not know it.

        >>> of("zh").say("Sign in"), of("zh").say("{count} open", count=3), of("zh").say("no phrase {of} ours")
        ('登录', '3 个未结束', 'no phrase {of} ours')
        """
        known = self.phrases.get(f"say.{phrase}", phrase)
        return known.format_map(places) if places else known

    def name(self, table: str, name: str, otherwise: str | None = None) -> str:
        """What the store's own word is called: a need, a category. Itself where the catalogue does not know it."""
        plain = name.replace("-", " ").replace("_", " ")
        return self.phrases.get(f"{table}.{name}", plain[:1].upper() + plain[1:] if otherwise is None else otherwise)


def refusal(t: Texts, status: int) -> tuple[str, str]:
    """What a refusal with this status is called, and the next step.

    >>> refusal(of("en"), 404)[0], refusal(of("en"), 418) == refusal(of("en"), 409)
    ('Nothing is here', True)
    """
    known = f"refusal.{status}" if f"refusal.{status}.title" in t.phrases else "refusal.other"
    return t(f"{known}.title"), t(f"{known}.step")


@cache
def of(language: str) -> Texts:
    """English for a language that is not there."""
    known = language if language in LANGUAGES else ENGLISH
    content = files(__package__).joinpath(f"{known}.toml").read_text(encoding="utf-8")
    return Texts(known, dict(_flat(tomllib.loads(content))))


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        key = f"{before}{name}"
        if isinstance(value, str):
            yield key, value
        else:
            yield from _flat(value, f"{key}.")
