"""Partners: other companies whose products the shop sells, their feeds, and what is sent between us."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from aircue_cloud.tables.columns import Document, Moment, metadata, row_id

partners = Table(
    "partners",
    metadata,
    Column("id", Text, primary_key=True),  # the owner of its keys
    Column("name", Text, nullable=False),
    Column("contact", Text, nullable=False),  # a company's address, nobody's own
    Column("status", Text, nullable=False),  # active, paused
    Column("assumed_stock", Integer, nullable=False),  # pieces, of what is in stock and names no quantity
    Column("added_at", Moment, nullable=False),
    Column("feed_url", Text),  # where its feed is fetched; null: it sends it
    Column("feed_etag", Text),  # of the feed that was taken last
    Column("webhook_url", Text),  # where it is told what happens; null: nowhere
    Column("webhook_secret", Text),  # both ways, sealed (identity/sealing.py)
    Column("told_until", Integer, nullable=False, default=0),  # the last interaction that was looked at for it
)

# Every feed that was ever looked at, taken or not.
feeds = Table(
    "feeds",
    metadata,
    row_id(),
    Column("partner", Text, ForeignKey("partners.id"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("source", Text, nullable=False),  # upload, api, url, file
    Column("format", Text, nullable=False),  # csv, json, xml
    Column("mode", Text, nullable=False),  # whole, good
    Column("outcome", Text, nullable=False),  # taken, refused
    Column("rows", Integer, nullable=False),
    Column("wrong", Integer, nullable=False),  # rows with a problem
    Column("created", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("retired", Integer, nullable=False),
    Column("problems", Document, nullable=False),  # the first thousand
    Index("feed_partner", "partner", "id"),
)

# Whose a product is. A product that is not here is the store's own.
offers = Table(
    "offers",
    metadata,
    Column("product", Text, ForeignKey("products.id"), primary_key=True),
    Column("partner", Text, ForeignKey("partners.id"), nullable=False, index=True),
    Column("offer", Text, nullable=False),  # the partner's own id
    Column("gtin", Text),
    Column("link", Text),
    Column("image_link", Text, nullable=False),
)

# Messages to partners: each until it arrived, or was given up.
told_partners = Table(
    "told_partners",
    metadata,
    Column("id", Text, primary_key=True),  # webhook-id
    Column("partner", Text, ForeignKey("partners.id"), nullable=False),
    Column("type", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("due_at", Moment),  # null: it arrived, or was given up
    Column("tries", Integer, nullable=False, default=0),
    Column("state", Text, nullable=False),  # waiting, arrived, given-up
    Column("detail", Text, nullable=False, default=""),
    Index("told_due", "due_at"),
)

# Messages of partners, so that none counts twice.
heard_partners = Table(
    "heard_partners",
    metadata,
    Column("partner", Text, ForeignKey("partners.id"), primary_key=True),
    Column("id", Text, primary_key=True),  # webhook-id
    Column("at", Moment, nullable=False),
)
