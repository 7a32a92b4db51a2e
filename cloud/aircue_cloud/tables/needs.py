"""The application layer: needs that a store wrote itself, episodes, and where each need stands on each node."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from aircue_cloud.tables.columns import Document, Moment, metadata, row_id

# Append-only: of the rows of one name the last holds, over what ships under that name.
need_versions = Table(
    "need_versions",
    metadata,
    row_id(),
    Column("name", Text, nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, ... of the name
    Column("document", Document, nullable=False),
    Column("author", Text, nullable=False),  # kind and name, as in the audit log
    Column("at", Moment, nullable=False),
    Column("note", Text, nullable=False),
    Column("active", Boolean, nullable=False),  # false: from then on there is no such need
    UniqueConstraint("name", "number", name="need_version"),
)

# Where a need stands that is not idle; one without a row is idle since its series' trusted_at.
rule_states = Table(
    "rule_states",
    metadata,
    Column("need", Text, primary_key=True),
    Column("site", Text, ForeignKey("sites.id"), primary_key=True),
    Column("node", Text, primary_key=True),
    Column("rule", Text, nullable=False),  # the rule's own version: another one makes the course be run again
    Column("state", JSON, nullable=False),
)

episodes = Table(
    "episodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("need", Text, nullable=False),
    Column("site", Text, ForeignKey("sites.id"), nullable=False),
    Column("node", Text, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("started_at", Moment, nullable=False),  # first reading past the threshold
    Column("confirmed_at", Moment, nullable=False),  # the reading that completed the dwell
    Column("confirmed_installation", BigInteger, nullable=False),
    Column("confirmed_boot", BigInteger, nullable=False),
    Column("confirmed_sequence", BigInteger, nullable=False),
    Column("ended_at", Moment),
    Column("peak", Float, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False, default=False),  # readings that came late say it never was
    Index("episode_course", "need", "site", "node", "started_at"),
)
