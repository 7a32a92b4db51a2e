"""One batch from the wire to the base layer: read whole, kept as it came, and its row committed. Then it is answered.

What is derived from it (layers/worker.py) follows within a second.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, select, update

from aircue_cloud import bulk, counters, db, tables
from aircue_cloud.errors import ObjectConflict, Refused
from aircue_cloud.ingest import columns
from aircue_cloud.ingest.columns import Columns
from aircue_cloud.ingest.group_commit import GroupCommit
from aircue_cloud.needs.live import Live
from aircue_cloud.needs.needs import Needs
from aircue_cloud.objects import ObjectStore
from aircue_cloud.rights import forgotten

log = logging.getLogger(__name__)
_T = tables.batches.c
_LAST = select(func.coalesce(func.max(_T.number), 0))
_AT_ONCE = 1000  # ids in one query


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """readings: how many the batch carries, all of them stored. number: its place in the order of acknowledgement, from
    1; what was acknowledged up to there is stored."""

    batch: str
    duplicate: bool
    readings: int
    number: int


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What a batch's row needs to know of it."""

    id: str
    gateway: str
    sealed_at_ms: int
    readings: int


@dataclass(frozen=True, kw_only=True)
class _Delivery:
    batch: Columns | Carried
    sha256: str
    object_key: str
    now: datetime


