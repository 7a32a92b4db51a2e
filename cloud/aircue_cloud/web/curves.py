"""Curves as SVG: figures over a count (trials, versions), several on one pair of axes. Pure; placed as
aircue_cloud.web.charts does it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from aircue_cloud.web.charts import GUTTER_TEXT, PLOT, TOP, WIDTH, value_ticks
from aircue_cloud.web.marks import anchor, drawing, percent, pixels

HEIGHT = TOP + PLOT + 26
_MOST_TICKS = 6


@dataclass(frozen=True, kw_only=True)
class Curve:
    """points: (place on the axis below, value). dots: drawn as points alone, joined by no line."""

    name: str
    points: Sequence[tuple[float, float]]
    dots: bool = False


@dataclass(frozen=True, kw_only=True)
class _Scale:
    first: float
    last: float
    low: float
    high: float

    def x(self, at: float) -> float:
        """Percent of the width; a lone point stands in the middle."""
        return 50.0 if self.last == self.first else 100 * (at - self.first) / (self.last - self.first)

    def y(self, value: float) -> float:
        return PLOT * (1 - (value - self.low) / (self.high - self.low))


def svg(label: str, found: Sequence[Curve], names: Sequence[str] = ()) -> Markup:
    """names: of the places 0, 1, 2 ... on the axis below; the numbers themselves where there are none."""
    points = [point for one in found for point in one.points]
    scale = _scale(points)
    parts = [*_values(scale), *_places(scale, names)]
    for number, one in enumerate(found):
        parts += _dots(one, number, scale) if one.dots or len(one.points) == 1 else [_line(one, number, scale)]
    return drawing(label, HEIGHT, parts)


def _scale(points: Sequence[tuple[float, float]]) -> _Scale:
    places, values = [at for at, _ in points] or [0.0], [value for _, value in points] or [0.0]
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return _Scale(first=min(places), last=max(places), low=low - room, high=high + room)


def _values(scale: _Scale) -> Iterable[Markup]:
    for value in value_ticks(scale.low, scale.high):
        y = TOP + scale.y(value)
        yield Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(pixels(y))
        yield Markup('<text class="tick end" x="{}" y="{}">{}</text>').format(GUTTER_TEXT, pixels(y + 4), f"{value:g}")


def _places(scale: _Scale, names: Sequence[str]) -> Iterable[Markup]:
    count = int(scale.last - scale.first) + 1
    step = -(-count // _MOST_TICKS) or 1
    for place in range(int(scale.first), int(scale.last) + 1):
        if (int(scale.last) - place) % step:
            continue
        x, name = scale.x(place), names[place] if 0 <= place < len(names) else str(place)
        yield Markup('<text class="tick {}" x="{}%" y="{}">{}</text>').format(anchor(x), percent(x), HEIGHT - 6, name)


def _line(one: Curve, number: int, scale: _Scale) -> Markup:
    points = " ".join(f"{scale.x(at) * WIDTH / 100:.1f},{scale.y(value):.1f}" for at, value in one.points)
    return Markup(
        '<svg class="lines" y="{}" width="100%" height="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">'
        '<polyline class="curve s{}" vector-effect="non-scaling-stroke" points="{}"/></svg>'
    ).format(TOP, PLOT, WIDTH, PLOT, number, points)


def _dots(one: Curve, number: int, scale: _Scale) -> Iterable[Markup]:
    for at, value in one.points:
        shape = Markup('<circle class="point s{}" cx="{}%" cy="{}" r="3"><title>{}: {}</title></circle>')
        yield shape.format(number, percent(scale.x(at)), pixels(TOP + scale.y(value)), one.name, f"{value:.4g}")
