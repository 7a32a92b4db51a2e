"""Plots of an evaluation, as PNG. matplotlib is loaded when one is asked for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aircue_cloud.errors import CommandError
from aircue_cloud.recommender.evaluating.comparison import HEADLINE
from aircue_cloud.recommender.evaluating.study import ACCURACY, USERS, Row, Summary

_DPI = 90


def subplots(columns: int, *, shared: bool = True) -> tuple[Any, Any]:
    """A figure and its panels beside each other; shared: their value axis."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise CommandError("a plot needs matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=(5.2 * columns, 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, squeeze=False, sharey=shared)[0]


def study(path: Path, rows: Sequence[Row], found: Sequence[Summary]) -> None:
    """A panel a split: each model's mean over the sets with its spread, and every set as a dot."""
    splits = list(dict.fromkeys(one.split for one in found))
    figure, axes = subplots(len(splits))
    for ax, split in zip(axes, splits, strict=True):
        _panel(ax, [one for one in found if one.split == split], [row for row in rows if row.split == split])
        ax.set_title(f"{split} split")
    axes[0].set_ylabel(f"{ACCURACY}, new to the user")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(found), fontsize=8)
    figure.suptitle(f"Accuracy before and after SVD, {found[0].sets} sets of {USERS} users", fontsize=11)
    figure.savefig(path, dpi=_DPI)


def _panel(ax: Any, found: Sequence[Summary], rows: Sequence[Row]) -> None:
    width = 0.8 / len(found)
    models = list(found[0].accuracy)
    for place, one in enumerate(found):
        lefts = [model + (place - (len(found) - 1) / 2) * width for model in range(len(models))]
        means, spreads = zip(*one.accuracy.values(), strict=True)
        ax.bar(lefts, means, width * 0.95, yerr=spreads, capsize=2, label=f"by {one.by}", alpha=0.75)
        own = [row.accuracy for row in rows if row.by == one.by]
        for left, model in zip(lefts, models, strict=True):
            ax.plot([left] * len(own), [values[model] for values in own], ".", color="black", markersize=2)
    ax.set_xticks(range(len(models)), [model.replace(" after", "\nafter") for model in models], fontsize=8)
    ax.set_ylim(bottom=0)


def models(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A panel a protocol: each model's headline metric with its interval, from comparison.report."""
    protocols = list(dict.fromkeys(row["protocol"] for row in rows))
    figure, axes = subplots(len(protocols))
    names = list(dict.fromkeys(row["model"] for row in rows))
    for ax, protocol in zip(axes, protocols, strict=True):
        for row in (row for row in rows if row["protocol"] == protocol):
            one, place = row["metrics"][HEADLINE], names.index(row["model"])
            ax.plot([one["low"], one["high"]], [place, place], color="tab:blue", linewidth=3, alpha=0.5)
            ax.plot([one["value"]], [place], "o", color="tab:blue")
        ax.set_title(f"{protocol} protocol")
        ax.set_xlabel(f"{HEADLINE}, 95 % by users")
        ax.set_xlim(left=0)
        ax.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(names)), names, fontsize=8)
    axes[0].invert_yaxis()
    figure.savefig(path, dpi=_DPI)
