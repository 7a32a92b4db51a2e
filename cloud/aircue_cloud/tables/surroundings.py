"""What surrounds people: what their wearables and phones observe, and the weather outdoors."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, Table, Text

from aircue_cloud.tables.columns import Moment, metadata

observations = Table(
    "observations",
    metadata,
    Column("id", Text, primary_key=True),  # given by the sender, under which it is stored once
    Column("person", Text, ForeignKey("people.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("value", Float),  # steps, or degrees Celsius; null of a location
    Column("area", Text),  # of a location alone, as sites.area
    Index("observation_course", "person", "kind", "at"),
)

# Several sources may tell of one hour; the one that knows best holds (weather/outdoor.py).
weather = Table(
    "weather",
    metadata,
    Column("area", Text, primary_key=True),
    Column("hour", Moment, primary_key=True),  # the full hour that the values hold at
    Column("source", Text, primary_key=True),
    Column("temperature", Float),  # degrees Celsius
    Column("humidity", Float),  # %RH
    Column("condition", Text),
    Column("told_at", Moment, nullable=False),
)

# When a source was asked last about an area, and from when on it may be asked again.
weather_requests = Table(
    "weather_requests",
    metadata,
    Column("area", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("asked_at", Moment, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("failures", Integer, nullable=False),  # in a row
    Column("error", Text),
    Column("hours", BigInteger, nullable=False),  # told so far
)
