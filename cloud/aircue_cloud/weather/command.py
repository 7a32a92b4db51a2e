"""aircue-cloud weather: asks for the weather outdoors."""

import random
from pathlib import Path

import click
import urllib3

from aircue_cloud.commands.terminal import database, now, say, with_config
from aircue_cloud.errors import CommandError
from aircue_cloud.weather import open_meteo
from aircue_cloud.weather.file import FileProvider
from aircue_cloud.weather.provider import Provider
from aircue_cloud.weather.refreshing import Refresh


@click.group()
def weather() -> None:
    """The weather outdoors, by the area that a site is in."""


@weather.command()
@click.option("--file", "file", type=click.Path(path_type=Path), help="CSV to read instead of asking Open-Meteo.")
@click.option("--days", type=click.IntRange(0, 3650), default=30, show_default=True, help="How far to look back.")
@click.option(
    "--forecast-url", default=open_meteo.FORECAST_URL, show_default=True, help="Of an Open-Meteo of your own."
)
@click.option("--archive-url", default=open_meteo.ARCHIVE_URL, show_default=True)
@with_config
def refresh(config_path: Path | None, file: Path | None, days: int, forecast_url: str, archive_url: str) -> None:
    """Ask for the weather of every area that a site is in; run it once an hour.

    A source is asked no oftener than what it says changes, however often this runs.
    """
    http = urllib3.PoolManager()
    providers: list[Provider] = [open_meteo.forecast(http, forecast_url), open_meteo.archive(http, archive_url)]
    if file is not None:
        providers = [FileProvider(path=file)]
    with database(config_path) as engine:
        run = Refresh(engine=engine, now=now, jitter=random.random, progress=say)
        done = run.run(providers, days)
    say(f"weather: {done.hours} hours stored, {done.asked} requests, {done.failed} failed, {done.fresh} still fresh")
    if done.failed:
        raise CommandError(f"{done.failed} of {done.asked} requests failed; see above")
