"""`aircue-cloud needs ...`."""

import click

from aircue_cloud.needs.forecast_command import forecast


@click.group()
def needs() -> None:
    """Needs, and whether they can be seen coming."""


needs.add_command(forecast)
