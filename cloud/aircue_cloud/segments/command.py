"""`aircue-cloud segments ...`: who is in which segment, what has changed, and audiences as files."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date
from pathlib import Path

import click

from aircue_cloud import audit, db
from aircue_cloud.commands.terminal import changing, command_line, database, now, with_config
from aircue_cloud.errors import CommandError
from aircue_cloud.importing.cells import harmless
from aircue_cloud.rights.small_groups import K
from aircue_cloud.segments import bought, exporting, figures, rfm, saved, snapshots, worth
from aircue_cloud.segments.figures import DriftShown, Shown
from aircue_cloud.segments.rfm import Customer, Scored
from aircue_cloud.settings import load_toml

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(path_type=Path)


@click.group()
def segments() -> None:
    """Groups of people by what they buy and how their homes are."""


@segments.command()
@with_config
def refresh(config_path: Path | None) -> None:
    """Make today's snapshot, anew where there is one."""
    at = now()
    with database(config_path) as engine:
        people = snapshots.refresh(engine, at)
    click.echo(f"snapshot of {snapshots.day_of(at)}: {people:,} people")


@segments.command("list")
@with_config
def listed(config_path: Path | None) -> None:
    """Profiles with their segments, and audiences, of the last snapshot."""
    click.echo("\n".join(_listed(_shown(config_path))))


@segments.command()
@click.argument("name")
@with_config
def show(name: str, config_path: Path | None) -> None:
    """One profile, or one audience."""
    found = _shown(config_path)
    told = [one for one in found.profiles if one.name == name]
    held = [one for one in found.audiences if one.name == name]
    if not told and not held:
        known = ", ".join([*(one.name for one in found.profiles), *(one.name for one in found.audiences)])
        raise CommandError(f"{name!r:.80}: there is no such profile or audience; there are {known or 'none'}")
    for profile in told:
        click.echo(
            "\n".join([profile.title, *(f"  {_people(one.people):>12}  {one.name}" for one in profile.segments)])
        )
    for audience in held:
        click.echo(f"{audience.title}\n  {_people(audience.people):>12}  people\n  {audience.document}")


@segments.command()
@click.option("--from", "begin", help="A day with a snapshot; the last but one unless given.")
@click.option("--to", "end", help="A day with a snapshot; the last unless given.")
@with_config
def drift(begin: str | None, end: str | None, config_path: Path | None) -> None:
    """What has changed between two snapshots."""
    with database(config_path) as engine, db.reading(engine) as connection:
        first, last = figures.chosen(snapshots.days(connection), begin, end)
        found = figures.drift(connection, first, last)
    click.echo("\n".join(line for one in found for line in _drifted(one)))


@segments.command()
@click.argument("name")
@click.option("--out", type=_OUT, help="The file; standard output unless given.")
@with_config
def export(name: str, out: Path | None, config_path: Path | None) -> None:
    """The people of an audience, as CSV. Nobody whose data may not be used is in it."""
    with database(config_path) as engine, db.writing(engine) as connection:
        text = exporting.as_csv(connection, name)
        act = audit.Act(actor=command_line(), action="segments export", target=name)
        audit.append(connection, act, now())
    _write(text, out)


@segments.command()
@click.argument("name")
@click.argument("file", type=_FILE)
@with_config
def save(name: str, file: Path, config_path: Path | None) -> None:
    """Save an audience from a TOML file."""
    document = load_toml(file)
    with changing(config_path, "segments save", name) as connection:
        audience = saved.save(connection, name, document, command_line(), now())
    click.echo(f"audience {audience.name}: {audience.title}")


@segments.command()
@click.argument("name")
@with_config
def remove(name: str, config_path: Path | None) -> None:
    """Take an audience away."""
    with changing(config_path, "segments remove", name) as connection:
        if not saved.retire(connection, name, command_line(), now()):
            raise CommandError(f"audience {name!r:.80}: there is none of this name; see aircue-cloud segments list")


@segments.command("rfm")
@click.option("--in", "file", required=True, type=_FILE, help="CSV: customer,date,amount[,currency]; refunds under 0.")
@click.option("--today", help="The day to count from; the last of the file unless given.")
@click.option("--rules", type=_FILE, help="TOML with tables [[rule]]; the shipped ones unless given.")
@click.option("--out", type=_OUT, help="Write a line for each customer there.")
def rfm_(file: Path, today: str | None, rules: Path | None, out: Path | None) -> None:
    """Score anyone's customers by recency, frequency and monetary value, and name their segments."""
    customers, day = _customers(file, today)
    said = rfm.shipped() if rules is None else rfm.read_rules(load_toml(rules), str(rules))
    found = rfm.scored(customers, day, said)
    counts = Counter(one.segment for one in found)
    click.echo(f"{len(found):,} customers on {day}")
    for rule in said:
        click.echo(f"{counts[rule.name]:8,}  {rule.name}: {rule.about}")
    if out is not None:
        _write(_table(_RFM, (_scored(one) for one in found)), out)


