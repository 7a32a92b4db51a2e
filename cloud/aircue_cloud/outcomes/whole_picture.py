"""The effect of the whole as a picture, SVG or PNG: revenue of each pair of months, and the return on each.

matplotlib is loaded when one is asked for.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aircue_cloud.needs.backtest_picture import checked
from aircue_cloud.outcomes.whole import Pair, Whole
from aircue_cloud.recommender.evaluating.plots import subplots
from aircue_cloud.shop import money

_BEFORE, _AFTER, _ROI = "#1769b5", "#c2410c", "#177245"
_WIDTH = 0.4
_DPI = 110


def draw(path: Path, found: Whole) -> None:
    figure, (sales, returns) = subplots(2, shared=False)
    names = [f"{one.month:%b %y}" for one in found.pairs]
    _sales(sales, found)
    _returns(returns, found.pairs)
    for ax in (sales, returns):
        ax.set_xticks(range(len(names)), names, rotation=60, fontsize=8)
    figure.suptitle(f"Before and after the first push ({found.began:%B %Y}): {found.label}", fontsize=11)
    figure.savefig(checked(path), dpi=_DPI)


def _sales(ax: Any, found: Whole) -> None:
    size = 10 ** money.exponent(found.currency)
    for shift, label, colour, values in (
        (-_WIDTH / 2, "before", _BEFORE, [one.before for one in found.pairs]),
        (_WIDTH / 2, "after", _AFTER, [one.after for one in found.pairs]),
    ):
        places = [place + shift for place in range(len(values))]
        ax.bar(places, [value / size for value in values], _WIDTH, label=label, color=colour)
    ax.set_ylabel(f"revenue a month, {found.currency}, net of returns")
    ax.legend()


def _returns(ax: Any, pairs: Sequence[Pair]) -> None:
    known = [(place, 100 * one.roi) for place, one in enumerate(pairs) if one.roi is not None]
    if known:
        ax.plot(*zip(*known, strict=True), "o-", color=_ROI)
    else:
        ax.text(0.5, 0.5, "margin or costs not known", ha="center", va="center", transform=ax.transAxes)
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_ylabel("ROI of the month, %")
