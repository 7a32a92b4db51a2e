"""Who is in which segment, day by day; and audiences, which are rules over segments."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from aircue_cloud.tables.columns import Document, Moment, metadata, row_id

segment_runs = Table(
    "segment_runs",
    metadata,
    Column("day", Text, primary_key=True),  # 2026-11-22, in UTC
    Column("made_at", Moment, nullable=False),
    Column("people", Integer, nullable=False),
)

# document: the person's segments by profile, and what they follow from. Of people alone who agree to it.
segment_snapshots = Table(
    "segment_snapshots",
    metadata,
    Column("day", Text, primary_key=True),
    Column("person", Text, ForeignKey("people.id"), primary_key=True, index=True),
    Column("document", Document, nullable=False),
)

# Rows are added only: of the rows of one name the last holds. What was told of the others is remembered by them.
audience_versions = Table(
    "audience_versions",
    metadata,
    row_id(),
    Column("name", Text, nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, ... of the name
    Column("document", Document, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("active", Boolean, nullable=False),  # false: from then on there is no such audience
    UniqueConstraint("name", "number", name="audience_version"),
)
