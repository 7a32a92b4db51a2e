"""Tables of the console: on the page, and as CSV. Pure."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup, escape

from aircue_cloud.importing.cells import harmless

MOST_SHOWN = 100
MOST_EXPORTED = 100_000


@dataclass(frozen=True, kw_only=True)
class Column:
    """number: set flush right. wide: its text may break."""

    label: str
    number: bool = False
    wide: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    """text: as people read it. raw: what the CSV has in its place. href: where it leads. tone: warn, good or soft.
    word: text is a phrase of ours, which is told in the language of whoever reads; the CSV has it in English."""

    text: str
    raw: str | int | float | None = None
    href: str = ""
    tone: str = ""
    word: bool = False


Content = Cell | str | int | float | None
Row = Sequence[Content]
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True, kw_only=True)
class Listing:
    """name: within its page. empty: what stands there when there is nothing, with the next step. more: where older or
    further rows are, if there are any. csv: where the table is as CSV; the frame fills it in. sent_by: the form that
    has to be sent again for that, where the table follows from what was typed; "" for none."""

    name: str
    caption: str
    columns: Sequence[Column | str]
    rows: Sequence[Row]
    empty: str | Markup
    note: str = ""
    more: str = ""
    csv: str = ""
    sent_by: str = ""

    @property
    def heads(self) -> list[Column]:
        return [Column(label=one) if isinstance(one, str) else one for one in self.columns]

    @property
    def body(self) -> Markup:
        """The rows as they stand on the page: much of its time goes by here."""
        heads = self.heads
        rows = ("".join(map(_drawn, heads, row)) for row in self.cells)
        return Markup("".join(f"<tr>{row}</tr>\n" for row in rows))

    @property
    def cells(self) -> list[list[Cell]]:
        return [[cell(one) for one in row] for row in self.rows]

    def at(self, csv: str) -> "Listing":
        return replace(self, csv=csv)

    def told(self, say: Callable[[str], str]) -> "Listing":
        """With our own phrases in another language."""
        return replace(
            self,
            caption=say(self.caption),
            note=say(self.note),
            empty=self.empty if isinstance(self.empty, Markup) else say(self.empty),
            columns=[replace(head, label=say(head.label)) for head in self.heads],
            rows=[[replace(one, text=say(one.text)) if one.word else one for one in row] for row in self.cells],
        )


def _drawn(head: Column, one: Cell) -> str:
    css = f"{'number ' if head.number else ''}{'wide ' if head.wide else ''}{escape(one.tone)}"
    text = escape(one.text)
    inner = f'<a href="{escape(one.href)}">{text}</a>' if one.href else text
    return f'<td class="{css}">{inner}</td>'


def cell(content: Content) -> Cell:
    """None is shown as a dash, and exported as nothing."""
    if isinstance(content, Cell):
        return content
    return Cell(text=NOTHING, raw="", tone="soft") if content is None else Cell(text=str(content), raw=content)


def as_csv(listing: Listing) -> str:
    """With a line of heads. What a spreadsheet would run as a formula is text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(harmless(head.label) for head in listing.heads)
    writer.writerows(_raw(row) for row in listing.cells)
    return out.getvalue()


def _raw(row: Iterable[Cell]) -> list[str]:
    return [harmless(one.text if one.raw is None else str(one.raw)) for one in row]
