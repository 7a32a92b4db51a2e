"""A backtest as a picture, SVG or PNG: the readings as they were and as they were cleaned, episodes, offers.

matplotlib is loaded when one is asked for.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aircue_cloud.decision.policy import GHOST, SEND
from aircue_cloud.errors import CommandError
from aircue_cloud.needs import quantities
from aircue_cloud.needs.backtest import CLEANED, RAW, TRUSTED, Backtest, Decided, Drawn, Episode
from aircue_cloud.needs.following import Slice
from aircue_cloud.needs.nodes import named

SUFFIXES = (".svg", ".png")
MOST_PANELS = 12
_DPI = 110
_WIDTH, _PANEL, _AROUND = 12.0, 2.4, 1.3  # inches
_BREAK = 8  # usual distances between slices; a longer one is no line
_RAW, _CLEANED, _FLAGGED, _EPISODE, _LIMIT = "#9aa5b1", "#0b66c3", "#d6452b", "#f2c14e", "#7a5c00"
_MARKS = {SEND: ("^", "#177245", "offer sent"), GHOST: ("D", "#6b46c1", "held out"), "": ("|", "#4a5560", "no offer")}


def checked(path: Path) -> Path:
    """CommandError where this is no name of a picture."""
    if path.suffix.lower() not in SUFFIXES:
        raise CommandError(f"{path}: name the picture .svg or .png")
    return path


def draw(path: Path, found: Backtest, zone: ZoneInfo) -> None:
    """zone: in which the times are written."""
    panels = found.drawn[:MOST_PANELS]
    figure, axes = _figure(max(len(panels), 1))
    for ax, panel in zip(axes, panels, strict=False):
        _panel(ax, panel, found, zone)
    if not panels:
        axes[0].text(0.5, 0.5, "no readings", ha="center", va="center", transform=axes[0].transAxes)
        axes[0].set_axis_off()
    figure.suptitle(_title(found), fontsize=11)
    _legend(figure, axes[0])
    left_out = len(found.drawn) - len(panels)
    axes[-1].set_xlabel(f"time in {zone.key}" + (f"; {left_out} more nodes are not drawn" if left_out else ""))
    figure.savefig(path, dpi=_DPI)


def _figure(panels: int) -> tuple[Any, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise CommandError("a picture needs matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=(_WIDTH, _PANEL * panels + _AROUND), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(panels, 1, squeeze=False, sharex=True)[:, 0]


def _title(found: Backtest) -> str:
    raw, trusted, cleaned = (len(found.sides[name].episodes) for name in (RAW, TRUSTED, CLEANED))
    episodes = f"{raw} episodes as measured, {trusted} without flagged readings, {cleaned} cleaned"
    return f"{found.need}: {episodes}; {len(found.sends)} of {len(found.decisions)} led to an offer"


def _panel(ax: Any, panel: Drawn, found: Backtest, zone: ZoneInfo) -> None:
    import matplotlib.dates

    for one in found.sides[TRUSTED].episodes:
        if one.node == panel.node:
            _shade(ax, one, panel)
    for slices, colour, width, label in (
        (panel.raw, _RAW, 1.0, "as measured"),
        (panel.cleaned, _CLEANED, 1.2, "cleaned"),
    ):
        _line(ax, slices, colour, width, label)
    if panel.flagged:
        times, values = zip(*panel.flagged, strict=True)
        ax.plot([_time(at) for at in times], values, ".", color=_FLAGGED, markersize=5, label="flagged")
    ax.axhline(panel.enter, color=_LIMIT, linewidth=0.9, linestyle="--", label=f"enter {panel.enter:g}")
    ax.axhline(panel.exit, color=_LIMIT, linewidth=0.9, linestyle=":", label=f"exit {panel.exit:g}")
    _decisions(ax, [one for one in found.decisions if one.episode.node == panel.node])
    ax.set_title(named(panel.node), loc="left", fontsize=10)
    ax.set_ylabel(f"{panel.quantity}, {quantities.unit(panel.quantity)}", fontsize=9)
    ax.margins(x=0.01, y=0.12)
    ax.grid(alpha=0.25)
    dates: Any = matplotlib.dates  # which says nothing of its types
    locator = dates.AutoDateLocator(tz=zone)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=zone))


def _shade(ax: Any, episode: Episode, panel: Drawn) -> None:
    end = episode.end or _time(panel.raw[-1].last_ms / 1000)
    ax.axvspan(episode.start, end, color=_EPISODE, alpha=0.35, linewidth=0.8, label="episode, decided on")


def _line(ax: Any, slices: Sequence[Slice], colour: str, width: float, label: str) -> None:
    """Each piece without a pause as a line through the means, on a band from the lowest to the highest."""
    for piece in _pieces(slices):
        times = [_time((one.first_ms + one.last_ms) / 2000) for one in piece]
        ax.fill_between(
            times, [one.low for one in piece], [one.high for one in piece], color=colour, alpha=0.3, linewidth=0
        )
        style = {"marker": "."} if len(piece) == 1 else {}
        ax.plot(times, [one.mean for one in piece], color=colour, linewidth=width, label=label, **style)


def _pieces(slices: Sequence[Slice]) -> list[list[Slice]]:
    gaps = sorted(right.first_ms - left.last_ms for left, right in pairwise(slices))
    spans = sorted(one.last_ms - one.first_ms for one in slices)
    usual = max(gaps[len(gaps) // 2], spans[len(spans) // 2]) if gaps else 0
    number = 0
    numbers = [0]
    for left, right in pairwise(slices):
        number += right.first_ms - left.last_ms > _BREAK * usual
        numbers.append(number)
    pairs = zip(numbers, slices, strict=False)
    return [[one for _, one in some] for _, some in groupby(pairs, key=lambda pair: pair[0])]


def _decisions(ax: Any, decided: Sequence[Decided]) -> None:
    """In a row at the bottom; where an offer went out, a line from it."""
    for outcome, (mark, colour, label) in _MARKS.items():
        at = [one.at for one in decided if (one.outcome if one.outcome in _MARKS else "") == outcome]
        if at:
            across = ax.get_xaxis_transform()
            ax.plot(
                at, [0.05] * len(at), mark, color=colour, markersize=9, label=label, transform=across, linestyle="none"
            )
            if outcome == SEND:
                ax.vlines(at, 0, 1, color=colour, linewidth=0.8, transform=across)


def _legend(figure: Any, ax: Any) -> None:
    handles, labels = ax.get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))
    if named:
        figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=len(named), fontsize=8)


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
