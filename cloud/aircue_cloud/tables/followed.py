"""What people and the console follow."""

from sqlalchemy import JSON, BigInteger, Column, Table, Text

from aircue_cloud.tables.columns import Moment, metadata, row_id

feed = Table(
    "feed",
    metadata,
    row_id(),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),  # node, episode, decision, push
    Column("text", Text, nullable=False),
    Column("fields", JSON, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
