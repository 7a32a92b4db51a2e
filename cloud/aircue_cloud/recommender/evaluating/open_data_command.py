"""`aircue-cloud evaluate open-data`: the open data sets as the files that the other commands read."""

from pathlib import Path

import click

from aircue_cloud.recommender.evaluating import open_data
from aircue_cloud.recommender.evaluating.reporting import about, say


@click.command("open-data")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def write_open_data(folder: Path) -> None:
    """Write online-retail.csv and outdoor.csv into FOLDER, from the folder AIRCUE_DATA."""
    log = open_data.online_retail().log
    outdoor = open_data.daily("outdoor/england_daily_mean_c.csv.gz", "date", {"outdoor_c": "cet_mean_c"})
    folder.mkdir(parents=True, exist_ok=True)
    events = zip(log.user, log.item, log.at, strict=True)
    lines = [f"{log.users[user]},{log.items[item]},{at:.0f}" for user, item, at in events]
    _write(folder / "online-retail.csv", "user,item,time", lines)
    _write(folder / "outdoor.csv", "date,outdoor_c", [f"{day},{row['outdoor_c']}" for day, row in outdoor.items()])
    say(f"{folder}: {about(log)}; {len(outdoor)} days of outdoor temperature")


def _write(path: Path, head: str, lines: list[str]) -> None:
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
