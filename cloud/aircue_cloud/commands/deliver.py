"""aircue-cloud deliver: hands over what waits in the outboxes, in a process of its own."""

import logging
import signal
import sys
from pathlib import Path

import click

from aircue_cloud import stores
from aircue_cloud.commands.terminal import load, with_config_alone
from aircue_cloud.delivery import opening, switched_on
from aircue_cloud.errors import CommandError


@click.command()
@with_config_alone
def deliver(config_path: Path | None) -> None:
    """Hand over what waits in the outbox of every store, until told to stop. Any number of these may run; a store that
    is added meanwhile is taken up too."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = load(config_path)
    names = switched_on.names(config)
    if not names:
        raise CommandError("no channel is switched on: give one a table in [delivery]; docs/delivery.md says how")
    workers = opening.Workers(config)
    looking = stores.looking(workers.take_up)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: looking.stop())
    workers.take_up()
    click.echo(f"aircue-cloud: delivers by {', '.join(names)}")
    looking.run()
    workers.stop()
