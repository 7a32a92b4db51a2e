"""aircue-cloud parcels: what is on its way, and what carriers told."""

from datetime import UTC, datetime
from pathlib import Path

import click

from aircue_cloud import db, strict
from aircue_cloud.commands.terminal import changing, database, now, say, with_config
from aircue_cloud.errors import CommandError
from aircue_cloud.fields import Reason
from aircue_cloud.logistics import parcels as kept
from aircue_cloud.logistics import reading
from aircue_cloud.logistics.carriers import file as carrier_file
from aircue_cloud.logistics.parcels import Tracked
from aircue_cloud.logistics.reading import Parcel


@click.group()
def parcels() -> None:
    """Parcels and their courses."""


@parcels.command("list")
@click.option("--person", default="", help="Only of this one.")
@click.option("--order", default="", help="Only of this one.")
@with_config
def listed(person: str, order: str, config_path: Path | None) -> None:
    """List parcels, what was heard of last first."""
    with database(config_path) as engine, db.reading(engine) as connection:
        found = reading.listed(connection, person=person, order=order)
    for one in sorted(found, key=lambda parcel: parcel.heard_at, reverse=True):
        click.echo(_line(one, now()))


@parcels.command("show")
@click.argument("tracking_number")
@with_config
def show(tracking_number: str, config_path: Path | None) -> None:
    """Show the course of a parcel."""
    with database(config_path) as engine, db.reading(engine) as connection:
        found = reading.latest(connection, 10, tracking_number)
        if not found:
            raise CommandError(f"parcel {tracking_number} is not known; see: aircue-cloud parcels list")
        for one in found:
            click.echo(_line(one, now()))
            for event in kept.events(connection, one.id):
                click.echo(f"  {event.at:%Y-%m-%d %H:%M} {event.state}")


@parcels.command("track")
@click.argument("carrier")
@click.argument("tracking_number")
@click.option("--order", help="Of which order it is.")
@click.option("--person", help="To whom it goes; the order's unless given.")
@click.option("--product", "products", multiple=True, help="What is in it, once a piece; the order's unless given.")
@click.option("--promised", type=click.DateTime(), help="When the person was told it comes, UTC.")
@with_config
def track(
    carrier: str,
    tracking_number: str,
    order: str | None,
    person: str | None,
    products: tuple[str, ...],
    promised: datetime | None,
    config_path: Path | None,
) -> None:
    """Follow a parcel from now on; CARRIER is sandbox for a simulated one."""
    said = {"carrier": carrier, "tracking_number": tracking_number, "order": order, "person": person}
    at = None if promised is None else promised.replace(tzinfo=UTC)
    contents = {one: products.count(one) for one in products}
    asked = strict.convert(Tracked, {**said, "contents": contents, "promised_at": at})
    with changing(config_path, "parcels track", tracking_number) as connection:
        parcel = kept.sent(connection, asked)
        if isinstance(parcel, Reason):
            raise CommandError(str(parcel))
        id_, is_new = kept.track(connection, parcel, now())
    say(f"parcel {id_} {'is tracked' if is_new else 'was tracked already'}")


@parcels.command("import")
@click.argument("carrier")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@with_config
def import_(carrier: str, file: Path, config_path: Path | None) -> None:
    """Take in what CARRIER told in a CSV FILE with the columns tracking_number, state, at, expected_at."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(f"{file}: no UTF-8 at byte {error.start}: save it as UTF-8") from error
    read = carrier_file.read(text)
    with changing(config_path, "parcels import", f"{carrier} {file.name}") as connection:
        added = kept.tell(connection, carrier, read.told, now())
    for line, reason in read.wrong:
        say(f"{file}: line {line}: {reason}")
    for number in added.unknown:
        say(f"{file}: parcel {number} is not tracked here: aircue-cloud parcels track {carrier} {number} ...")
    say(f"parcels: {added.new} events new, {added.known} there already, {added.untimely} of a time to come, "
        f"{len(read.wrong)} rows wrong")  # fmt: skip


def _line(parcel: Parcel, at: datetime) -> str:
    delay = parcel.delay(at)
    late = f"  {delay.total_seconds() / 3600:.0f} h late" if delay else ""
    heard = f"{parcel.heard_at:%Y-%m-%d %H:%M}"
    return f"{parcel.carrier:12} {parcel.tracking_number:24} {parcel.standing(at):18} {heard}  {parcel.person}{late}"
