"""Before and after as an SVG picture: one panel a series, without any dependency, in bounded memory.

Each series is kept in at most 2,000 slots of time (least, most and last filtered value of each), which double in width
when a longer trace needs it.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

_SLOTS = 2000
_FIRST_WIDTH_S = 1.0
_MOST_FLAGGED = 2000
_MOST_PANELS = 40
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 1100, 260, 64, 20, 46, 28
_BREAK = 8  # usual distances between slots; a longer one is no line
_HEAD = 30
_COLOURS = {"before": "#9aa5b1", "after": "#0b66c3", "flagged": "#d6452b", "interpolated": "#6b46c1"}
_WORDS = (("before", "as measured"), ("after", "filtered"), ("flagged", "flagged"), ("interpolated", "interpolated"))


@dataclass
class _Slot:
    least: float = math.inf
    most: float = -math.inf
    after: float | None = None

    def join(self, other: "_Slot") -> None:
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.after = self.after if other.after is None else other.after


@dataclass
class _Panel:
    width_s: float = _FIRST_WIDTH_S
    slots: dict[int, _Slot] = field(default_factory=dict)
    flagged: list[tuple[float, float]] = field(default_factory=list)
    filled: list[tuple[float, float]] = field(default_factory=list)

    def add(self, at: float, value: float | None, flag: str, after: float | None) -> None:
        if flag == "INTERPOLATED" and after is not None:
            self.filled = _thinned([*self.filled, (at, after)])
            return
        slot = self.slots.setdefault(math.floor(at / self.width_s), _Slot())
        slot.join(_Slot(math.inf if value is None else value, -math.inf if value is None else value, after))
        if value is not None and flag not in ("OK", "SUPPRESSED", "GAP"):
            self.flagged.append((at, value))
            self.flagged = _thinned(self.flagged)
        while len(self.slots) > _SLOTS:
            self._widen()

    def _widen(self) -> None:
        slots: dict[int, _Slot] = {}
        for number in sorted(self.slots):
            slots.setdefault(number >> 1, _Slot()).join(self.slots[number])
        self.slots, self.width_s = slots, self.width_s * 2

    def spans(self) -> tuple[float, float, float, float]:
        """First and last time, least and most value."""
        numbers = sorted(self.slots)
        values = [one for slot in self.slots.values() for one in (slot.least, slot.most) if math.isfinite(one)]
        values += [slot.after for slot in self.slots.values() if slot.after is not None]
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        margin = (high - low) * 0.05 or 0.5
        return numbers[0] * self.width_s, (numbers[-1] + 1) * self.width_s, low - margin, high + margin


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return points if len(points) <= _MOST_FLAGGED else points[::2]


class Plot:
    """Fed row by row, saved at the end; series past the first 40 are named as left out."""

    def __init__(self, path: Path) -> None:
        if path.suffix != ".svg":
            raise OSError(f"{path}: pictures are drawn as SVG; name it .svg, a browser opens it")
        self._path = path
        self._panels: dict[tuple[str, str], _Panel] = {}
        self._left_out: set[tuple[str, str]] = set()

    def add(self, node: str, quantity: str, at: float, value: float | None, flag: str, after: float | None) -> None:
        key = (node, quantity)
        if key not in self._panels and len(self._panels) >= _MOST_PANELS:
            self._left_out.add(key)
            return
        self._panels.setdefault(key, _Panel()).add(at, value, flag, after)

    def save(self) -> None:
        self._path.write_text("\n".join(self._picture()) + "\n", encoding="utf-8")

    def _picture(self) -> Iterator[str]:
        height = _HEAD + _HEIGHT * len(self._panels) + 10
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
            f'height="{height}" font-family="system-ui, sans-serif" font-size="12">'
        )
        yield f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
        yield from _legend()
        for index, ((node, quantity), panel) in enumerate(self._panels.items()):
            yield f'<g transform="translate(0 {_HEAD + _HEIGHT * index})">'
            yield from _draw(f"{node}, {quantity}", panel)
            yield "</g>"
        if self._left_out:
            yield f'<text x="{_LEFT}" y="{height - 2}">and {len(self._left_out)} more series</text>'
        yield "</svg>"


def _legend() -> Iterator[str]:
    for index, (name, words) in enumerate(_WORDS):
        x = _LEFT + 130 * index
        yield f'<rect x="{x}" y="12" width="18" height="4" fill="{_COLOURS[name]}"/>'
        yield f'<text x="{x + 24}" y="19" fill="#333">{words}</text>'


def _draw(title: str, panel: _Panel) -> Iterator[str]:
    scale = _Scale(*panel.spans())
    yield f'<text x="{_LEFT}" y="{_TOP - 12}" font-weight="600" fill="#111">{escape(title)}</text>'
    yield from _axes(scale)
    for points in _runs(_band(panel), panel):
        yield _line(scale, points, "before", 1)
    for points in _runs(_after(panel), panel):
        yield _line(scale, points, "after", 1.6)
    for name, dots in (("flagged", panel.flagged), ("interpolated", panel.filled)):
        for at, value in dots:
            yield f'<circle cx="{scale.x(at):.1f}" cy="{scale.y(value):.1f}" r="2.6" fill="{_COLOURS[name]}"/>'


def _band(panel: _Panel) -> Iterator[tuple[float, float]]:
    for number in sorted(panel.slots):
        slot = panel.slots[number]
        if math.isfinite(slot.least):
            at = (number + 0.5) * panel.width_s
            yield at, slot.least
            if slot.most > slot.least:
                yield at, slot.most


def _after(panel: _Panel) -> Iterator[tuple[float, float]]:
    for number in sorted(panel.slots):
        after = panel.slots[number].after
        if after is not None:
            yield (number + 0.5) * panel.width_s, after


def _runs(points: Iterable[tuple[float, float]], panel: _Panel) -> Iterator[list[tuple[float, float]]]:
    """Points between which there is no pause."""
    numbers = sorted(panel.slots)
    steps = sorted(right - left for left, right in pairwise(numbers))
    longest = _BREAK * (steps[len(steps) // 2] if steps else 1) * panel.width_s
    run: list[tuple[float, float]] = []
    for point in points:
        if run and point[0] - run[-1][0] > longest:
            yield run
            run = []
        run.append(point)
    yield run


def _line(scale: "_Scale", points: list[tuple[float, float]], name: str, width: float) -> str:
    path = " ".join(f"{scale.x(at):.1f},{scale.y(value):.1f}" for at, value in points)
    return f'<polyline points="{path}" fill="none" stroke="{_COLOURS[name]}" stroke-width="{width}"/>'


class _Scale:
    def __init__(self, start: float, end: float, low: float, high: float) -> None:
        self.start, self.end, self.low, self.high = start, end, low, high

    def x(self, at: float) -> float:
        return _LEFT + (at - self.start) / (self.end - self.start) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - self.low) / (self.high - self.low) * (_HEIGHT - _TOP - _BOTTOM)


def _axes(scale: _Scale) -> Iterator[str]:
    for value in _round_values(scale.low, scale.high):
        y = scale.y(value)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e8ec"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{value:g}</text>'
    for part in range(6):
        at = scale.start + (scale.end - scale.start) * part / 5
        anchor = "start" if part == 0 else "end" if part == 5 else "middle"
        when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
        yield f'<text x="{scale.x(at):.1f}" y="{_HEIGHT - 10}" text-anchor="{anchor}" fill="#555">{when}</text>'


def _round_values(low: float, high: float) -> list[float]:
    """Some round values between two."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    first = math.ceil(low / step)
    return [round(step * number, 10) for number in range(first, math.floor(high / step) + 1)]
