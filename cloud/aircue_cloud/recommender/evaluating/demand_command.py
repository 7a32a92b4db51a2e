"""`aircue-cloud evaluate demand`: does a day's context say more of its volume than the season does?"""

from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

import click

from aircue_cloud.recommender.evaluating import demand, open_data
from aircue_cloud.recommender.evaluating.context_log import EVERYBODY, Context, context_of, day_of, read_context
from aircue_cloud.recommender.evaluating.reporting import write
from aircue_cloud.recommender.interactions import DAY_S

_BEER = "demand/Consumo_cerveja.csv"
_BEER_COLUMNS = {
    "volume": "Consumo de cerveja (litros)",
    "highest_c": "Temperatura Maxima (C)",
    "rain_mm": "Precipitacao (mm)",
}
_KNOWN = 0.7


@click.command("demand")
@click.option(
    "--volume", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="CSV: date,volume."
)
@click.option(
    "--context",
    "context_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV: date,NUMBERS...; without both, beer sold in Sao Paulo in 2015, from the folder AIRCUE_DATA.",
)
@click.option("--test-from", type=click.DateTime(["%Y-%m-%d"]), help="Default: the last three in ten days.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
def evaluate_demand(file: Path | None, context_file: Path | None, test_from: datetime | None, out: Path | None) -> None:
    """Ablation of a daily volume: level, recent, weekday, season, environment."""
    if (file is None) != (context_file is None):
        raise click.UsageError("--volume and --context go together")
    if file is None or context_file is None:
        volume, context = _beer()
    else:
        volume, context = demand.read_volume(file), read_context(context_file)
    found = demand.ablate(volume, context, _begin(sorted(volume), test_from))
    click.echo("\n".join(demand.told(found, context.columns)))
    if out is not None:
        write(out, {**asdict(found), "claimed": found.claimed})


def _begin(days: list[int], test_from: datetime | None) -> int:
    if test_from is None:
        return days[int(_KNOWN * len(days))]
    return int(test_from.replace(tzinfo=UTC).timestamp() // DAY_S)


def _beer() -> tuple[dict[int, float], Context]:
    rows = open_data.daily(_BEER, "Data", _BEER_COLUMNS)
    volume = {day_of(date.fromisoformat(day)): row["volume"] for day, row in rows.items()}
    names = [name for name in _BEER_COLUMNS if name != "volume"]
    lines = [(EVERYBODY, day_of(date.fromisoformat(day)), [row[name] for name in names]) for day, row in rows.items()]
    return volume, context_of(names, lines)
