"""Whether to push, and what was pushed."""

from sqlalchemy import JSON, Column, Float, ForeignKey, Index, Table, Text, UniqueConstraint

from aircue_cloud.tables.columns import Document, Moment, metadata, row_id

decisions = Table(
    "decisions",
    metadata,
    row_id(),
    Column("episode", Text, ForeignKey("episodes.id"), nullable=False, index=True),
    Column("household", Text, ForeignKey("households.id")),  # null where the site is linked to none
    Column("need", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("outcome", Text, nullable=False),  # send, ghost (held out), defer or suppress
    Column("reason", Text, nullable=False),
    Column("person", Text, ForeignKey("people.id")),  # null: none of the household is known
    Column("push", Text),  # the id of the push it is about, sent or not; null where the site is linked to none
    Column("kind", Text, nullable=False),  # marketing, service, safety, transactional
    Column("product", Text),  # of a send or a ghost
    Column("category", Text),
    Column("channel", Text),  # the first that is tried, of a send
    Column("arm", Text),  # treatment or holdout; null where a gate before the holdout held it
    Column("propensity", Float),  # of what was chosen, no push among it; null where nothing was to be chosen
    Column("scheduled_at", Moment),  # of a deferral: when everything is run again
    Column("expires_at", Moment),
    Column("rules_version", Text),  # of the need's rule
    Column("model_version", Text),  # null where no candidate was looked for
    Column("trace", Document, nullable=False),
    Index("decision_household", "household", "at"),
    Index("decision_push", "push"),
)

pushes = Table(
    "pushes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("household", Text, ForeignKey("households.id"), nullable=False),
    Column("person", Text, ForeignKey("people.id")),  # null: to the household as a whole
    Column("kind", Text, nullable=False, default="marketing"),  # marketing, service, safety, transactional
    Column("need", Text, nullable=False),
    Column("episode", Text, ForeignKey("episodes.id"), nullable=False),
    Column("product", Text, ForeignKey("products.id"), nullable=False),
    Column("category", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("trigger", JSON, nullable=False),  # key and time of the reading that completed the dwell
    Column("language", Text, nullable=False, default="en"),
    Column("channel", Text, nullable=False, default="in-app"),  # the first that is tried
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),  # from then on it is handed to no channel
    Column("withdrawn_at", Moment),  # the household took its agreement back: shown no more
    UniqueConstraint("household", "need", "episode", name="push_key"),
    Index("push_household", "household", "created_at"),
)

Index(
    "decision_deferred",
    decisions.c.scheduled_at,
    sqlite_where=decisions.c.scheduled_at.is_not(None),
    postgresql_where=decisions.c.scheduled_at.is_not(None),
)
