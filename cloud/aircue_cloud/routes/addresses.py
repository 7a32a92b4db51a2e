"""Where people can be reached: what they say themselves, and what an operator or the shop enters for them.

What a shopper gives is a subscription of their browser, a mailbox, or a URL of their own; which of the operator's
services, phones and homes reach them is for the shop to say.
"""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort
from msgspec import Struct
from sqlalchemy import Connection

from aircue_cloud import db, tables
from aircue_cloud.delivery import addresses
from aircue_cloud.delivery.channel import GUARANTEES, Address
from aircue_cloud.fields import Body
from aircue_cloud.homes import residents
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import by_shopper, requires, shopper
from aircue_cloud.routes.described import Operation, described
from aircue_cloud.routes.services import services

blueprint = Blueprint("addresses", __name__, url_prefix="/api/v1")

THEIR_OWN = ("web-push", "email", "webhook")


class NewAddress(Body):
    """address: of a web-push the browser's subscription (endpoint, keys), of an email {email}, of a webhook {url}, of
    mqtt {site}, of sns {phone} or {endpoint}, of apprise {target}."""

    channel: str
    address: dict[str, Any]


class SavedAddress(Struct, kw_only=True, frozen=True):
    """ended_by: why it is not used any more. secret: of a webhook, by which its messages are signed; told once."""

    id: str
    channel: str
    address: dict[str, Any]
    added_at: datetime
    ended_at: datetime | None
    ended_by: str | None


class Addresses(Struct, kw_only=True, frozen=True):
    """channels: those that are switched on."""

    addresses: list[SavedAddress]
    channels: list[str]


class PushKey(Struct, kw_only=True, frozen=True):
    """For applicationServerKey of a browser's subscription."""

    key: str


_PUT = (404, 409, 413, 415, 422)


@blueprint.get("/me/push-key")
@by_shopper
@described(Operation(summary="The key that browsers subscribe with", replies={200: PushKey}, refusals=(401, 404)))
def get_key() -> Response:
    channel: Any = services().channels.get("web-push")
    if channel is None:
        abort(404, "Web Push is not switched on here")
    return wire.reply(PushKey(key=channel.public_key))


@blueprint.get("/me/addresses")
@by_shopper
@described(Operation(summary="Where whoever asks is reached", replies={200: Addresses}, refusals=(401,)))
def get_mine() -> Response:
    return _listed(shopper())


@blueprint.post("/me/addresses")
@by_shopper
@described(
    Operation(
        summary="Be reached at one more address",
        bodies={wire.JSON: NewAddress},
        replies={201: SavedAddress},
        refusals=(401, *_PUT),
    )
)
def post_mine() -> Response:
    body = wire.body(NewAddress)
    if body.channel in GUARANTEES and body.channel not in THEIR_OWN:
        abort(422, f"field 'channel' is {body.channel!r}: ask the shop to enter this one")
    return _added(shopper(), body)


@blueprint.delete("/me/addresses/<address>")
@by_shopper
@described(Operation(summary="Be reached there no more", replies={204: None}, refusals=(401, 404)))
def delete_mine(address: str) -> Response:
    return _removed(shopper(), address)


@blueprint.get("/people/<person>/addresses")
@requires("households:read")
@described(Operation(summary="Where a person is reached", replies={200: Addresses}, refusals=(404,)))
def get(person: str) -> Response:
    return _listed(person)


@blueprint.post("/people/<person>/addresses")
@requires("households:write")
@described(
    Operation(
        summary="Enter an address of a person",
        bodies={wire.JSON: NewAddress},
        replies={201: SavedAddress},
        refusals=_PUT,
    )
)
def post(person: str) -> Response:
    return _added(person, wire.body(NewAddress))


@blueprint.delete("/people/<person>/addresses/<address>")
@requires("households:write")
@described(Operation(summary="Remove an address of a person", replies={204: None}, refusals=(404,)))
def delete(person: str, address: str) -> Response:
    return _removed(person, address)


def _listed(person: str) -> Response:
    with db.reading(services().engine) as connection:
        _must_know(connection, person)
        found = [_saved(row, _hidden(row.address)) for row in addresses.of_person(connection, person)]
    return wire.reply(Addresses(addresses=found, channels=sorted(services().channels)))


def _added(person: str, body: NewAddress) -> Response:
    address = _checked(body)
    now = services().intake.clock()
    with db.writing(services().engine) as connection:
        _must_know(connection, person)
        _must_be_theirs(connection, person, body.channel, address)
        if len(addresses.of_person(connection, person)) >= addresses.MOST:
            abort(409, f"{addresses.MOST} addresses are there already: remove one")
        id_ = addresses.add(connection, person, body.channel, address, now)
        [row] = [one for one in addresses.of_person(connection, person) if one.id == id_]
    return wire.reply(_saved(row, row.address), 201)


def _checked(body: NewAddress) -> Address:
    """422 where it is no address of a channel that is switched on; a webhook gets its secret here."""
    channel = services().channels.get(body.channel)
    if channel is None:
        known = ", ".join(sorted(services().channels)) or "none"
        abort(422, f"field 'channel' is {body.channel!r:.50}: switched on here: {known}")
    address = dict(body.address)
    if body.channel == "webhook":
        from aircue_cloud.delivery.webhook import draw_secret

        address["secret"] = draw_secret()
    reason = channel.amiss(address)
    if reason is not None:
        abort(422, f"field 'address' is no address of {body.channel}: {reason}")
    return address


def _must_be_theirs(connection: Connection, person: str, channel: str, address: Address) -> None:
    """A notice about one home may not be shown in another."""
    if channel != "mqtt":
        return
    site = residents.find(connection, tables.sites, address["site"])
    row = residents.find(connection, tables.people, person)
    if site is None or row is None or site.household != row.household:
        abort(422, "field 'address' names a site that is not a home of this person's household")


def _removed(person: str, address: str) -> Response:
    with db.writing(services().engine) as connection:
        if "\0" in person + address or not addresses.remove(connection, person, address):
            abort(404, "there is no such address")
    return Response(status=204)


def _must_know(connection: Connection, person: str) -> None:
    if "\0" in person or residents.find(connection, tables.people, person) is None:
        abort(404, f"person {person!r:.100} is not known; GET /api/v1/people lists those that are")


def _hidden(address: Address) -> dict[str, Any]:
    return {name: value for name, value in address.items() if name != "secret"}


def _saved(row: Any, address: dict[str, Any]) -> SavedAddress:
    names = ("id", "channel", "added_at", "ended_at", "ended_by")
    return SavedAddress(address=address, **{name: getattr(row, name) for name in names})