def _nobody(_: Columns) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Takes batches in; any number of threads may. announce: is told of each batch that is new."""

    engine: Engine
    objects: ObjectStore
    live: Live
    clock: Callable[[], datetime]
    announce: Callable[[Columns], None] = field(default=_nobody)

    @property
    def needs(self) -> Needs:
        """As they hold now."""
        return self.live.current()

    def take(self, gateway: str, data: bytes) -> Receipt:
        """The receipt of a batch that is stored now, or was before. Refused: set aside, and its text says why."""
        try:
            return self._take(gateway, data)
        except Refused as refused:
            self._set_aside(gateway, data, str(refused))
            raise

    def stored(self, batch_id: str, sha256: str) -> Receipt | None:
        """The receipt of a batch with this hash that is stored already."""
        with db.reading(self.engine) as connection:
            row = connection.execute(select(_T.sha256, _T.carried, _T.number).where(_T.id == batch_id)).one_or_none()
        if row is None or row.sha256 != sha256:
            return None
        return Receipt(batch=batch_id, duplicate=True, readings=row.carried, number=row.number)

    def _take(self, gateway: str, data: bytes) -> Receipt:
        batch = columns.read(data, gateway)
        kept = self._without_forgotten(batch, data)
        batch = batch if kept is data else columns.read(kept, gateway)
        delivery = _Delivery(
            batch=batch,
            sha256=hashlib.sha256(data).hexdigest(),
            object_key=f"base/{batch.id}.batch",
            now=self.clock(),
        )
        self._keep(delivery, kept)
        receipt = self._commits.submit(delivery)
        if not receipt.duplicate:
            self.announce(batch)
        return receipt

    def keep(self, gateway: str, data: bytes) -> _Delivery:
        """Puts a batch into the base layer and acknowledges nothing yet: until `acknowledge` nobody knows of it."""
        batch = columns.read(data, gateway)
        kept = self._without_forgotten(batch, data)
        batch = batch if kept is data else columns.read(kept, gateway)
        delivery = _Delivery(
            batch=Carried(id=batch.id, gateway=batch.gateway, sealed_at_ms=batch.sealed_at_ms, readings=batch.readings),
            sha256=hashlib.sha256(data).hexdigest(),
            object_key=f"base/{batch.id}.batch",
            now=self.clock(),
        )
        self._keep(delivery, kept)
        return delivery

    def acknowledge(self, deliveries: Sequence[_Delivery]) -> list[Receipt]:
        """All that were kept, in one transaction. Refused where one was delivered before with another content."""
        receipts = []
        for result in self._store(deliveries):
            if isinstance(result, Exception):
                raise result
            receipts.append(result)
        return receipts

    def _without_forgotten(self, batch: Columns, data: bytes) -> bytes:
        """What sites that were erased still send goes no further."""
        known = self._forgotten.submit(None)
        sites = forgotten.of(known, {stretch.site for stretch in batch.stretches}) if known else frozenset()
        return forgotten.without(data, sites) if sites else data

    def _keep(self, delivery: _Delivery, data: bytes) -> None:
        try:
            self.objects.put(delivery.object_key, data)
        except ObjectConflict as conflict:
            raise Refused(_other_content(delivery.batch.id)) from conflict

    @cached_property
    def _forgotten(self) -> GroupCommit[None, Sequence[forgotten.Trace]]:
        return GroupCommit(lambda asked: [self._traces()] * len(asked))

    def _traces(self) -> Sequence[forgotten.Trace]:
        with db.reading(self.engine) as connection:
            return forgotten.traces(connection)

    @cached_property
    def _commits(self) -> GroupCommit[_Delivery, Receipt]:
        return GroupCommit(lambda deliveries: self._store(deliveries))

    def _store(self, deliveries: Sequence[_Delivery]) -> Sequence[Receipt | Exception]:
        """One transaction for all that wait."""
        with db.writing(self.engine) as connection:
            known = _known(connection, [delivery.batch.id for delivery in deliveries])
            number = connection.execute(_LAST).scalar_one()
            results: list[Receipt | Exception] = []
            rows = []
            for delivery in deliveries:
                results.append(_verdict(known.get(delivery.batch.id), delivery, number + 1))
                if delivery.batch.id not in known:
                    number += 1
                    rows.append(_batch_row(delivery, number))
                    known[delivery.batch.id] = _Stored(sha256=delivery.sha256, number=number)
            if rows:
                bulk.insert(connection, tables.batches, rows)
                counters.add(connection, {"batches": len(rows)})
            _count_again(connection, [one for one in results if isinstance(one, Receipt) and one.duplicate])
        return results

    def _set_aside(self, gateway: str, data: bytes, reason: str) -> None:
        key = f"refused/{gateway}/{hashlib.sha256(data).hexdigest()}.batch"
        log.warning("refused a batch of gateway %s, kept as %s: %s", gateway, key, reason)
        self.objects.put(key, data)
        row = {"object_key": key, "gateway": gateway, "received_at": self.clock(), "reason": reason, "deliveries": 1}
        with db.writing(self.engine) as connection:
            if connection.execute(db.insert_absent(connection, tables.refused), [row]).rowcount:
                counters.add(connection, {"refused_batches": 1})
            else:
                again = update(tables.refused).where(tables.refused.c.object_key == key)
                connection.execute(again.values(deliveries=tables.refused.c.deliveries + 1))


class _Stored(NamedTuple):
    sha256: str
    number: int


def _known(connection: Connection, ids: Sequence[str]) -> dict[str, _Stored]:
    """Those that are stored already, by id."""
    found: dict[str, _Stored] = {}
    for start in range(0, len(ids), _AT_ONCE):
        query = select(_T.id, _T.sha256, _T.number).where(_T.id.in_(ids[start : start + _AT_ONCE]))
        found.update((row.id, _Stored(row.sha256, row.number)) for row in connection.execute(query))
    return found


def _verdict(stored: _Stored | None, delivery: _Delivery, following: int) -> Receipt | Refused:
    """following: the number that the next new batch gets."""
    if stored is not None and stored.sha256 != delivery.sha256:
        return Refused(_other_content(delivery.batch.id))
    number = following if stored is None else stored.number
    batch = delivery.batch
    return Receipt(batch=batch.id, duplicate=stored is not None, readings=batch.readings, number=number)


def _count_again(connection: Connection, receipts: Sequence[Receipt]) -> None:
    """Batches that are stored already: counted, and nothing else."""
    for receipt in receipts:
        again = update(tables.batches).where(_T.id == receipt.batch)
        connection.execute(again.values(deliveries=_T.deliveries + 1))
    counters.add(connection, {"redelivered_batches": len(receipts)})


def _other_content(batch_id: str) -> str:
    return (
        f"batch {batch_id} was delivered before with another hash: a batch never changes once it is sealed; "
        "a gateway that starts anew must draw a new epoch"
    )


def _batch_row(delivery: _Delivery, number: int) -> dict[str, object]:
    return {
        "id": delivery.batch.id,
        "gateway": delivery.batch.gateway,
        "sha256": delivery.sha256,
        "sealed_at": db.from_ms(delivery.batch.sealed_at_ms),
        "received_at": delivery.now,
        "number": number,
        "carried": delivery.batch.readings,
        "readings": 0,
        "duplicates": 0,
        "deliveries": 1,
        "object_key": delivery.object_key,
    }
