"""Products, and what people did with them."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text

from aircue_cloud.tables.columns import Moment, metadata, row_id

products = Table(
    "products",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("category", Text, nullable=False, index=True),
    Column("price_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),  # ISO 4217
    Column("stock", Integer, nullable=False),
    Column("description", Text, nullable=False, default=""),
    Column("attributes", JSON, nullable=False, default=dict),
    Column("retired_at", Moment),  # no longer sold, and kept for the sake of its history; null: on sale
)

interactions = Table(
    "interactions",
    metadata,
    row_id(),
    Column("person", Text, ForeignKey("people.id"), nullable=False),
    Column("product", Text, ForeignKey("products.id"), nullable=False),
    Column("kind", Text, nullable=False),  # view, click, cart, favourite, purchase, return, rating ...
    Column("weight", Float, nullable=False),  # how much it says, by kind (recommender/weights.py); under 0: a dislike
    Column("rating", Integer),  # 0..5
    Column("text", Text),
    Column("at", Moment, nullable=False),
    Column("pushed", Boolean, nullable=False, default=False),  # it followed from a push of ours
    Column("push", Text),  # the id of that push, where it is known
    Column("event", Text, unique=True),  # the id its sender gave it, under which it is stored once
    Column("referrer", Text),  # of a view
    Column("path", Text),  # of a view
    Column("dwell_s", Float),  # of a view
    Column("quantity", Integer),  # of a purchase or a return
    Column("price_minor", BigInteger),  # of one piece, in units of currency's exponent
    Column("currency", Text),  # ISO 4217
    Index("interaction_person", "person", "kind"),
    Index("interaction_product", "product", "at"),
)

# What followed from a push, which few do.
Index(
    "interaction_push",
    interactions.c.push,
    sqlite_where=interactions.c.push.is_not(None),
    postgresql_where=interactions.c.push.is_not(None),
)
