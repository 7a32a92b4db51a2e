"""What every table is made of.

Instants are aware UTC datetimes in Python and whole milliseconds since the epoch in the database (type Moment).
Ids that are names stay text; ids drawn by us are UUIDs as text. Money is an integer of minor units.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Dialect, Integer, MetaData, Text
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

metadata = MetaData()


def to_ms(at: datetime) -> int:
    """Whole milliseconds since the epoch of an aware datetime."""
    return (at - EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    return EPOCH + ms * _MILLISECOND


def aware(at: datetime) -> datetime:
    """An instant in UTC that does not say so."""
    return at.replace(tzinfo=UTC)


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as milliseconds since the epoch."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        return None if value is None else to_ms(value)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else from_ms(value)


class Document(TypeDecorator[Any]):
    """JSON kept as text, for what is written often and read seldom. msgspec.Raw is taken as it is."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        if value is None:
            return None
        return bytes(value if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)).decode()

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


def row_id() -> Column[int]:
    """A number that grows with every row, so that a reader may ask for what came after one it has seen."""
    return Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)
