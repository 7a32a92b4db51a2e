"""What was published about many people at once."""

from sqlalchemy import JSON, Column, Table, Text

from aircue_cloud.tables.columns import Moment, metadata

# Figures on 20 people and more, of a month that is over; they never change, so that no two of them can be compared.
reports = Table(
    "reports",
    metadata,
    Column("name", Text, primary_key=True),
    Column("month", Text, primary_key=True),  # 2026-10
    Column("made_at", Moment, nullable=False),
    Column("document", JSON, nullable=False),
)
