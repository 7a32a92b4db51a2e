"""Households, their people and sites, and what they agreed to."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Table, Text

from aircue_cloud.tables.columns import Moment, metadata, row_id

households = Table(
    "households",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("impersonal_since", Moment),  # when it chose that nothing is fitted to it; null: it did not
)

sites = Table(
    "sites",
    metadata,
    Column("id", Text, primary_key=True),
    Column("household", Text, ForeignKey("households.id")),  # null until somebody links the site
    Column("tz", Text, nullable=False, default="UTC"),
    Column("area", Text),  # latitude,longitude in whole tenths of a degree, which no house can be told from
)

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("household", Text, ForeignKey("households.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("impersonal_since", Moment),  # as of a household
)

# Append-only; of the rows of one (household, purpose, data_category, channel) the latest is what holds.
consents = Table(
    "consents",
    metadata,
    row_id(),
    Column("household", Text, ForeignKey("households.id"), nullable=False, index=True),
    Column("purpose", Text, nullable=False),
    Column("data_category", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("receipt", Text, nullable=False, unique=True),
    Column("document", JSON),  # the receipt as it was given; null once its household is erased
)
