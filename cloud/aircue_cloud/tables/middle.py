"""The middle layer's index: the lake's files, which samples are in them, what was said later, and what is latest."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from aircue_cloud.tables.columns import Moment, metadata

# Where the lake stands. One row; whoever writes to the lake counts version on, and who finds another one than it left
# forgets what it remembers.
lake = Table(
    "lake",
    metadata,
    Column("one", Integer, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),  # ids given to readings so far
)

# The Parquet files that hold the readings. What is not named here is not there.
lake_files = Table(
    "lake_files",
    metadata,
    Column("object_key", Text, primary_key=True),
    Column("day", Integer, nullable=False),  # days since 1970-01-01, UTC, by which files are merged
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("first_id", BigInteger, nullable=False),
    Column("last_id", BigInteger, nullable=False),
    Column("first_measured", Moment, nullable=False),
    Column("last_measured", Moment, nullable=False),
    Column("merged", Integer, nullable=False, default=0),  # how many files went into it; 0: as it was first written
    Column("added_at", Moment, nullable=False),
    Column("removed_at", Moment),  # another took its place; readers that began before may still be at it
    Index("lake_file_course", "last_measured"),
    Index("lake_file_ids", "last_id"),
)

# Samples that are in the lake, as ranges of sequences that neither overlap nor touch.
delivered = Table(
    "delivered",
    metadata,
    Column("node", Text, primary_key=True),
    Column("installation", BigInteger, primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

# Trusted readings by the hour: value / scale, of one unit a scale. hour: since 1970-01-01, UTC.
hourly = Table(
    "hourly",
    metadata,
    Column("site", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("quantity", Text, primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("scale", BigInteger, primary_key=True),
    Column("readings", BigInteger, nullable=False),
    Column("low", BigInteger, nullable=False),
    Column("high", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
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
    Column("place", Text, nullable=False),  # awaited: no such reading yet; beside: its file says otherwise; folded
    Index("revision_place", "place"),
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
    Column("installation", BigInteger, nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("ingested_at", Moment, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("trusted_at", Moment),  # the latest trusted reading that episodes have followed
    Column("rules", Text, nullable=False, default=""),  # version of the rules that they were followed by
)

# For how many days a layer is kept; quantity "": all that have no row of their own.
retention = Table(
    "retention",
    metadata,
    Column("layer", Text, primary_key=True),
    Column("quantity", Text, primary_key=True),
    Column("days", Integer, nullable=False),
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
