"""aircue-cloud partners: accounts, feeds, webhooks, and tests of other makers' devices."""

import sys
from pathlib import Path

import click

from aircue_cloud import db
from aircue_cloud.commands.terminal import changing, database, load, now, say, with_config
from aircue_cloud.delivery.endpoints import Gate
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import keys, sealing
from aircue_cloud.partners import accounts, conformance, results, supplying
from aircue_cloud.partners.feeds import checking, reading, taking
from aircue_cloud.partners.feeds.taking import Feed
from aircue_cloud.tables.columns import to_ms

_FILE = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
_FORMAT = click.option(
    "--format", "format_", type=click.Choice(reading.FORMATS), help="As its name says, unless given."
)
_MODE = click.option("--mode", type=click.Choice(taking.MODES), default=taking.WHOLE, show_default=True)
_TOLD = 20  # problems on the terminal


@click.group()
def partners() -> None:
    """Other companies whose products the shop sells, and whose devices it reads."""


@partners.command("add")
@click.argument("partner")
@click.argument("name")
@click.option("--contact", default="", help="A company's address, nobody's own.")
@with_config
def add(partner: str, name: str, contact: str, config_path: Path | None) -> None:
    """Open an account, and make its key; it is shown once, here."""
    with changing(config_path, "partners add", partner) as connection:
        if not accounts.save(connection, partner, now(), name=name, contact=contact):
            raise CommandError(f"partner {partner} has an account already")
        click.echo(keys.add(connection, "partner", partner, accounts.OWN, now()))
    say(f"this key of partner {partner} is not shown again; it may {' and '.join(accounts.OWN)}")


@partners.command("list")
@with_config
def listed(config_path: Path | None) -> None:
    """List accounts."""
    with database(config_path) as engine, db.reading(engine) as connection:
        found = accounts.listed(connection)
        counts = accounts.products(connection, [one.id for one in found])
    for one in found:
        click.echo(f"{one.id:24} {one.status:8} {counts.get(one.id, 0):6} products  {one.name}")


@partners.command("webhook")
@click.argument("partner")
@click.argument("url")
@with_config
def webhook(partner: str, url: str, config_path: Path | None) -> None:
    """Say where a partner is told what happens; the secret for both ways is shown once, here."""
    box = sealing.load(load(config_path).secret_key)
    with changing(config_path, "partners webhook", partner) as connection:
        click.echo(accounts.set_webhook(connection, partner, url, Gate(), box))


@partners.command("results")
@click.argument("partner")
@click.argument("month")
@with_config
def results_(partner: str, month: str, config_path: Path | None) -> None:
    """What pushes with a partner's products did in MONTH, such as 2026-10: counts on 20 people and more."""
    with database(config_path) as engine, db.writing(engine) as connection:
        found = results.of_month(connection, accounts.must_find(connection, partner).id, month, now())
    for name, count in {"people": found.people, **found.people_by}.items():
        click.echo(f"{name:10} {f'under {found.at_least}, or it would tell of so few' if count is None else count}")


@partners.group()
def feed() -> None:
    """Feeds of products."""


@feed.command("check")
@_FILE
@_FORMAT
@click.option("--out", type=click.Path(path_type=Path), help="Write what is wrong as CSV.")
def check(file: Path, format_: str | None, out: Path | None) -> None:
    """Say what is wrong with a feed in FILE, row by row; nothing is stored, and no server is needed."""
    found = checking.check(_content(file), _format(file, format_))
    if out is not None:
        out.write_text(checking.as_csv(found.problems), encoding="utf-8", newline="")
    for problem in found.problems[:_TOLD]:
        click.echo(checking.told(problem))
    if len(found.problems) > _TOLD:
        click.echo(f"... and {len(found.problems) - _TOLD} more; see them all with --out FILE.csv")
    say(f"{found.rows:,} rows, {len(found.offers):,} good, {found.wrong:,} wrong")
    if found.wrong or not found.offers:
        sys.exit(1)