@segments.command()
@click.option("--in", "file", type=_FILE, help="CSV: customer,date,amount[,currency]; the store's unless given.")
@click.option("--today", help="The day to count from; the last of the file unless given.")
@click.option(
    "--days", "ahead", type=click.FloatRange(1, 3650), default=365.0, show_default=True, help="To look ahead."
)
@click.option("--out", type=_OUT, help="With --in: write a line for each customer there.")
@with_config
def clv(file: Path | None, today: str | None, ahead: float, out: Path | None, config_path: Path | None) -> None:
    """What customers are still worth: BG/NBD and Gamma-Gamma, by currency."""
    if file is None and out is not None:
        raise CommandError("--out is for a file: the store's customers are not given out one by one")
    customers, day = _of_store(config_path) if file is None else _customers(file, today)
    lines: list[Sequence[object]] = []
    for currency in sorted({one.currency for one in customers}):
        group = [one for one in customers if one.currency == currency]
        found = worth.worth(group, day, ahead)
        click.echo("\n".join(_worth(found, currency, ahead)))
        rows = zip(group, found.days, found.alive, found.minor, strict=True)
        lines += [(one.person, currency, f"{d:.4f}", f"{a:.4f}", f"{m / 100:.2f}") for one, d, a, m in rows]
    if out is not None:
        _write(_table(("customer", "currency", "days", "alive", "spent"), lines), out)


def _shown(config_path: Path | None) -> Shown:
    with database(config_path) as engine, db.reading(engine) as connection:
        return figures.shown(connection)


def _people(count: int | None) -> str:
    return f"under {K}, or hidden" if count is None else f"about {count:,}"


def _listed(found: Shown) -> Iterator[str]:
    if found.day is None:
        yield "no snapshot yet; make one with: aircue-cloud segments refresh"
    else:
        yield f"snapshot of {found.day}: {_people(found.people)} people"
    for profile in found.profiles:
        yield f"{profile.name}: {profile.title}"
        yield from (f"  {_people(one.people):>20}  {one.name}" for one in profile.segments)
    for audience in found.audiences:
        yield f"audience {audience.name}: {_people(audience.people)}, {audience.title}"


def _drifted(one: DriftShown) -> Iterator[str]:
    index = "" if one.psi is None else f", PSI {one.psi:.4f}"
    yield f"{one.profile}, {one.begin} to {one.end}: {one.verdict}{index}"
    for row in one.segments:
        yield f"  {_people(row.before):>20} -> {_people(row.after):<20} {row.name}"
    for flow in one.flows:
        if flow.people and flow.origin != flow.goal:
            yield f"  {_people(flow.people):>20} went from {flow.origin or 'nowhere'} to {flow.goal or 'nowhere'}"


def _customers(file: Path, today: str | None) -> tuple[list[Customer], date]:
    spent = bought.read(file)
    if not spent:
        raise CommandError(f"{file}: no line below the header")
    try:
        day = max(one.day for one in spent) if today is None else date.fromisoformat(today)
    except ValueError:
        raise CommandError(f"--today is {today!r:.40}, expected a day such as 2026-11-22") from None
    return rfm.customers(one for one in spent if one.day <= day), day


def _of_store(config_path: Path | None) -> tuple[list[Customer], date]:
    at = now()
    with database(config_path) as engine, db.reading(engine) as connection:
        found = rfm.customers(snapshots.spent(connection, at))
    if len(found) < K:
        raise CommandError(f"fewer than {K} people who agree to it bought something")
    return found, at.astimezone(UTC).date()


def _worth(found: worth.Worth, currency: str, ahead: float) -> Iterator[str]:
    r, s = found.returning, found.spending
    yield f"{len(found.customers):,} customers{f' in {currency}' if currency else ''}, the next {ahead:g} days"
    yield f"  BG/NBD       r {r.r:.4g}, alpha {r.alpha:.4g} weeks, a {r.a:.4g}, b {r.b:.4g}"
    yield f"  Gamma-Gamma  p {s.p:.4g}, q {s.q:.4g}, v {s.v:.4g} minor units"
    yield f"  expected     {found.days.sum():,.0f} days of buying, {found.minor.sum():,.0f} minor units spent"
    yield f"  alive        {found.alive.mean():.1%} on average"


_RFM = ("customer", "currency", "recency_days", "days", "spent", "recency", "frequency", "monetary", "segment")


def _scored(one: Scored) -> Sequence[object]:
    customer = one.customer
    spent = f"{customer.minor / 100:.2f}"
    return (customer.person, customer.currency, one.recency_days, customer.days, spent, *one.scores, one.segment)


def _table(head: Sequence[str], rows: Iterator[Sequence[object]] | Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([harmless(str(cell)) for cell in row] for row in rows)
    return out.getvalue()


def _write(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8", newline="")
