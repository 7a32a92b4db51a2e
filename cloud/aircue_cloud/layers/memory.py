"""What the layer worker remembers between two turns: which samples are there, and how far each series has come.

It holds as long as nobody else writes to the lake: whoever finds another version than it left begins anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, select, tuple_

from aircue_cloud import db, tables
from aircue_cloud.layers import episodes
from aircue_cloud.layers.rows import Stream
from aircue_cloud.layers.settling import Key, Series
from aircue_gateway.intervals import Intervals

_CHUNK = 400
_MOST = 500_000  # streams, series; above, it begins anew


class Stand(NamedTuple):
    """measured_ms: of the latest reading. trusted_ms: of the latest that episodes followed, by these rules."""

    measured_ms: int
    trusted_ms: int | None
    rules: str


@dataclass
class Memory:
    version: int = -1
    streams: dict[Stream, Intervals] = field(default_factory=dict)
    series: dict[Series, Stand | None] = field(default_factory=dict)
    active: set[Key] = field(default_factory=set)  # every need that is not idle

    def renew(self, connection: Connection, version: int) -> None:
        """Forgets everything where the lake is at another version."""
        if version == self.version and len(self.streams) + len(self.series) < _MOST:
            return
        self.version = version
        self.streams.clear()
        self.series.clear()
        self.active = episodes.active_needs(connection)

    def forget(self) -> None:
        self.version = -1

    def know_streams(self, connection: Connection, wanted: Iterable[Stream]) -> Mapping[Stream, Intervals]:
        missing = sorted(set(wanted) - self.streams.keys())
        table = tables.delivered.c
        for first in range(0, len(missing), _CHUNK):
            some = missing[first : first + _CHUNK]
            ranges: dict[Stream, list[tuple[int, int]]] = {stream: [] for stream in some}
            mine = tuple_(table.node, table.installation, table.boot).in_(some)
            query = select(tables.delivered).where(mine).order_by(table.first)
            for row in connection.execute(query):
                ranges[row.node, row.installation, row.boot].append((row.first, row.last))
            self.streams.update({stream: Intervals(found) for stream, found in ranges.items()})
        return self.streams

    def know_series(self, connection: Connection, wanted: Iterable[Series]) -> Mapping[Series, Stand | None]:
        """None for a series that was never seen."""
        missing = {series for series in wanted if series not in self.series}
        nodes = sorted({(series.site, series.node) for series in missing})
        self.series.update(dict.fromkeys(missing))
        table = tables.node_state.c
        for first in range(0, len(nodes), _CHUNK):
            mine = tuple_(table.site, table.node).in_(nodes[first : first + _CHUNK])
            for row in connection.execute(select(tables.node_state).where(mine)):
                trusted_ms = None if row.trusted_at is None else db.to_ms(row.trusted_at)
                stand = Stand(db.to_ms(row.measured_at), trusted_ms, row.rules)
                self.series[Series(site=row.site, node=row.node, quantity=row.quantity)] = stand
        return self.series