@feed.command("take")
@click.argument("partner")
@_FILE
@_FORMAT
@_MODE
@with_config
def take(partner: str, file: Path, format_: str | None, mode: str, config_path: Path | None) -> None:
    """Take a partner's feed into the catalogue."""
    with database(config_path) as engine:
        content, form = _content(file), _format(file, format_)
        _tell(supplying.supply(engine, partner, content, source="file", format_=form, mode=mode, now=now()))


@feed.command("url")
@click.argument("partner")
@click.argument("url")
@with_config
def url_(partner: str, url: str, config_path: Path | None) -> None:
    """Say where a partner's feed is fetched; "" for nowhere."""
    with changing(config_path, "partners feed url", partner) as connection:
        accounts.set_feed_url(connection, partner, url, Gate())
    say(f"partner {partner}: {url or 'no address'}; fetch it with: aircue-cloud partners feed fetch {partner}")


@feed.command("fetch")
@click.argument("partner")
@_MODE
@with_config
def fetch(partner: str, mode: str, config_path: Path | None) -> None:
    """Fetch a partner's feed and take it; one that has not changed is not fetched again."""
    with database(config_path) as engine:
        found = supplying.fetch(engine, partner, Gate(), mode, now)
    if found is None:
        say(f"partner {partner}: the feed has not changed")
    else:
        _tell(found)


@feed.command("list")
@click.argument("partner")
@with_config
def feeds(partner: str, config_path: Path | None) -> None:
    """List the feeds of a partner, the latest first."""
    with database(config_path) as engine, db.reading(engine) as connection:
        found = taking.history(connection, accounts.must_find(connection, partner).id, 50)
    for one in found:
        click.echo(
            f"{one.id:6} {one.at:%Y-%m-%d %H:%M} {one.source:6} {one.outcome:8} {one.rows:,} rows, {one.wrong:,} wrong"
        )


@partners.command("conformance")
@_FILE
@click.option("--profile", "name", required=True, help="A file, or one of those that are shipped (see --profiles).")
def conformance_(file: Path, name: str) -> None:
    """Hold a recording of a device's messages against a profile of it, line by line."""
    try:
        recording = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise CommandError(f'{file}: no UTF-8: record binary payloads in hexadecimal (payload = "hex")') from error
    found = conformance.check(recording, conformance.profile(name), to_ms(now()))
    for line in found.lines:
        said = ", ".join(f"{one.quantity or '?'} {one.value:g}" for one in line.readings)
        click.echo(f"line {line.number}: {line.verdict}: {'; '.join(filter(None, (said, *line.why)))}")
    for quantity in found.missing:
        click.echo(f"missing: no line tells {quantity}")
    say("conforms" if found.conforms else "does not conform")
    if not found.conforms:
        sys.exit(1)


@partners.command("profiles")
def profiles() -> None:
    """List the profiles of devices that are shipped."""
    for name in conformance.shipped():
        found = conformance.profile(name)
        click.echo(f"{name:24} {found.format:12} {found.brand} {found.model}: {', '.join(found.quantities)}")


def _content(file: Path) -> bytes:
    if file.stat().st_size > reading.MOST_BYTES:
        raise CommandError(f"{file}: over {reading.MOST_BYTES:,} bytes: split it")
    return file.read_bytes()


def _format(file: Path, said: str | None) -> str:
    found = said or reading.format_of(file.name)
    if found is None:
        raise CommandError(f"{file}: its name does not say what it is: give --format {'|'.join(reading.FORMATS)}")
    return found


def _tell(feed: Feed) -> None:
    for problem in feed.problems[:_TOLD]:
        click.echo(checking.told(problem))
    say(
        f"feed {feed.id} {feed.outcome}: {feed.rows:,} rows, {feed.wrong:,} wrong; {feed.created:,} products new, "
        f"{feed.changed:,} changed, {feed.retired:,} off sale"
    )
    if feed.outcome != taking.TAKEN:
        sys.exit(1)
