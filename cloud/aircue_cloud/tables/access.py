"""Who may do what: keys, operators, sessions, one-time codes; how often; and who did what."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from aircue_cloud.tables.columns import Moment, metadata, row_id

# Keys of gateways, nodes and partners. A rotated key has an end, a revoked one has ended.
keys = Table(
    "keys",
    metadata,
    row_id(),
    Column("kind", Text, nullable=False),  # gateway, node, partner
    Column("owner", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),  # SHA-256 of a key with 256 random bits, hex
    Column("scopes", JSON, nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("ends_at", Moment),  # null: no end
    Column("last_used_at", Moment),  # to the minute
    Index("key_owner", "kind", "owner"),
)

operators = Table(
    "operators",
    metadata,
    Column("name", Text, primary_key=True),
    Column("password_hash", Text, nullable=False),  # argon2id
    Column("role", Text, nullable=False),  # owner, operator, viewer
    Column("added_at", Moment, nullable=False),
    Column("totp_secret", Text),  # base 32, sealed (identity/sealing.py); null: never set up
    Column("totp_on", Boolean, nullable=False, default=False),  # set up, and shown to work
    Column("totp_step", BigInteger),  # of the last code taken: no code is taken twice
)

# What lets an operator in once whose second factor is lost. A used one is removed.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("code_hash", Text, primary_key=True),
    Column("operator", Text, ForeignKey("operators.name"), nullable=False, index=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # operator, shopper
    Column("subject", Text, nullable=False),  # an operator's name, a person's id
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),  # to the minute
    Column("address", Text, nullable=False),
    Index("session_subject", "kind", "subject"),
)

# Codes that work once: enrolments, links for shoppers.
codes = Table(
    "codes",
    metadata,
    Column("code_hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # gateway, node, shopper
    Column("subject", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("used_at", Moment),
)

# How often something was done in one window of time.
windows = Table(
    "windows",
    metadata,
    Column("what", Text, primary_key=True),
    Column("whom", Text, primary_key=True),  # a key's number, an account, an address
    Column("since", Moment, primary_key=True),
    Column("count", Integer, nullable=False),
)

# Append-only.
audit = Table(
    "audit",
    metadata,
    row_id(),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),  # kind and name: operator ada, partner shop, command root
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("address", Text, nullable=False),  # "" for a command
    Column("detail", JSON, nullable=False),
)
