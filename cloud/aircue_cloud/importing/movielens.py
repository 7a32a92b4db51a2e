"""MovieLens: stars that people gave to films, as ml-100k (u.data, or .inter) and later sets (ratings.csv) write them.

Its people and films are made where they are not there yet; films have no price and no stock, so that none is offered.
Half stars are rounded down: a rating here is a whole number from 0 to 5.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aircue_cloud import strict
from aircue_cloud.fields import Reason, name_of
from aircue_cloud.importing.errors import FileRefused
from aircue_cloud.importing.instants import instant
from aircue_cloud.importing.records import Columns, Dialect
from aircue_cloud.importing.taking import DRAWN, Item
from aircue_cloud.shop.events import Rating
from aircue_cloud.strict import Unfit


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one kind of file is written. names: its columns for user, item, rating and time."""

    names: tuple[str, str, str, str]
    dialect: Dialect


_PLAIN = ("user", "item", "rating", "timestamp")
LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "u.data": Layout(names=_PLAIN, dialect=Dialect(delimiter="\t", columns=_PLAIN)),
        "ratings.csv": Layout(names=("userId", "movieId", "rating", "timestamp"), dialect=Dialect(delimiter=",")),
        ".inter": Layout(
            names=("user_id:token", "item_id:token", "rating:float", "timestamp:float"), dialect=Dialect(delimiter="\t")
        ),
    }
)


def find(path: Path) -> tuple[Path, Layout]:
    """The file of ratings at path or in that folder, and how it is written."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        for ending, layout in LAYOUTS.items():
            if file.name.endswith(ending):
                return file, layout
    raise FileRefused(
        f"{path}: no ratings of MovieLens; expected a file named {', '.join(LAYOUTS)} or a folder with one"
    )


@dataclass(frozen=True, kw_only=True)
class MovieLensFile:
    """titles: of films by id, as far as they are known."""

    layout: Layout
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> Columns:
        return Columns(needed=self.layout.names, more=None)

    def item(self, cells: dict[str, str]) -> Item:
        user, film, stars, at = (cells.get(name, "") for name in self.layout.names)
        if not (user and film):
            raise _unfit("user" if film else "item", "", "an id")
        said = {"id": DRAWN, "person": f"ml-user-{user}", "product": f"ml-film-{film}"}
        act = strict.convert(Rating, {**said, "stars": _whole(stars), "at": instant(at, "timestamp")})
        return Item(act=act, others=tuple(self._others(act, user, film)))

    def _others(self, act: Rating, user: str, film: str) -> Iterator[tuple[str, dict[str, Any]]]:
        household = f"ml-household-{user}"
        yield "households", {"id": household, "name": f"MovieLens {user}"}
        yield "people", {"id": act.person, "household": household, "name": f"MovieLens {user}"}
        name = name_of(self.titles.get(film, ""), f"Film {film}")
        yield "products", {"id": act.product, "name": name, **_NOT_SOLD}


_NOT_SOLD: Mapping[str, Any] = MappingProxyType(
    {
        "category": "film",
        "price_minor": 0,
        "currency": "USD",
        "stock": 0,
        "description": "",
        "attributes": {},
        "retired_at": None,
    }
)


def _whole(stars: str) -> int:
    try:
        return int(float(stars))
    except (ValueError, OverflowError) as error:
        raise _unfit("rating", stars, "stars from 0 to 5") from error


def _unfit(field: str, found: str, expected: str) -> Unfit:
    remedy = "mend this row and import it again"
    return Unfit(Reason(field=field, found=strict.shown(found), expected=expected, remedy=remedy))


def titles(ratings: Path) -> dict[str, str]:
    """From the list of films beside the ratings: .item, u.item or movies.csv; nothing where there is none."""
    for file in sorted(ratings.parent.iterdir()):
        for ending, (delimiter, encoding, skip) in _LISTS.items():
            if file.name.endswith(ending):
                with file.open(newline="", encoding=encoding) as lines:
                    rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if skip else csv.QUOTE_NONE)
                    return {row[0]: row[1] for row in list(rows)[skip:] if len(row) > 1 and row[1]}
    return {}


# How lists of films are written: delimiter, encoding, lines before the first film. u.item goes before .item, its end.
_LISTS = MappingProxyType({"u.item": ("|", "latin-1", 0), "movies.csv": (",", "utf-8", 1), ".item": ("\t", "utf-8", 1)})
