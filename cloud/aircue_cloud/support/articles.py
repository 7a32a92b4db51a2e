"""The articles of a store, in each language: those that ship, and over them its own, with their history.

Each save is a version that is added, none is ever changed; of the versions of one name the newest holds, and one that
was retired takes the article away. Errors: SettingsError, naming the field that does not fit.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from sqlalchemy import Connection, func, insert, select

from aircue_cloud import tables, texts
from aircue_cloud.errors import SettingsError
from aircue_cloud.needs.stored import LONGEST_NAME, LONGEST_NOTE, NAME

ORDERS, WHY, PERSON = "orders", "why", "person"
DOES = ("", ORDERS, WHY, PERSON)
LONGEST = {"title": 200, "body": 5000, "question": 300}
MOST_QUESTIONS = 500
_A = tables.article_versions.c
Key: TypeAlias = tuple[str, str]  # language, name


@dataclass(frozen=True, kw_only=True)
class Article:
    """questions: as people ask for it; the more there are, the surer the bot. does: what it looks up beside the text,
    for whoever is signed in: orders, why (an offer came), or person (hands over to one). version: 0 of what ships."""

    language: str
    name: str
    title: str
    body: str
    questions: tuple[str, ...]
    does: str = ""
    version: int = 0

    @property
    def passages(self) -> tuple[str, ...]:
        return (self.title, self.body, *self.questions)

    @property
    def cited(self) -> str:
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, kw_only=True)
class Version:
    """active: False where it took the article away. author: as in the audit log."""

    language: str
    name: str
    number: int
    document: Mapping[str, Any]
    author: str
    at: datetime
    note: str
    active: bool


@cache
def shipped() -> Mapping[Key, Article]:
    found: dict[Key, Article] = {}
    for language in texts.LANGUAGES:
        file = files("aircue_cloud.support.starter").joinpath(f"{language}.toml")
        for name, document in tomllib.loads(file.read_text(encoding="utf-8")).items():
            found[language, name] = check(language, name, document)
    return found


def check(language: str, name: str, document: Mapping[str, Any], version: int = 0) -> Article:
    """The article that a document describes."""
    where = f"article {name!r:.80} in {language!r:.20}"
    if language not in texts.LANGUAGES:
        raise SettingsError(f"{where}: expected a language of {', '.join(texts.LANGUAGES)}")
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise SettingsError(f"{where}: expected a name of small letters and digits with single hyphens between them")
    unknown = sorted(set(document) - {"title", "body", "questions", "does"})
    if unknown:
        raise SettingsError(f"{where}: unknown field {unknown[0]!r:.40}; known fields: title, body, questions, does")
    does = document.get("does", "")
    if does not in DOES:
        raise SettingsError(f"{where}: field 'does' is {does!r:.40}, expected one of {', '.join(DOES[1:])}, or nothing")
    return Article(
        language=language,
        name=name,
        title=_text(document.get("title"), "title", where),
        body=_text(document.get("body"), "body", where),
        questions=_questions(document.get("questions", []), where),
        does=does,
        version=version,
    )


def _text(value: Any, field: str, where: str) -> str:
    most = LONGEST[field]
    if not isinstance(value, str) or not value.strip() or len(value) > most or "\0" in value:
        raise SettingsError(f"{where}: field {field!r} is {value!r:.40}, expected a text of 1 to {most} characters")
    return value.strip()


def _questions(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > MOST_QUESTIONS:
        raise SettingsError(f"{where}: field 'questions' is no list of up to {MOST_QUESTIONS} questions")
    return tuple(dict.fromkeys(_text(one, "question", where) for one in value))


def document(article: Article) -> dict[str, Any]:
    """As it is saved and shown."""
    known = asdict(article)
    kept = {name: known[name] for name in ("title", "body", "does") if known[name]}
    return kept | {"questions": list(article.questions)}


def newest(connection: Connection) -> int:
    """Grows with every version of every article; 0 while there is none."""
    return int(connection.execute(select(func.coalesce(func.max(_A.id), 0))).scalar_one())


def current(connection: Connection) -> dict[Key, Article]:
    """All articles as they hold now, by language and name."""
    last = select(func.max(_A.id)).group_by(_A.language, _A.name)
    found = dict(shipped())
    for row in connection.execute(select(tables.article_versions).where(_A.id.in_(last))):
        if row.active:
            found[row.language, row.name] = check(row.language, row.name, row.document, row.number)
        else:
            found.pop((row.language, row.name), None)
    return {key: found[key] for key in sorted(found)}


def save(
    connection: Connection,
    key: Key,
    said: Mapping[str, Any],
    author: str,
    note: str,
    now: datetime,
) -> Article:
    """Adds a version, which holds from then on; only within db.writing."""
    article = check(*key, said)
    number = _add(connection, key, document(article), author, note, now, active=True)
    return check(*key, said, number)


def retire(connection: Connection, key: Key, author: str, note: str, now: datetime) -> None:
    """Takes an article away; saved again, it is back. Only within db.writing."""
    found = current(connection).get(key)
    if found is None:
        raise SettingsError(f"article {key[1]!r:.80} in {key[0]!r:.20}: there is none of this name")
    _add(connection, key, document(found), author, note, now, active=False)


def history(connection: Connection, key: Key) -> list[Version]:
    """Newest first; empty where nobody ever saved one under the name."""
    mine = (_A.language == key[0].replace("\0", " "), _A.name == key[1].replace("\0", " "))
    query = select(tables.article_versions).where(*mine).order_by(_A.number.desc())
    rows = connection.execute(query).mappings()
    return [Version(**{name: value for name, value in row.items() if name != "id"}) for row in rows]


def _add(
    connection: Connection, key: Key, said: Mapping[str, Any], author: str, note: str, now: datetime, *, active: bool
) -> int:
    if len(note) > LONGEST_NOTE or "\0" in note:
        raise SettingsError(f"article {key[1]}: a note of {len(note)} characters, expected up to {LONGEST_NOTE}")
    mine = (_A.language == key[0], _A.name == key[1])
    before = connection.execute(select(func.max(_A.number)).where(*mine)).scalar_one_or_none() or 0
    row = Version(
        language=key[0],
        name=key[1],
        number=before + 1,
        document=dict(said),
        author=author,
        at=now,
        note=note,
        active=active,
    )
    connection.execute(insert(tables.article_versions), vars(row))
    return before + 1
