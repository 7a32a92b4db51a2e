"""`aircue-cloud outcomes ...`: what a push changed, in anyone's experiment and in the store's own."""

from dataclasses import asdict
from pathlib import Path

import click

from aircue_cloud.outcomes import analysis, experiment_file
from aircue_cloud.outcomes.analysis import Plan
from aircue_cloud.outcomes.sequential import PLANNED
from aircue_cloud.outcomes.uplift import CUT
from aircue_cloud.recommender.evaluating.reporting import write


@click.group()
def outcomes() -> None:
    """What pushes changed, and how sure one may be of it."""


@outcomes.command("analyse")
@click.option("--in", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="CSV: unit,arm,outcome[,pre,cost,margin], a line a unit; arm: treatment or holdout.")  # fmt: skip
@click.option("--share", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.5, show_default=True,
              help="Of the units, as they were randomised into treatment.")  # fmt: skip
@click.option("--planned", type=click.IntRange(1), default=PLANNED, show_default=True,
              help="Units in all, as planned before the first look.")  # fmt: skip
@click.option("--fixed-cost", type=click.FloatRange(0), default=0.0, show_default=True,
              help="Paid whatever happens, beside the column cost.")  # fmt: skip
@click.option("--cut", type=click.FloatRange(50, 100), default=CUT, show_default=True,
              help="Percentile of spenders' spending at which it is cut off.")  # fmt: skip
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
def analyse(file: Path, out: Path | None, **plan: float) -> None:
    """Compare the arms of an experiment: intent to treat, with CUPED where `pre` is known."""
    found = analysis.analyse(experiment_file.read_units(file), Plan(**plan))  # type: ignore[arg-type]  # planned is whole
    click.echo("\n".join(analysis.told(found)))
    if out is not None:
        write(out, asdict(found))
