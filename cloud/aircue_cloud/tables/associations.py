"""What is bought together, and who was shown it."""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text

from aircue_cloud.tables.columns import Document, Moment, metadata, row_id

association_runs = Table(
    "association_runs",
    metadata,
    row_id(),
    Column("made_at", Moment, nullable=False),
    Column("document", Document, nullable=False),  # baskets, what was left out, tests, findings
)

# Of the last run alone: each of 20 people and more.
associations = Table(
    "associations",
    metadata,
    row_id(),
    Column("run", Integer, nullable=False),
    Column("kind", Text, nullable=False),  # pair, triple, device
    Column("antecedent", Text, nullable=False),  # a product; of a device its category
    Column("consequent", JSON, nullable=False),  # products that go with it
    Column("baskets", Integer, nullable=False),  # that hold all of them; of a device homes
    Column("people", Integer, nullable=False),
    Column("support", Float, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("lift", Float, nullable=False),
    Column("leverage", Float, nullable=False),
    Column("p", Float, nullable=False),
    Column("q", Float, nullable=False),  # the share of false findings among those at least as sure
    Index("association_antecedent", "antecedent", "kind"),
)

# The first time a household came by a product that others go with. shown: it saw them; false: it was held out.
bundle_exposures = Table(
    "bundle_exposures",
    metadata,
    Column("household", Text, ForeignKey("households.id"), primary_key=True),
    Column("product", Text, ForeignKey("products.id"), primary_key=True),
    Column("goes_with", JSON, nullable=False),
    Column("at", Moment, nullable=False),
    Column("shown", Boolean, nullable=False),
)
