"""aircue-cloud orders: what was ordered, what became of it, refunds, and asking providers what they did not tell."""

from collections.abc import Mapping
from pathlib import Path

import click
from sqlalchemy import Connection, select

from aircue_cloud import audit, db, tables
from aircue_cloud.commands.terminal import command_line, database, load, now, place, say, with_config
from aircue_cloud.errors import CommandError
from aircue_cloud.orders import book, ledger, paying, reading, reconciling
from aircue_cloud.orders.reading import Order
from aircue_cloud.payment import switched_on
from aircue_cloud.payment.outgoing import Outgoing
from aircue_cloud.payment.provider import Provider
from aircue_cloud.shop import money


@click.group()
def orders() -> None:
    """List orders, look at one, give money back, and ask providers for what they did not tell."""


@orders.command("list")
@click.option("--state", type=click.Choice(ledger.STATES), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@with_config
def list_(state: str | None, limit: int, config_path: Path | None) -> None:
    """The latest first."""
    with database(config_path) as engine, db.reading(engine) as connection:
        found = reading.page(connection, before=None, most=limit, state=state or "")
    if not found:
        say("there are none")
    for one in found:
        total = _amount(one.total_minor, one.currency)
        click.echo(
            f"{one.number:>8}  {one.placed_at:%Y-%m-%d %H:%M}  {one.state:14} {total:>16}  {one.person}  {one.id}"
        )


@orders.command("show")
@click.argument("order")
@with_config
def show(order: str, config_path: Path | None) -> None:
    """One order, by its number or id: its lines and its ledger."""
    with database(config_path) as engine, db.reading(engine) as connection:
        found = _known(connection, order)
        known, entries = book.ledger(connection, found), book.rows(connection, found.id)
    click.echo(f"order {found.number} ({found.id}) of {found.person}: {ledger.told_state(known)}")
    for line in found.lines:
        click.echo(f"  {line.quantity:>4} x {line.name}  {_amount(line.sum_minor, found.currency)}")
    click.echo(f"  total {_amount(found.total_minor, found.currency)}, kept {_amount(known.kept, found.currency)}")
    for row in entries:
        amount = _amount(row.amount_minor, found.currency) if row.amount_minor else ""
        click.echo(f"{row.at:%Y-%m-%d %H:%M:%S}  {row.kind:14} {amount:>16}  {row.provider or ''}  {row.detail or ''}")


@orders.command("refund")
@click.argument("order")
@click.option("--minor", type=click.IntRange(1), help="In minor units (cents); without it all that is left.")
@click.option("--key", required=True, help="Drawn once a refund: the same key again is the same refund.")
@with_config
def refund(order: str, minor: int | None, key: str, config_path: Path | None) -> None:
    """Give back a part of what was paid, or all that is left."""
    with database(config_path) as engine:
        with db.reading(engine) as connection:
            found = _known(connection, order)
        state = paying.refund(engine, _providers(config_path), found, minor, key, now())
        with db.writing(engine) as connection:
            act = audit.Act(actor=command_line(), action="orders refund", target=f"order {found.number}")
            audit.append(connection, act, now())
    say(f"order {found.number}: {state}")


@orders.command("reconcile")
@with_config
def reconcile(config_path: Path | None) -> None:
    """Ask providers how payments stand, send refunds again that were not heard, and end orders that were not paid."""
    with database(config_path) as engine:
        found = reconciling.reconcile(engine, _providers(config_path), now(), everything=True)
    for name, count in vars(found).items():
        click.echo(f"{name:10} {count:>6}")
    if found.unreached:
        raise CommandError(f"{found.unreached} payments could not be asked about: try again later")


def _providers(path: Path | None) -> Mapping[str, Provider]:
    return switched_on.open_payments(load(path), place(path), Outgoing(), now).providers


def _known(connection: Connection, order: str) -> Order:
    """By number or id; CommandError where there is none."""
    id_: str | None = order
    if order.isascii() and order.isdigit() and len(order) < 10:
        table = tables.orders.c
        id_ = connection.execute(select(table.id).where(table.number == int(order))).scalar_one_or_none()
    found = None if id_ is None else reading.one(connection, id_)
    if found is None:
        raise CommandError(f"order {order} is not known: see aircue-cloud orders list")
    return found


def _amount(minor: int, currency: str) -> str:
    exponent = money.exponent(currency)
    return f"{minor / 10**exponent:,.{exponent}f} {currency}"
