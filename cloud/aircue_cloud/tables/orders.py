"""Orders, what was paid for them, and what payment providers told us.

order_events is the ledger: rows are added and never changed; orders.state and payments.state say what follows from
them, for whoever looks for orders by it. No row holds anything of a card.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from aircue_cloud.tables.columns import Moment, metadata, row_id

orders = Table(
    "orders",
    metadata,
    Column("id", Text, primary_key=True),  # a UUID drawn by us
    Column("number", Integer, nullable=False, unique=True),  # short, for people
    Column("person", Text, ForeignKey("people.id"), nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("currency", Text, nullable=False),  # ISO 4217
    Column("total_minor", BigInteger, nullable=False),  # by the catalogue's prices when it was placed
    Column("state", Text, nullable=False),  # placed, paid, part-refunded, refunded, cancelled, expired
    Column("token", Text, nullable=False),  # SHA-256 of the form's, or the shop's: the same twice is one order
    Column("expires_at", Moment),  # from then on its pieces are for others; null: it waits for no payment
    UniqueConstraint("person", "token", name="order_token"),
    Index("order_state", "state", "expires_at"),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order", Text, ForeignKey("orders.id"), primary_key=True),
    Column("product", Text, ForeignKey("products.id"), primary_key=True),
    Column("place", Integer, nullable=False),  # in the order, from 0 on
    Column("quantity", Integer, nullable=False),
    Column("price_minor", BigInteger, nullable=False),  # of one piece
    Column("push", Text),  # that the line came from
)

payments = Table(
    "payments",
    metadata,
    Column("id", Text, primary_key=True),  # a UUID drawn by us; the provider is told it
    Column("order", Text, ForeignKey("orders.id"), nullable=False, index=True),
    Column("provider", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("state", Text, nullable=False),  # begun, pending, paid, failed, refunded
    Column("provider_reference", Text),  # what the provider calls it
    Column("redirect_url", Text),  # where the shopper pays, or what their phone opens to do so
    Column("created_at", Moment, nullable=False),
    Column("looked_at", Moment),  # when the provider was asked about it last
    Index("payment_state", "state", "looked_at"),
    Index("payment_reference", "provider", "provider_reference"),
)

order_events = Table(
    "order_events",
    metadata,
    row_id(),
    Column("order", Text, ForeignKey("orders.id"), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),  # orders/ledger.py
    Column("amount_minor", BigInteger, nullable=False),  # over 0: to us; under 0: from us
    Column("payment", Text, ForeignKey("payments.id")),
    Column("provider", Text),
    Column("reference", Text),  # the provider's, or of whoever asked
    Column("detail", Text),
    Column("key", Text, nullable=False, unique=True),  # the same event twice is one
)

# What providers told us, each once. What was not genuine is not here: it is counted.
callbacks = Table(
    "callbacks",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("event", Text, primary_key=True),  # the provider's id of it
    Column("received_at", Moment, nullable=False),
    Column("digest", Text, nullable=False),  # SHA-256 of the body
    Column("verdict", Text, nullable=False),  # accepted, nothing, alarm
    Column("reason", Text, nullable=False),
    Column("payment", Text),  # as it said; it may be one that we do not know
    Column("order", Text),  # null: of none that we know
    Index("callback_order", "order"),
    Index("callback_verdict", "verdict", "received_at"),
)
