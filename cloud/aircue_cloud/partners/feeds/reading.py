"""The rows of a feed, one after the other: CSV or TSV, JSON, and XML as Google takes it (RSS 2.0 or Atom, namespace g).

XML is read by expat as it comes. A document type is refused where it begins, so that no entity is ever defined; so is
what lies deeper than a feed does. Names outside of Google's namespace count as well, as RSS has title, link and
description of its own.

Errors: FileRefused, for what is no feed at all. A row that cannot be read is a Problem, and the next one is read.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias
from xml.parsers import expat

import msgspec

from aircue_cloud.importing.errors import FileRefused
from aircue_cloud.partners.feeds.offer import FIELDS, NEEDED, Problem, shown

MOST_BYTES = 64 * 1024 * 1024
MOST_ROWS = 500_000
_LONGEST = 16_384  # characters of one field, of which none may have so many
_DEEPEST = 12  # elements within each other
_G = "http://base.google.com/ns/1.0"
_ITEMS = frozenset({"item", "entry"})
_KNOWN = frozenset(FIELDS)

Row: TypeAlias = tuple[int, Mapping[str, str] | Problem]


def read(content: bytes, format_: str) -> Iterator[Row]:
    """By row from 1. format_: csv, json or xml."""
    if len(content) > MOST_BYTES:
        raise FileRefused(f"the feed has {len(content):,} bytes, expected up to {MOST_BYTES:,}: split it")
    for number, row in enumerate(_READERS[format_](content), start=1):
        if number > MOST_ROWS:
            raise FileRefused(f"the feed has more than {MOST_ROWS:,} rows: split it")
        yield number, Problem(number, *row) if isinstance(row, tuple) else row


_Read: TypeAlias = Iterator[Mapping[str, str] | tuple[str, str, str, str]]


def _csv(content: bytes) -> _Read:
    text = _text(content)
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in first else ",", strict=True)
    names = _header(reader)
    width = len(names)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FileRefused(f"line {reader.line_num}: no CSV: {error}; mend its quotes") from error
        if not cells:
            continue
        if len(cells) != width:
            yield (
                "",
                f"{len(cells)} cells",
                f"{width}, as the header has",
                "put a comma between cells, and quotes around text",
            )
        else:
            yield {name: cell.strip() for name, cell in zip(names, cells, strict=True) if name}


def _header(reader: Any) -> list[str]:
    """ "" for what no feed needs."""
    try:
        cells = [cell.strip().lower().removeprefix("g:").replace(" ", "_") for cell in next(reader, [])]
    except csv.Error as error:
        raise FileRefused(f"line 1: no CSV: {error}; mend its quotes") from error
    missing = [name for name in NEEDED if name not in cells]
    if missing:
        raise FileRefused(f"line 1: column {', '.join(missing)} is missing: a feed has {', '.join(FIELDS)}")
    twice = sorted({name for name in cells if name in _KNOWN and cells.count(name) > 1})
    if twice:
        raise FileRefused(f"line 1: column {', '.join(twice)} is there twice")
    return [name if name in _KNOWN else "" for name in cells]


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileRefused(f"line {line}: no UTF-8: save the feed as UTF-8") from error


def _json(content: bytes) -> _Read:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FileRefused(f"no JSON: {error}") from error
    rows = found.get("items") if isinstance(found, dict) else found
    if not isinstance(rows, list):
        raise FileRefused('expected a JSON array of products, or an object with such an array under "items"')
    yield from map(_object, rows)


def _object(row: Any) -> Mapping[str, str] | tuple[str, str, str, str]:
    """Numbers as the texts they are written as; a price as an object is an amount and a currency, as Google's."""
    if not isinstance(row, dict):
        return "", shown(str(row)), "an object", "write one object a product"
    fields: dict[str, str] = {}
    for name, value in row.items():
        plain = name.removeprefix("g:")
        if plain not in _KNOWN or value is None:
            continue
        text = _written(value)
        if text is None:
            return plain, shown(str(value)), "a text or a whole number", "write it so"
        fields[plain] = text.strip()
    return fields


def _written(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and set(value) == {"value", "currency"}:
        return f"{value['value']} {value['currency']}"
    return str(value) if type(value) is int else None


def _xml(content: bytes) -> _Read:
    items = _Items()
    for start in range(0, len(content), 65_536):
        items.feed(content[start : start + 65_536], last=start + 65_536 >= len(content))
        yield from items.drain()
    if not content:
        items.feed(b"", last=True)


class _Items:
    """The products of an XML feed as they come."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._say
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._deep = 0
        self._item: dict[str, str] | None = None
        self._at = 0  # how deep the item began
        self._field: str | None = None
        self._said: list[str] = []
        self._long = 0
        self._done: list[Mapping[str, str] | tuple[str, str, str, str]] = []

    def feed(self, content: bytes, *, last: bool) -> None:
        try:
            self._parser.Parse(content, last)
        except expat.ExpatError as error:
            line, what = error.lineno, expat.errors.messages.get(error.code, "no XML")
            raise FileRefused(f"line {line}: no XML: {what}") from error

    def drain(self) -> _Read:
        done, self._done = self._done, []
        yield from done

    def _refuse(self, *_: object) -> None:
        raise FileRefused(
            f"line {self._parser.CurrentLineNumber}: a document type or entity, which no feed needs: leave it out"
        )

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._deep += 1
        if self._deep > _DEEPEST:
            raise FileRefused(f"line {self._parser.CurrentLineNumber}: more than {_DEEPEST} elements within each other")
        space, _, plain = name.rpartition(" ")
        if self._item is None:
            if plain in _ITEMS:
                self._item, self._at = {}, self._deep
        elif self._deep == self._at + 1 and plain in _KNOWN:
            self._field, self._said, self._long = plain, [], 0
            if plain == "link" and space != _G and "href" in attributes:  # as Atom writes it
                self._said = [attributes["href"]]
        elif self._deep > self._at + 1:
            self._field = None  # what lies deeper is no field of ours

    def _say(self, text: str) -> None:
        if self._field is not None and self._long <= _LONGEST:
            self._long += len(text)
            self._said.append(text)

    def _end(self, _name: str) -> None:
        if self._item is not None and self._deep == self._at:
            self._done.append(self._item)
            self._item = None
        elif self._item is not None and self._field is not None and self._deep == self._at + 1:
            self._item.setdefault(self._field, "".join(self._said).strip())
            self._field = None
        self._deep -= 1


_READERS: Mapping[str, Callable[[bytes], _Read]] = MappingProxyType({"csv": _csv, "json": _json, "xml": _xml})
FORMATS = tuple(_READERS)


def format_of(name: str, media: str = "") -> str | None:
    """By a file's name, or what it is served as; None where neither says."""
    ends = {"csv": "csv", "tsv": "csv", "txt": "csv", "json": "json", "xml": "xml", "rss": "xml", "atom": "xml"}
    by_name = ends.get(name.rpartition(".")[2].lower())
    return by_name or next((one for word, one in ends.items() if word in media.lower()), None)
