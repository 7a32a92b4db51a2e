"""Devices: nodes, sensors and gateways with their health."""

from collections.abc import Sequence
from datetime import datetime

from flask import Response, url_for
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services
from aircue_cloud.web import devices, frame, queries, wording
from aircue_cloud.web.devices import Gateway, Node
from aircue_cloud.web.listing import Cell, Column, Listing, Row
from aircue_cloud.web.page import zone
from aircue_cloud.web.queries import Series

blueprint = frame.blueprint("devices", __name__)
LOW_BATTERY = 20.0
_NODE_COLUMNS = (
    "Node",
    "Home",
    "State",
    "Last heard",
    Column(label="Battery", number=True),
    Column(label="Signal", number=True),
    Column(label="Quantities", number=True),
    Column(label="Flagged now", number=True),
    Column(label="Samples lost", number=True),
)
_GATEWAY_COLUMNS = (
    "Gateway",
    "Last batch (UTC)",
    Column(label="Batches", number=True),
    Column(label="Readings", number=True),
    Column(label="Redelivered", number=True),
    Column(label="Refused", number=True),
)
_NO_NODE = "No node yet. One appears with its first reading; without any hardware, make demo shows the whole chain."
_NO_GATEWAY = "No gateway yet. Make a key for one with: aircue-cloud gateway add NAME"


@blueprint.get("/devices")
@requires("status:read")
def page() -> Response:
    known = services()
    now, most = known.intake.clock(), frame.most()
    with db.reading(known.engine) as connection:
        zones = queries.zones(connection)
        listings = [
            _nodes(devices.nodes(connection, now, most), zones),
            _gateways(devices.gateways(connection)),
            _sensors(connection, zones, most),
        ]
    return frame.page("console/tables.html", title="Devices", listings=listings, lead=_LEAD)


_LEAD = "A node that was not heard for 15 minutes is silent. Battery and signal are shown where a node measures them."


def _nodes(found: Sequence[Node], zones: dict[str, str]) -> Listing:
    rows = [_node_row(one, zones) for one in found]
    silent = sum(one.silent for one in found)
    note = frame.say("{silent} of {all} silent", silent=silent, all=len(found)) if found else ""
    return Listing(name="nodes", caption="Nodes", columns=_NODE_COLUMNS, rows=rows, note=note, empty=_NO_NODE)


def _node_row(one: Node, zones: dict[str, str]) -> Row:
    return [
        one.node,
        Cell(text=one.site, href=url_for("console_homes.home", site=one.site)),
        Cell(text="silent", tone="warn", word=True) if one.silent else Cell(text="heard", tone="good", word=True),
        _at(one.heard, zones.get(one.site)),
        _level(one.battery, LOW_BATTERY),
        _level(one.signal, None),
        one.quantities,
        Cell(text=str(one.flagged), raw=one.flagged, tone="warn" if one.flagged else ""),
        Cell(text=wording.count(one.lost), raw=one.lost, tone="warn" if one.lost else ""),
    ]


def _at(at: datetime, tz: str | None) -> Cell:
    return Cell(text=wording.day_and_time(at, zone(tz)), raw=at.isoformat())


def _level(one: Series | None, low: float | None) -> Cell:
    if one is None:
        return Cell(text="not told", raw="", tone="soft", word=True)
    is_low = low is not None and one.value < low
    return Cell(text=_value(one), raw=one.value, tone="warn" if is_low else "")


def _value(one: Series) -> str:
    text = f"{one.value:.{wording.quantity(one.quantity).decimals}f} {wording.unit(one.unit)}"
    return text.strip()


def _gateways(found: Sequence[Gateway]) -> Listing:
    rows: list[Row] = [
        [
            one.name,
            None if one.last is None else Cell(text=f"{one.last:%d %b %Y %H:%M}", raw=one.last.isoformat()),
            Cell(text=wording.count(one.batches), raw=one.batches),
            Cell(text=wording.count(one.readings), raw=one.readings),
            Cell(text=wording.count(one.redelivered), raw=one.redelivered),
            Cell(text=wording.count(one.refused), raw=one.refused, tone="warn" if one.refused else ""),
        ]
        for one in found
    ]
    return Listing(name="gateways", caption="Gateways", columns=_GATEWAY_COLUMNS, rows=rows, empty=_NO_GATEWAY)


def _sensors(connection: Connection, zones: dict[str, str], most: int) -> Listing:
    found = queries.series(connection)[:most]
    rows: list[Row] = [
        [
            Cell(text=wording.quantity(one.quantity).label, word=True),
            one.node,
            Cell(text=one.site, href=url_for("console_homes.home", site=one.site)),
            Cell(text=_value(one), raw=one.value),
            Cell(text="trusted", tone="good", word=True)
            if one.flag == "OK"
            else Cell(text=one.flag.lower(), tone="warn"),
            _at(one.measured_at, zones.get(one.site)),
        ]
        for one in found
    ]
    columns = ("Quantity", "Node", "Home", Column(label="Latest", number=True), "Flag", "Measured")
    return Listing(name="sensors", caption="Sensors", columns=columns, rows=rows, empty=_NO_NODE)
