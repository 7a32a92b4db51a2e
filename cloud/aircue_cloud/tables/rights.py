"""What was done about people's rights."""

from sqlalchemy import JSON, Column, Table, Text

from aircue_cloud.tables.columns import Moment, metadata

# The proof of each erasure; it names nobody.
erasures = Table(
    "erasures",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("asked_by", Text, nullable=False),  # operator, shopper, command line
    Column("proof", JSON, nullable=False),
)

# Sites that were erased, as SHA-256 of the site's name with the erasure's salt: what they still send is not kept.
forgotten_sites = Table(
    "forgotten_sites",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("salt", Text, nullable=False),
    Column("at", Moment, nullable=False),
)
