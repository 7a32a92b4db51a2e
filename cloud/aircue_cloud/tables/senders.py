"""Who sends."""

from sqlalchemy import Column, Table, Text

from aircue_cloud.tables.columns import Moment, metadata

gateways = Table(
    "gateways",
    metadata,
    Column("name", Text, primary_key=True),
    Column("added_at", Moment, nullable=False),
)
