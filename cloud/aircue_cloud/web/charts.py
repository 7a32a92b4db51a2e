"""Charts: the course of one quantity as SVG. Pure; no style and no script inside, so a strict content policy holds.

The drawing is as wide as its place and HEIGHT pixels high; the labels of the value axis stand left of it, so the place
leaves room there. Text and marks are placed in percent of the width, so they keep their shape; lines sit in an inner
drawing of WIDTH units that is stretched to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

WIDTH = 1000
HEIGHT = 136
TOP = 10
PLOT = 100  # height of the part with the lines
GUTTER_TEXT = -7  # where the value axis' labels end, in pixels from the drawing's left edge
BUCKETS = 240  # one for about one pixel or two
BREAK_MS = 15 * 60 * 1000  # a line breaks over a longer silence; a quiet sensor is heard every 5 minutes
MOST_TICKS = 5
_SECOND, _HOUR, _DAY = 1000, 3_600_000, 86_400_000
_STEPS_MS = tuple(
    [minutes * 60_000 for minutes in (1, 2, 5, 10, 15, 30)]
    + [hours * _HOUR for hours in (1, 2, 3, 6, 12)]
    + [days * _DAY for days in (1, 2, 7, 14, 28, 91, 364)]
)


@dataclass(frozen=True)
class Bucket:
    """Readings that share a slice of time: first and last time in ms, lowest, mean and highest value, and how many."""

    first_ms: int
    last_ms: int
    low: float
    mean: float
    high: float
    count: int

    @property
    def at_ms(self) -> float:
        return (self.first_ms + self.last_ms) / 2


@dataclass(frozen=True)
class Flagged:
    """A reading kept with its flag: shown as a mark, not part of the line."""

    at_ms: int
    value: float
    flag: str


@dataclass(frozen=True, kw_only=True)
class Shade:
    """An episode; end_ms None while it is open."""

    start_ms: int
    end_ms: int | None
    label: str


@dataclass(frozen=True, kw_only=True)
class Threshold:
    value: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A push."""

    at_ms: int
    label: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """label: for those who do not see it. least_span: the value axis never shows less, so that noise stays small. raw:
    the course with what is not trusted, drawn behind the other."""

    label: str
    start_ms: int
    end_ms: int
    zone: ZoneInfo
    least_span: float
    buckets: Sequence[Bucket]
    flagged: Sequence[Flagged] = ()
    shades: Sequence[Shade] = ()
    thresholds: Sequence[Threshold] = ()
    raw: Sequence[Bucket] = ()
    pushes: Sequence[Mark] = ()
    unit: str = ""
    decimals: int = 1


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Where a moment (percent of the width) and a value (pixels from the plot's top) lie."""

    start_ms: int
    end_ms: int
    low: float
    high: float

    def x(self, at_ms: float) -> float:
        return 100 * (at_ms - self.start_ms) / max(self.end_ms - self.start_ms, 1)

    def y(self, value: float) -> float:
        """Within the plot; a value beyond the axis lies on its edge."""
        share = (value - self.low) / (self.high - self.low)
        return PLOT * (1 - min(max(share, 0.0), 1.0))

    def shows(self, value: float) -> bool:
        return self.low <= value <= self.high


def svg(chart: Chart) -> Markup:
    low, high = domain(chart)
    scale = Scale(start_ms=chart.start_ms, end_ms=chart.end_ms, low=low, high=high)
    parts = [
        *_value_axis(scale),
        *_time_axis(chart, scale),
        *_shades(chart.shades, scale),
        *_thresholds(chart, scale),
        *_raw(chart.raw, scale),
        _lines(chart.buckets, scale),
        *_pushes(chart.pushes, scale),
        *_limits(chart, scale),
        *_marks(chart.flagged, scale),
    ]
    frame = Markup('<svg class="chart" width="100%" height="{}" role="img" aria-label="{}"{}>{}</svg>')
    return frame.format(HEIGHT, chart.label, _read_by(chart, scale), Markup("").join(parts))


def _read_by(chart: Chart, scale: Scale) -> Markup:
    """What a script needs to tell times and values of the line from its points (static/readout.js)."""
    said = {
        "start": chart.start_ms,
        "end": chart.end_ms,
        "low": f"{scale.low:.6g}",
        "high": f"{scale.high:.6g}",
        "unit": chart.unit,
        "decimals": chart.decimals,
        "zone": chart.zone.key,
    }
    return Markup("").join(Markup(' data-{}="{}"').format(name, value) for name, value in said.items())


# The axes.


def domain(chart: Chart) -> tuple[float, float]:
    """The value axis: the data with some room, thresholds that are near, at least least_span."""
    values = [value for bucket in (*chart.buckets, *chart.raw) for value in (bucket.low, bucket.high)]
    values = values or [mark.value for mark in chart.flagged] or [0.0]
    low, high = min(values), max(values)
    reach = max(high - low, chart.least_span) * 0.35
    near = [each.value for each in chart.thresholds if low - reach <= each.value <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    room = max((high - low) * 0.08, (chart.least_span - (high - low)) / 2)
    return low - room, high + room


def value_ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round values between low and high: steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / most
    power = 10.0 ** floor(log10(raw))
    step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= raw * 0.999)
    return [round(index * step, 10) for index in range(ceil(low / step), floor(high / step) + 1)]


def time_ticks(start_ms: int, end_ms: int, zone: ZoneInfo) -> list[tuple[int, str]]:
    """Round local times between start and end, at most MOST_TICKS; midnights carry the date."""
    span = end_ms - start_ms
    step = next((step for step in _STEPS_MS if span / step <= MOST_TICKS), _STEPS_MS[-1])
    ticks, at = [], _round_up(start_ms, step, zone)
    while at <= end_ms:
        ticks.append((at, _time_label(at, zone)))
        at = _round_up(at + 1, step, zone)
    return ticks


def _round_up(at_ms: int, step: int, zone: ZoneInfo) -> int:
    """The next local time that is a multiple of step; days are counted in local midnights, also when clocks change."""
    local = _moment(at_ms, zone)
    if step < _DAY:
        shift = round(_offset(local).total_seconds() * _SECOND)
        return -(-(at_ms + shift) // step) * step - shift
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    days = step // _DAY
    ahead = -midnight.toordinal() % days
    if midnight == local and ahead == 0:
        return at_ms
    # Wall-clock arithmetic: the same zone, a later date at 00:00.
    return round((midnight + timedelta(days=ahead or days)).timestamp() * _SECOND)


def _offset(local: datetime) -> timedelta:
    return local.utcoffset() or timedelta()


def _moment(at_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ms / _SECOND, UTC).astimezone(zone)


def _time_label(at_ms: int, zone: ZoneInfo) -> str:
    local = _moment(at_ms, zone)
    return f"{local.day} {local:%b}" if (local.hour, local.minute) == (0, 0) else f"{local:%H:%M}"


def _value_axis(scale: Scale) -> Iterable[Markup]:
    for value in value_ticks(scale.low, scale.high):
        y = TOP + scale.y(value)
        yield Markup(
            f'<line class="grid" x1="0" x2="100%" y1="{_px(y)}" y2="{_px(y)}"/>'
            f'<text class="tick end" x="{GUTTER_TEXT}" y="{_px(y + 4)}">{value:g}</text>'
        )


def _time_axis(chart: Chart, scale: Scale) -> Iterable[Markup]:
    for at, label in time_ticks(chart.start_ms, chart.end_ms, chart.zone):
        x = scale.x(at)
        place = _pc(x)
        yield Markup(
            f'<line class="grid" x1="{place}%" x2="{place}%" y1="{TOP}" y2="{TOP + PLOT}"/>'
            f'<text class="tick {_anchor(x)}" x="{place}%" y="{HEIGHT - 8}">{escape(label)}</text>'
        )


def _anchor(x: float) -> str:
    """Labels at the ends stay inside."""
    return "start" if x < 4 else "end" if x > 96 else "middle"


# What is drawn on them.


def _shades(shades: Sequence[Shade], scale: Scale) -> Iterable[Markup]:
    for shade in shades:
        left = max(scale.x(shade.start_ms), 0.0)
        right = min(scale.x(scale.end_ms if shade.end_ms is None else shade.end_ms), 100.0)
        if right < 0 or left > 100:
            continue
        x, width = _pc(left), _pc(max(right - left, 0.3))
        yield Markup(
            f'<g class="episode"><title>{escape(shade.label)}</title>'
            f'<rect class="wash" x="{x}%" width="{width}%" y="{TOP}" height="{PLOT}"/>'
            f'<rect class="cap" x="{x}%" width="{width}%" y="{TOP}" height="2"/></g>'
        )


def _thresholds(chart: Chart, scale: Scale) -> Iterable[Markup]:
    for threshold in chart.thresholds:
        if scale.shows(threshold.value):
            y = TOP + scale.y(threshold.value)
            yield Markup('<line class="threshold" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(_px(y))


def _limits(chart: Chart, scale: Scale) -> Iterable[Markup]:
    """The thresholds' labels, each where the line keeps furthest from it."""
    for threshold in chart.thresholds:
        if scale.shows(threshold.value):
            x, anchor = max(_PLACES, key=lambda place: _distance(chart.buckets, threshold.value, place[0], scale))
            y = TOP + scale.y(threshold.value) - 4
            text = Markup('<text class="limit {}" x="{}%" y="{}">{}</text>')
            yield text.format(anchor, x, _px(y), threshold.label)


_PLACES = ((100, "end"), (0, "start"), (50, "middle"))


def _distance(buckets: Sequence[Bucket], value: float, x: float, scale: Scale) -> float:
    """Pixels between a value and the line in the third of the chart around x."""
    near = [bucket for bucket in buckets if abs(scale.x(bucket.at_ms) - x) < (17 if x == 50 else 34)]
    reach = [max(bucket.low - value, value - bucket.high, 0.0) for bucket in near]
    return min(reach, default=scale.high - scale.low)


def pieces(buckets: Sequence[Bucket]) -> list[list[Bucket]]:
    """The course without its silences: a longer one than BREAK_MS parts it."""
    found: list[list[Bucket]] = []
    for bucket in buckets:
        if not found or bucket.first_ms - found[-1][-1].last_ms > BREAK_MS:
            found.append([])
        found[-1].append(bucket)
    return found


def _lines(buckets: Sequence[Bucket], scale: Scale) -> Markup:
    """Each piece as a line through the means on a band from the lowest to the highest values."""
    found = pieces(buckets)
    inner = Markup('<svg class="lines" y="{}" width="100%" height="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">')
    drawn = [_band(piece, scale) + _polyline(piece, scale) for piece in found if len(piece) > 1]
    dots = [_dot(piece[0], scale) for piece in found if len(piece) == 1]
    return inner.format(TOP, PLOT, WIDTH, PLOT) + Markup("").join(drawn) + Markup("</svg>") + Markup("").join(dots)


def _polyline(piece: Sequence[Bucket], scale: Scale) -> Markup:
    points = _points([(bucket, bucket.mean) for bucket in piece], scale)
    return Markup(f'<polyline vector-effect="non-scaling-stroke" points="{points}"/>')


def _band(piece: Sequence[Bucket], scale: Scale) -> Markup:
    if all(bucket.low == bucket.high for bucket in piece):
        return Markup("")
    there = [(bucket, bucket.high) for bucket in piece]
    back = [(bucket, bucket.low) for bucket in reversed(piece)]
    return Markup(f'<polygon points="{_points(there + back, scale)}"/>')


def _points(places: Sequence[tuple[Bucket, float]], scale: Scale) -> str:
    """As scale.x and scale.y have it, worked out at once: most of a page's time goes by here."""
    first, low = scale.start_ms, scale.low
    wide = WIDTH / max(scale.end_ms - first, 1)
    high = PLOT / (scale.high - low)
    return " ".join(
        [
            f"{((bucket.first_ms + bucket.last_ms) / 2 - first) * wide:.1f},{PLOT - (value - low) * high:.1f}"
            for bucket, value in places
        ]
    )


def _raw(buckets: Sequence[Bucket], scale: Scale) -> Iterable[Markup]:
    if buckets:
        yield Markup('<g class="raw">') + _lines(buckets, scale) + Markup("</g>")


def _pushes(pushes: Iterable[Mark], scale: Scale) -> Iterable[Markup]:
    """A line over the whole height with a head on top."""
    for push in pushes:
        x = scale.x(push.at_ms)
        if 0 <= x <= 100:
            place = _pc(x)
            yield Markup(
                f'<g class="push"><title>{escape(push.label)}</title>'
                f'<line x1="{place}%" x2="{place}%" y1="{TOP}" y2="{TOP + PLOT}"/>'
                f'<circle cx="{place}%" cy="{TOP}" r="4"/></g>'
            )


def _dot(bucket: Bucket, scale: Scale) -> Markup:
    x, y = _pc(scale.x(bucket.at_ms)), _px(TOP + scale.y(bucket.mean))
    return Markup(f'<circle class="dot" cx="{x}%" cy="{y}" r="1.5"/>')


def _marks(flagged: Sequence[Flagged], scale: Scale) -> Iterable[Markup]:
    for mark in flagged:
        x, y = _pc(scale.x(mark.at_ms)), _px(TOP + scale.y(mark.value))
        told = escape(f"{mark.flag.lower()}: {mark.value:g}")
        yield Markup(f'<circle class="flag" cx="{x}%" cy="{y}" r="3"><title>{told}</title></circle>')


def _pc(number: float) -> str:
    return f"{number:.2f}"


def _px(number: float) -> str:
    return f"{number:.1f}"
