"""Who sends."""

from sqlalchemy import Column, Table, Text

from aircue_cloud.tables.columns import Moment, metadata

gateways = Table(
    "gateways",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key_hash", Text, nullable=False, unique=True),  # SHA-256 of a key with 256 random bits, hex
    Column("added_at", Moment, nullable=False),
)
