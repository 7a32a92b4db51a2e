"""The base layer's index, and what came out of each batch."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from aircue_cloud.tables.columns import Moment, metadata

batches = Table(
    "batches",
    metadata,
    Column("id", Text, primary_key=True),  # gateway/epoch/sequence
    Column("gateway", Text, ForeignKey("gateways.name"), nullable=False),
    Column("sha256", Text, nullable=False),
    Column("sealed_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("number", BigInteger, nullable=False, unique=True),  # in the order of acknowledgement, from 1 on
    Column("carried", Integer, nullable=False),  # values it brings
    Column("readings", Integer, nullable=False, default=0),  # of these, in the lake
    Column("duplicates", Integer, nullable=False, default=0),  # kept out, because their sample was stored before
    Column("deliveries", Integer, nullable=False, default=1),
    Column("object_key", Text, nullable=False),
    Column("layered_at", Moment),  # null: the layers above have not taken it up yet
    Column("base_removed_at", Moment),  # when retention removed its object
    Column("held", Text),  # why the layers cannot take it up; the batch stays in the base layer
)
Index(
    "batch_waiting",
    batches.c.number,
    sqlite_where=batches.c.layered_at.is_(None),
    postgresql_where=batches.c.layered_at.is_(None),
)

# What each batch says about the values that are no readings.
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
