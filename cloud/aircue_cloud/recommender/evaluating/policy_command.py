"""`aircue-cloud evaluate policy`: what another policy would have earned."""

from dataclasses import asdict
from pathlib import Path

import click

from aircue_cloud.recommender.evaluating import off_policy
from aircue_cloud.recommender.evaluating.reporting import write


@click.command("policy")
@click.option(
    "--decisions",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV: propensity,target,reward[,household][,predicted,value], a line a decision.",
)
@click.option("--clip", type=click.FloatRange(1), default=off_policy.CLIP, show_default=True, help="Largest weight.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
def evaluate_policy(file: Path, clip: float, out: Path | None) -> None:
    """Value a policy by the logged decisions of another (IPS, SNIPS, DR)."""
    found = off_policy.evaluate(off_policy.read_decisions(file), clip)
    click.echo("\n".join(off_policy.told(found)))
    if out is not None:
        write(out, asdict(found))
