"""`aircue-cloud needs forecast evaluate`: which needs can be forecast, on open data."""

from dataclasses import asdict
from pathlib import Path

import click

from aircue_cloud.commands.terminal import with_config
from aircue_cloud.needs import forecast_evaluation, holding, home_climate
from aircue_cloud.recommender.evaluating.reporting import write


@click.group("forecast")
def forecast() -> None:
    """Whether a need will begin within the hour."""


@forecast.command("evaluate")
@click.option("--need", "names", multiple=True, help="One or more; default: all.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
@with_config
def evaluate(names: tuple[str, ...], out: Path | None, config_path: Path | None) -> None:
    """Forecast the needs of the house in AIRCUE_DATA by rolling origin, beside what anybody could forecast. With
    --config the needs are those that hold in the store."""
    known = holding.held(config_path).by_name
    figures = []
    for name in names or tuple(known):
        if name not in known:
            raise click.UsageError(f"no need {name}; known are {', '.join(known)}")
        rule = known[name].rule
        for room, course in home_climate.courses(rule.quantity).items():
            found = forecast_evaluation.evaluate(course, rule)
            if found is not None:
                click.echo("\n".join(forecast_evaluation.told(room, found)))
                figures.append({"room": room, "on": found.on, **asdict(found)})
    if not figures:
        click.echo(f"no need began {forecast_evaluation.LEAST_STARTS} times in any room: nothing can be said")
    if out is not None:
        write(out, {"forecasts": figures})
