"""Whether to push, and what was pushed."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Table, Text, UniqueConstraint

from aircue_cloud.tables.columns import Moment, metadata, row_id

decisions = Table(
    "decisions",
    metadata,
    row_id(),
    Column("episode", Text, ForeignKey("episodes.id"), nullable=False, index=True),
    Column("household", Text, ForeignKey("households.id")),  # null where the site is linked to none
    Column("need", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("outcome", Text, nullable=False),  # send or suppress
    Column("reason", Text, nullable=False),
    Column("trace", JSON, nullable=False),
)

pushes = Table(
    "pushes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("household", Text, ForeignKey("households.id"), nullable=False),
    Column("person", Text, ForeignKey("people.id")),  # null: to the household as a whole
    Column("need", Text, nullable=False),
    Column("episode", Text, ForeignKey("episodes.id"), nullable=False),
    Column("product", Text, ForeignKey("products.id"), nullable=False),
    Column("category", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("trigger", JSON, nullable=False),  # key and time of the reading that completed the dwell
    Column("created_at", Moment, nullable=False),
    Column("withdrawn_at", Moment),  # the household took its agreement back: shown no more
    UniqueConstraint("household", "need", "episode", name="push_key"),
    Index("push_household", "household", "created_at"),
)
