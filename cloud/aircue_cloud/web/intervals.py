"""Estimates as SVG: a dot on its interval, a row each, on one axis. Pure; placed as aircue_cloud.web.charts does it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log

from markupsafe import Markup

from aircue_cloud.web.charts import value_ticks
from aircue_cloud.web.marks import anchor, drawing, percent, upright

ROW = 38
AXIS = 22
_TEXT = 13
_LINE = 25
_DOUBLES = (0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """before: what was believed before anything was seen, drawn as a ring. told: the figures at the row's end."""

    name: str
    value: float
    low: float
    high: float
    told: str
    before: float | None = None

    @property
    def reach(self) -> tuple[float, ...]:
        return (self.low, self.value, self.high, *(() if self.before is None else (self.before,)))


@dataclass(frozen=True, kw_only=True)
class Axis:
    """From low to high, in what `is_log` says. ticks: round values on it."""

    low: float
    high: float
    is_log: bool
    ticks: Sequence[float]

    def x(self, value: float) -> float:
        """Percent of the width."""
        low, at, high = (log(one) if self.is_log else one for one in (self.low, value, self.high))
        return 100 * (at - low) / (high - low)


def svg(label: str, found: Sequence[Estimate], neutral: float, *, is_log: bool = False, unit: str = "") -> Markup:
    """neutral: the value that stands for no difference. is_log: for ratios, all over 0; their ticks double."""
    axis = axis_of([neutral, *(value for one in found for value in one.reach)], is_log=is_log)
    height = ROW * len(found)
    parts = [*_grid(axis, height, unit), upright(axis.x(neutral), height)]
    parts += [_drawn(one, axis, ROW * number) for number, one in enumerate(found)]
    return drawing(label, height + AXIS, parts)


def axis_of(values: Sequence[float], *, is_log: bool) -> Axis:
    """All values with some room at both ends."""
    low, high = min(values), max(values)
    if is_log:
        low, high = log(low), log(high)
    room = max((high - low) * 0.06, 0.05 if is_log else (abs(high) or 1.0) * 0.01)
    low, high = low - room, high + room
    if not is_log:
        return Axis(low=low, high=high, is_log=False, ticks=value_ticks(low, high))
    ends = exp(low), exp(high)
    return Axis(low=ends[0], high=ends[1], is_log=True, ticks=[one for one in _DOUBLES if ends[0] <= one <= ends[1]])


def _grid(axis: Axis, height: int, unit: str) -> Iterable[Markup]:
    for value in axis.ticks:
        x = axis.x(value)
        yield Markup('<line class="grid" x1="{0}%" x2="{0}%" y1="0" y2="{1}"/>').format(percent(x), height)
        text = Markup('<text class="tick {}" x="{}%" y="{}">{}{}</text>')
        yield text.format(anchor(x), percent(x), height + 15, f"{value:g}", unit)


def _drawn(one: Estimate, axis: Axis, y: int) -> Markup:
    low, at, high = (percent(axis.x(value)) for value in (one.low, one.value, one.high))
    drawn = [
        Markup('<text class="name" x="0" y="{}">{}</text>').format(y + _TEXT, one.name),
        Markup('<text class="end" x="100%" y="{}">{}</text>').format(y + _TEXT, one.told),
        Markup('<line class="interval" x1="{0}%" x2="{1}%" y1="{2}" y2="{2}"/>').format(low, high, y + _LINE),
        Markup('<circle class="estimate" cx="{}%" cy="{}" r="4.5"/>').format(at, y + _LINE),
    ]
    if one.before is not None:
        drawn.append(_ring(axis.x(one.before), y + _LINE))
    return Markup("<g>{}</g>").format(Markup("").join(drawn))


def _ring(x: float, y: int) -> Markup:
    return Markup('<circle class="before" cx="{}%" cy="{}" r="4"/>').format(percent(x), y)
