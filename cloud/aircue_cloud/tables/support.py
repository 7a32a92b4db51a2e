"""What the shop's support answers from, and who talked to it about what."""

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

from aircue_cloud.tables.columns import Moment, metadata, row_id

# Append-only: of the rows of one name and language the last holds, over what ships under them.
article_versions = Table(
    "article_versions",
    metadata,
    row_id(),
    Column("language", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, ... of the name in that language
    Column("document", JSON, nullable=False),
    Column("author", Text, nullable=False),  # kind and name, as in the audit log
    Column("at", Moment, nullable=False),
    Column("note", Text, nullable=False),
    Column("active", Boolean, nullable=False),  # false: from then on there is no such article
    UniqueConstraint("language", "name", "number", name="article_version"),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),  # a UUID drawn by us
    Column("person", Text, ForeignKey("people.id"), nullable=False, index=True),
    Column("language", Text, nullable=False),
    Column("state", Text, nullable=False),  # support/states.py
    Column("operator", Text),  # who has taken it over
    Column("began_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("conversation_state", "state", "changed_at"),
)

messages = Table(
    "messages",
    metadata,
    row_id(),
    Column("conversation", Text, ForeignKey("conversations.id"), nullable=False, index=True),
    Column("person", Text, ForeignKey("people.id"), nullable=False, index=True),  # whose conversation it is
    Column("author", Text, nullable=False),  # shopper, bot, operator
    Column("operator", Text),
    Column("text", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("article", Text),  # name and version of the article that the bot cites: delivery/3
    Column("chance", Float),  # of being right, as the bot saw it
    Column("about", BigInteger().with_variant(Integer(), "sqlite")),  # the message it answers
    Column("unanswered", Boolean, nullable=False, default=False),  # a question that the bot had no answer to
    Index("message_unanswered", "unanswered", "at"),
)
