"""The base layer's index, and what came out of each batch."""

from sqlalchemy import Column, ForeignKey, Integer, Table, Text

from aircue_cloud.tables.columns import Moment, metadata

batches = Table(
    "batches",
    metadata,
    Column("id", Text, primary_key=True),  # gateway/epoch/sequence
    Column("gateway", Text, ForeignKey("gateways.name"), nullable=False),
    Column("sha256", Text, nullable=False),
    Column("sealed_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("readings", Integer, nullable=False),  # stored from this batch
    Column("duplicates", Integer, nullable=False),  # kept out, because their key was stored before
    Column("deliveries", Integer, nullable=False, default=1),
    Column("object_key", Text, nullable=False),
)

# What each batch says about the values that are no rows in readings.
tallies = Table(
    "tallies",
    metadata,
    Column("batch", Text, ForeignKey("batches.id"), primary_key=True),
    Column("site", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("quantity", Text, primary_key=True),
    Column("gaps", Integer, nullable=False),
    Column("suppressed", Integer, nullable=False),
)

refused = Table(
    "refused",
    metadata,
    Column("object_key", Text, primary_key=True),
    Column("gateway", Text, ForeignKey("gateways.name"), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("deliveries", Integer, nullable=False, default=1),
)
