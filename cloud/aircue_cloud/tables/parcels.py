"""Parcels, and what carriers told of them."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text, UniqueConstraint

from aircue_cloud.tables.columns import Document, Moment, metadata, row_id

parcels = Table(
    "parcels",
    metadata,
    Column("id", Text, primary_key=True),
    Column("order", Text, ForeignKey("orders.id")),  # null: of a sale that this store has no order of
    Column("person", Text, ForeignKey("people.id"), nullable=False, index=True),
    Column("carrier", Text, nullable=False),
    Column("tracking_number", Text, nullable=False),
    Column("contents", Document, nullable=False),  # pieces by product
    Column("state", Text, nullable=False),  # as the events say; silence is told by who reads (logistics/course.py)
    Column("tracked_at", Moment, nullable=False),
    Column("heard_at", Moment, nullable=False),  # of the latest event, or tracked_at
    Column("promised_at", Moment),  # what the person was told at the sale
    Column("expected_at", Moment),  # as the carrier says now
    Column("delivered_at", Moment),
    UniqueConstraint("carrier", "tracking_number", name="parcel_number"),
    Index("parcel_order", "order"),
)

# Append-only. It refers to nothing: when a parcel is erased, what is left names an id that leads to nobody. A carrier's
# own words and places are not kept: they may say who signed, and where.
parcel_events = Table(
    "parcel_events",
    metadata,
    row_id(),
    Column("parcel", Text, nullable=False),
    Column("key", Text, nullable=False),  # the carrier's id of it, or a digest of what it says
    Column("at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("expected_at", Moment),
    Column("received_at", Moment, nullable=False),
    UniqueConstraint("parcel", "key", name="parcel_event_key"),
)
