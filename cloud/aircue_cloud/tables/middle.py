"""The middle layer: readings, what was said about them later, and what is latest."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, UniqueConstraint

from aircue_cloud.tables.columns import Moment, metadata, row_id

# The middle layer. A reading's exact value is value / scale, in unit; flag is the name of its batch status.
readings = Table(
    "readings",
    metadata,
    row_id(),
    Column("site", Text, ForeignKey("sites.id"), nullable=False),
    Column("node", Text, nullable=False),
    Column("installation", BigInteger, nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("scale", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("flag", Text, nullable=False),
    Column("clock", Text, nullable=False),
    Column("measured_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("ingested_at", Moment, nullable=False),
    Column("batch", Text, ForeignKey("batches.id"), nullable=False),
    UniqueConstraint("node", "installation", "boot", "sequence", "quantity", name="reading_key"),
    Index("reading_course", "site", "node", "quantity", "measured_at"),
)

# What gateways said later about the flags of readings, which may come before the reading itself.
revisions = Table(
    "revisions",
    metadata,
    Column("node", Text, primary_key=True),
    Column("installation", BigInteger, primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("quantity", Text, primary_key=True),
    Column("flag", Text, nullable=False),
    Column("sealed_at", Moment, nullable=False),  # of the batch that said it: the latest holds
)

# The latest reading of each quantity of each node, by measured_at.
node_state = Table(
    "node_state",
    metadata,
    Column("site", Text, ForeignKey("sites.id"), primary_key=True),
    Column("node", Text, primary_key=True),
    Column("quantity", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("scale", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("flag", Text, nullable=False),
    Column("measured_at", Moment, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
)

# Samples that nodes or gateways say they dropped: ranges that do not overlap within one (node, installation, boot).
losses = Table(
    "losses",
    metadata,
    Column("node", Text, primary_key=True),
    Column("installation", BigInteger, primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("where", Text, primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("samples", BigInteger, nullable=False),
)
