"""How pushes reach people: their addresses, the outbox, every attempt, and what people answered."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from aircue_cloud.tables.columns import Moment, metadata, row_id

# Where a person can be reached, by channel. What an address holds is the channel's business.
addresses = Table(
    "addresses",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Text, ForeignKey("people.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", JSON, nullable=False),
    Column("fingerprint", Text, nullable=False),  # SHA-256 of channel and address: the same twice is one
    Column("added_at", Moment, nullable=False),
    Column("ended_at", Moment),  # null: in use
    Column("ended_by", Text),  # gone, unsubscribed
    UniqueConstraint("person", "fingerprint", name="address_of_person"),
)

# One row for each push, channel and address. Those of one place are tried together; the next place only where all of
# this one have failed for certain.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),  # UUIDv5 of user, episode, template version, channel and address
    Column("push", Text, ForeignKey("pushes.id"), nullable=False, index=True),
    Column("channel", Text, nullable=False),
    Column("address", Text),  # of addresses; null for the inbox. It may be gone: then the row is too
    Column("place", Integer, nullable=False),  # 0: the inbox; from 1 on in the order to try
    Column("state", Text, nullable=False),
    Column("ready_at", Moment, nullable=False),  # not before
    Column("expires_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("worker", Text),  # who has taken it
    Column("leased_until", Moment),  # until when the worker is believed to live
    Column("created_at", Moment, nullable=False),
    Column("done_at", Moment),
    Column("reason", Text),
    Index("outbox_due", "state", "ready_at"),
)

attempts = Table(
    "attempts",
    metadata,
    row_id(),
    Column("outbox", Text, ForeignKey("outbox.id"), nullable=False, index=True),
    Column("push", Text, ForeignKey("pushes.id"), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

# Buttons that were pressed: each works once for a push and a person.
answers = Table(
    "answers",
    metadata,
    Column("push", Text, ForeignKey("pushes.id"), primary_key=True),
    Column("person", Text, ForeignKey("people.id"), primary_key=True),
    Column("action", Text, primary_key=True),
    Column("at", Moment, nullable=False),
)
