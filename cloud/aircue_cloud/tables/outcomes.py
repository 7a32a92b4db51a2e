"""What experiments are measured by."""

from sqlalchemy import Column, Float, ForeignKey, Table, Text

from aircue_cloud.tables.columns import Moment, metadata

# Written when a household is first looked at by an experiment, and never changed.
assignments = Table(
    "assignments",
    metadata,
    Column("experiment", Text, primary_key=True),  # global, or need:NAME
    Column("household", Text, ForeignKey("households.id"), primary_key=True, index=True),
    Column("arm", Text, nullable=False),  # treatment or holdout
    Column("holdout", Float, nullable=False),  # the share that held when it was assigned
    Column("at", Moment, nullable=False),
)
