"""What decisions have learnt of what pushes do, as they look it up."""

from sqlalchemy import Column, Table

from aircue_cloud.tables.columns import Document, Moment, metadata, row_id

# One row a version; the newest is in use. What a decision took from it is kept with the decision.
learnt = Table(
    "learnt",
    metadata,
    row_id(),
    Column("as_of", Moment, nullable=False),  # when it was first found so
    Column("checked_at", Moment, nullable=False),  # when it was last found to be still so
    Column("document", Document, nullable=False),
)
