"""What shoppers keep on the store's own pages."""

from sqlalchemy import Column, ForeignKey, Integer, Table, Text

from aircue_cloud.tables.columns import Moment, metadata

cart_lines = Table(
    "cart_lines",
    metadata,
    Column("person", Text, ForeignKey("people.id"), primary_key=True),
    Column("product", Text, ForeignKey("products.id"), primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("push", Text),  # the offer it was put in from
)

favourites = Table(
    "favourites",
    metadata,
    Column("person", Text, ForeignKey("people.id"), primary_key=True),
    Column("product", Text, ForeignKey("products.id"), primary_key=True),
    Column("added_at", Moment, nullable=False),
)

# Up to which moment a person has read their offers.
inbox_reads = Table(
    "inbox_reads",
    metadata,
    Column("person", Text, ForeignKey("people.id"), primary_key=True),
    Column("read_until", Moment, nullable=False),
)
