"""aircue-cloud pushes: the switch that stops all of them, and aircue-cloud why: what was decided about somebody."""

from datetime import UTC, datetime
from pathlib import Path

import click

from aircue_cloud import db
from aircue_cloud.commands.terminal import changing, database, now, say, with_config
from aircue_cloud.decision import kill_switch
from aircue_cloud.errors import CommandError


@click.group()
def pushes() -> None:
    """Stop all pushes at once, start them again, and see what other settings would have sent."""


@pushes.command("stop")
@click.option("--reason", required=True, help="What the record of every decision will say.")
@with_config
def stop(reason: str, config_path: Path | None) -> None:
    """No push goes out from now on; what is decided meanwhile is recorded."""
    with changing(config_path, "pushes stop", reason) as connection:
        kill_switch.switch(connection, now(), on=False, reason=reason)
    say("pushes are stopped; start them again with: aircue-cloud pushes start")


@pushes.command("start")
@with_config
def start(config_path: Path | None) -> None:
    """Pushes go out again; episodes that were decided about meanwhile stay without."""
    with changing(config_path, "pushes start", "") as connection:
        kill_switch.switch(connection, now(), on=True, reason="")
    say("pushes go out")


@pushes.command("status")
@with_config
def status(config_path: Path | None) -> None:
    """Whether pushes go out."""
    with database(config_path) as engine, db.reading(engine) as connection:
        off = kill_switch.switched_off(connection)
    click.echo("pushes go out" if off is None else f"pushes are stopped: {off}")


@pushes.command("replay")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), required=True, help="In UTC.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="One or more; none changes nothing.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write what changed there.")
@with_config
def replay(since: datetime, assignments: tuple[str, ...], out: Path | None, config_path: Path | None) -> None:
    """Decide again about what was decided since then, under other settings; nothing is sent or stored."""
    from aircue_cloud.commands import replayed

    replayed.run(config_path, since.replace(tzinfo=UTC), assignments, out)


@click.command()
@click.option("--user", required=True, help="A person's id.")
@click.option("--push", help="A push's id; without it, the latest decisions.")
@with_config
def why(user: str, push: str | None, config_path: Path | None) -> None:
    """Say why somebody got an offer, or did not."""
    from aircue_cloud.decision import why as reasons

    with database(config_path) as engine, db.reading(engine) as connection:
        found = reasons.of_person(connection, user, push)
    if found is None:
        raise CommandError(f"person {user} is not known")
    if not found:
        say("nothing was decided about them" + (f" for push {push}" if push else ""))
    for one in found:
        click.echo("\n".join(one.lines) + "\n")
