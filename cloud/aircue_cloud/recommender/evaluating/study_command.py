"""`aircue-cloud evaluate study`: the study's experiment on open data."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aircue_cloud.recommender.evaluating import before_after, open_data, plots, study
from aircue_cloud.recommender.evaluating.reporting import about, described, say, write
from aircue_cloud.recommender.interactions import Interactions, read_csv

_EFFECT = 0.087  # the rise of sales that the study reports


@click.command("study")
@click.option(
    "--interactions",
    "file",
    type=click.Path(exists=True, path_type=Path),
    help="CSV: user,item,time; default: Online Retail in the folder AIRCUE_DATA.",
)
@click.option("--sets", type=click.IntRange(2), default=study.SETS, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--tune-s", type=float, default=5.0, show_default=True, help="Seconds to choose each blend in.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw accuracy before and after there (PNG).")
def repeat_study(file: Path | None, sets: int, seed: int, tune_s: float, out: Path | None, plot: Path | None) -> None:
    """Accuracy before and after SVD on sets of 254 users and 20,675 interactions."""
    log, categories = _data(file)
    click.echo(about(log))
    rows = study.run(log, categories, sets, seed, tune_s, say)
    found = list(study.summaries(rows))
    click.echo("\n".join(study.table(found)))
    experiment = _experiment(log) if file is None else {}
    figures = {"log": described(log), "sets": [asdict(row) for row in rows], "summary": [asdict(one) for one in found]}
    if out is not None:
        write(out, {**figures, "experiment": experiment})
    if plot is not None:
        plots.study(plot, rows, found)


def _data(file: Path | None) -> tuple[Interactions, dict[str, str] | None]:
    if file is not None:
        return read_csv(file, latest=datetime.now(UTC).timestamp()), None
    shop = open_data.online_retail()
    return shop.log, open_data.categories(shop.descriptions)


def _experiment(log: Interactions) -> dict[str, Any]:
    """What it would take to see the study's rise of sales among such customers."""
    spent = before_after.spending(log)
    without = before_after.users_per_arm(_EFFECT, spent.variation)
    with_cuped = before_after.users_per_arm(_EFFECT, spent.variation, spent.explained)
    seen = before_after.detectable(study.USERS // 2, spent.variation, spent.explained)
    click.echo(
        f"\nThe rise of sales by {_EFFECT:.1%} is {before_after.LABEL}. Among customers like these (coefficient of"
        f" variation {spent.variation:.2f} in 30 days, R^2 {spent.explained:.2f} by earlier spending) an experiment"
        f" would take {without:,} users an arm, {with_cuped:,} with CUPED; {study.USERS} users in two arms show"
        f" effects from {seen:.0%}."
    )
    return {**asdict(spent), "effect": _EFFECT, "per_arm": without, "per_arm_cuped": with_cuped, "detectable": seen}
