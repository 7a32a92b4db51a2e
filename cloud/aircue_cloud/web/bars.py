"""Bars as SVG: figures by month standing side by side, figures by name lying below each other. Pure; placed as
aircue_cloud.web.charts does it: percent of the width, pixels of the height, the labels of a value axis left of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from aircue_cloud.web.charts import GUTTER_TEXT, value_ticks
from aircue_cloud.web.marks import drawing, percent, pixels, upright

TOP = 10
PLOT = 130  # pixels of a standing bar as high as the axis
HEIGHT = TOP + PLOT + 22
SHARE = 0.68  # of its place that a standing bar fills
MOST_NAMES = 6  # below standing bars; more would run into each other on a phone
ROW_TEXT = 15
ROW_BAR = 9
ROW_GAP = 13


@dataclass(frozen=True, kw_only=True)
class Column:
    """parts: stacked from the ground up, none under 0. told: the figures in words."""

    name: str
    parts: tuple[float, ...]
    told: str

    @property
    def total(self) -> float:
        return sum(self.parts)


@dataclass(frozen=True, kw_only=True)
class Row:
    """values: a bar each, of either sign. told: at the row's end."""

    name: str
    values: tuple[float, ...]
    told: str


def columns(label: str, found: Sequence[Column]) -> Markup:
    """label: for those who do not see it."""
    highest = max((one.total for one in found), default=0.0) or 1.0
    parts = [*_grid(highest * 1.05), *_columns(found, highest * 1.05), *_names(found)]
    return drawing(label, HEIGHT, parts)


def _grid(highest: float) -> Iterable[Markup]:
    for value in value_ticks(0, highest):
        y = TOP + PLOT * (1 - value / highest)
        yield Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(pixels(y))
        yield Markup('<text class="tick end" x="{}" y="{}">{}</text>').format(GUTTER_TEXT, pixels(y + 4), short(value))


def short(value: float) -> str:
    """
    >>> short(0), short(950), short(12_500), short(3_000_000)
    ('0', '950', '12.5k', '3M')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _columns(found: Sequence[Column], highest: float) -> Iterable[Markup]:
    place = 100 / max(len(found), 1)
    for number, one in enumerate(found):
        x, width = place * (number + (1 - SHARE) / 2), place * SHARE
        yield Markup("<g><title>{}: {}</title>{}</g>").format(one.name, one.told, _stack(one, x, width, highest))


def _stack(one: Column, x: float, width: float, highest: float) -> Markup:
    drawn, below = [], 0.0
    for number, value in enumerate(one.parts):
        top, height = TOP + PLOT * (1 - (below + value) / highest), PLOT * value / highest
        shape = Markup('<rect class="bar s{}" x="{}%" width="{}%" y="{}" height="{}"/>')
        drawn.append(shape.format(number, percent(x), percent(width), pixels(top), pixels(height)))
        below += value
    return Markup("").join(drawn)


def _names(found: Sequence[Column]) -> Iterable[Markup]:
    """As many as fit; the last one, which is the newest, among them."""
    place, step = 100 / max(len(found), 1), -(-len(found) // MOST_NAMES) or 1
    for number, one in enumerate(found):
        if (len(found) - 1 - number) % step == 0:
            x = percent(place * (number + 0.5))
            yield Markup('<text class="tick middle" x="{}%" y="{}">{}</text>').format(x, HEIGHT - 6, one.name)


# Lying ones.


def rows(label: str, found: Sequence[Row]) -> Markup:
    """Each row's name and figures above its bars, which begin where 0 is."""
    values = [value for one in found for value in one.values]
    low, high = min([0.0, *values]), max([0.0, *values])
    span = (high - low) or 1.0
    drawn, y = [], 0
    for one in found:
        drawn.append(_row(one, y, low, span))
        y += _height(one)
    if low < 0:
        drawn.append(upright(100 * -low / span, y))
    return drawing(label, max(y, 1), drawn)


def _height(one: Row) -> int:
    return ROW_TEXT + ROW_BAR * len(one.values) + ROW_GAP


def _row(one: Row, y: int, low: float, span: float) -> Markup:
    drawn = [
        Markup('<text class="name" x="0" y="{}">{}</text>').format(y + ROW_TEXT - 4, one.name),
        Markup('<text class="end" x="100%" y="{}">{}</text>').format(y + ROW_TEXT - 4, one.told),
    ]
    for number, value in enumerate(one.values):
        left, width = 100 * (min(value, 0.0) - low) / span, 100 * abs(value) / span
        place = (number, percent(left), percent(width), y + ROW_TEXT + ROW_BAR * number, ROW_BAR - 2)
        drawn.append(Markup('<rect class="bar s{}" x="{}%" width="{}%" y="{}" height="{}"/>').format(*place))
    return Markup("<g>{}</g>").format(Markup("").join(drawn))
