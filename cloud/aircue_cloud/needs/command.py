"""`aircue-cloud needs ...`."""

import click

from aircue_cloud.needs.backtest_command import backtest
from aircue_cloud.needs.forecast_command import forecast


@click.group()
def needs() -> None:
    """Needs: what they would have led to, and whether they can be seen coming."""


needs.add_command(forecast)
needs.add_command(backtest)
