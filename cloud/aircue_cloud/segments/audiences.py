"""An audience: a rule over segments, as a document of TOML or JSON. Pure.

    title = "Homes that are often damp, of those who buy often"
    all = [{profile = "need:damp-air", any = ["often"]}, {profile = "rfm", any = ["champions", "loyal"]}]
    none = [{profile = "devices", any = ["dehumidifier"]}]

Somebody is in it who is in one of the segments of every line of `all`, and of no line of `none`. Of a profile whose
data they do not let us use nothing is known, and then they are not in it.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aircue_cloud.errors import SettingsError
from aircue_cloud.segments import profiles
from aircue_cloud.segments.profiles import Segments
from aircue_cloud.settings import build

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_NAME, LONGEST_TEXT, MOST = 64, 200, 50


@dataclass(frozen=True, kw_only=True)
class Line:
    profile: str
    any: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Audience:
    name: str
    title: str
    all: tuple[Line, ...]
    none: tuple[Line, ...]

    @property
    def profiles(self) -> frozenset[str]:
        return frozenset(line.profile for line in (*self.all, *self.none))

    @property
    def categories(self) -> frozenset[str]:
        """Of data that it looks at."""
        found = (profiles.profile(name) for name in self.profiles)
        return frozenset(one.category for one in found if one is not None)


@dataclass(frozen=True, kw_only=True)
class _File:
    title: str
    all: list[Any] = field(default_factory=list)
    none: list[Any] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Line:
    profile: str
    any: list[Any]


def read(name: str, document: Any) -> Audience:
    """SettingsError names what does not fit."""
    where = f"audience {name!r:.80}"
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        wanted = f"a name of up to {LONGEST_NAME} small letters and digits with single hyphens between them"
        raise SettingsError(f"{where}: expected {wanted}, such as damp-homes")
    if not isinstance(document, Mapping):
        raise SettingsError(f"{where}: is {document!r:.40}, expected a table with the keys title, all and none")
    file = build(_File, dict(document), where)
    _text(file.title, f"{where}: key 'title'")
    found = Audience(
        name=name,
        title=file.title,
        all=tuple(_lines(file.all, f"{where}: all")),
        none=tuple(_lines(file.none, f"{where}: none")),
    )
    if not found.all:
        raise SettingsError(f"{where}: key 'all' is empty, expected a line at least: everybody is no audience")
    return found


def of_toml(name: str, text: str) -> dict[str, Any]:
    """The document of a text; SettingsError where it is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"audience {name!r:.80}: this is no TOML: {error}") from error


def _lines(found: Sequence[Any], where: str) -> Iterator[Line]:
    if len(found) > MOST:
        raise SettingsError(f"{where}: {len(found)} lines, expected at most {MOST}")
    for number, table in enumerate(found, start=1):
        yield _line(table, f"{where}, line {number}")


def _line(table: Any, where: str) -> Line:
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: is {table!r:.40}, expected a table with the keys profile and any")
    said = build(_Line, table, where)
    if "\0" in said.profile or profiles.profile(said.profile) is None:
        known = ", ".join((*profiles.PROFILES, f"{profiles.NEED}NAME"))
        raise SettingsError(f"{where}: key 'profile' is {said.profile!r:.40}, expected one of {known}")
    if not 1 <= len(said.any) <= MOST:
        raise SettingsError(f"{where}: key 'any' has {len(said.any)} segments, expected 1 to {MOST}")
    for one in said.any:
        _text(one, f"{where}: key 'any'")
    return Line(profile=said.profile, any=tuple(said.any))


def _text(value: Any, where: str) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT or "\0" in value:
        raise SettingsError(f"{where} is {value!r:.40}, expected a text of 1 to {LONGEST_TEXT} characters without NUL")


def fits(audience: Audience, segments: Segments) -> bool:
    """segments: of a person, of the profiles that may be looked at."""
    if not audience.profiles <= segments.keys():
        return False
    has = (any(one in line.any for one in segments[line.profile]) for line in audience.all)
    lacks = (not any(one in line.any for one in segments[line.profile]) for line in audience.none)
    return all(has) and all(lacks)
