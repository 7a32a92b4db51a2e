"""One batch from the wire to rows, episodes and pushes: kept as it came first, then stored in one transaction."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update

from aircue_cloud import counters, db, tables
from aircue_cloud.decision import decisions
from aircue_cloud.decision.affinity import AffinitySource
from aircue_cloud.delivery import inbox
from aircue_cloud.delivery import log as log_channel
from aircue_cloud.delivery.inbox import Push
from aircue_cloud.errors import ObjectConflict, Refused
from aircue_cloud.ingest import contents, losses, revisions
from aircue_cloud.layers import episodes, latest
from aircue_cloud.needs.needs import Needs
from aircue_cloud.objects import ObjectStore
from aircue_gateway.batch import Batch

log = logging.getLogger(__name__)
_T = tables.batches.c


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """readings: how many are stored from this batch."""

    batch: str
    duplicate: bool
    readings: int


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Takes batches in; any number of threads may."""

    engine: Engine
    objects: ObjectStore
    needs: Needs
    affinity: AffinitySource
    clock: Callable[[], datetime]

    def take(self, gateway: str, data: bytes) -> Receipt:
        """The receipt of a batch that is stored now, or was before. Refused: set aside, and its text says why."""
        try:
            return self._take(gateway, data)
        except Refused as refused:
            self._set_aside(gateway, data, str(refused))
            raise

    def stored(self, batch_id: str, sha256: str) -> Receipt | None:
        """The receipt of a batch with this hash that is stored already."""
        columns = (_T.sha256, _T.readings)
        with db.reading(self.engine) as connection:
            row = connection.execute(select(*columns).where(_T.id == batch_id)).one_or_none()
        if row is None or row.sha256 != sha256:
            return None
        return Receipt(batch=batch_id, duplicate=True, readings=row.readings)

    def _take(self, gateway: str, data: bytes) -> Receipt:
        batch = contents.read(data, gateway)
        delivery = _Delivery(
            batch=batch,
            sha256=hashlib.sha256(data).hexdigest(),
            object_key=f"base/{batch.id}.batch",
            now=self.clock(),
        )
        known = self._known(delivery)
        if known is not None:
            return known
        self._keep(delivery, data)
        return self._store(delivery)

    def _known(self, delivery: "_Delivery") -> Receipt | None:
        """Looked up without the write lock, so that the many that are new pay little for it."""
        with db.reading(self.engine) as connection:
            if _stored_hash(connection, delivery.batch.id) is None:
                return None
        with db.writing(self.engine) as connection:
            return _again(connection, delivery)

    def _keep(self, delivery: "_Delivery", data: bytes) -> None:
        try:
            self.objects.put(delivery.object_key, data)
        except ObjectConflict as conflict:
            raise Refused(_other_content(delivery.batch.id)) from conflict

    def _store(self, delivery: "_Delivery") -> Receipt:
        with db.writing(self.engine) as connection:
            if _stored_hash(connection, delivery.batch.id) is not None:
                return _again(connection, delivery)
            receipt, started = self._rows(connection, delivery)
            pushes = self._decide(connection, started, delivery.now)
        for push in pushes:
            log_channel.send(push)
        return receipt

    def _rows(self, connection: Connection, delivery: "_Delivery") -> tuple[Receipt, list[episodes.Started]]:
        batch, now = delivery.batch, delivery.now
        readings = contents.rows(batch, db.to_ms(now))
        _insert_sites(connection, batch)
        connection.execute(insert(tables.batches), _batch_row(delivery))
        revisions.foretold(connection, readings)
        stored = _insert_readings(connection, readings)
        duplicates = len(readings) - stored
        counts = {"readings": stored, "duplicates": duplicates}
        connection.execute(update(tables.batches).where(_T.id == batch.id).values(counts))
        counters.add(connection, {"batches": 1, **counts, **_insert_tallies(connection, batch)})
        losses.declare(connection, batch.losses)
        latest.update(connection, readings, now)
        revised = revisions.apply(connection, batch)
        counters.add(connection, {"revised": len(revised.changed), "unknown_revisions": revised.unknown})
        arrivals = contents.arrivals(readings, revised.changed, stored_before=duplicates > 0)
        started = episodes.follow(connection, self.needs, arrivals, now)
        return Receipt(batch=batch.id, duplicate=False, readings=stored), started

    def _decide(self, connection: Connection, started: list[episodes.Started], now: datetime) -> list[Push]:
        pushes = []
        for episode in started:
            push = decisions.about(connection, self.needs, self.affinity, episode, now)
            if push is not None and inbox.send(connection, push):
                pushes.append(push)
        return pushes

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


@dataclass(frozen=True, kw_only=True)
class _Delivery:
    batch: Batch
    sha256: str
    object_key: str
    now: datetime


def _stored_hash(connection: Connection, batch_id: str) -> str | None:
    found: str | None = connection.execute(select(_T.sha256).where(_T.id == batch_id)).scalar_one_or_none()
    return found


def _again(connection: Connection, delivery: _Delivery) -> Receipt:
    """A batch that is stored already: counted, and nothing else. Refused where it has changed since."""
    mine = _T.id == delivery.batch.id
    row = connection.execute(select(_T.sha256, _T.readings).where(mine)).one()
    if row.sha256 != delivery.sha256:
        raise Refused(_other_content(delivery.batch.id))
    connection.execute(update(tables.batches).where(mine).values(deliveries=_T.deliveries + 1))
    counters.add(connection, {"redelivered_batches": 1})
    return Receipt(batch=delivery.batch.id, duplicate=True, readings=row.readings)


def _other_content(batch_id: str) -> str:
    return (
        f"batch {batch_id} was delivered before with another hash: a batch never changes once it is sealed; "
        "a gateway that starts anew must draw a new epoch"
    )


def _batch_row(delivery: _Delivery) -> dict[str, object]:
    return {
        "id": delivery.batch.id,
        "gateway": delivery.batch.gateway,
        "sha256": delivery.sha256,
        "sealed_at": db.from_ms(delivery.batch.sealed_at_ms),
        "received_at": delivery.now,
        "readings": 0,
        "duplicates": 0,
        "object_key": delivery.object_key,
    }


def _insert_sites(connection: Connection, batch: Batch) -> None:
    rows = [{"id": site, "tz": "UTC"} for site in sorted({group.site for group in batch.groups})]
    if rows:
        connection.execute(db.insert_absent(connection, tables.sites), rows)


def _insert_readings(connection: Connection, readings: list[dict[str, object]]) -> int:
    """How many were new."""
    if not readings:
        return 0
    return connection.execute(db.insert_readings(connection), readings).rowcount


def _insert_tallies(connection: Connection, batch: Batch) -> dict[str, int]:
    tallies = contents.tallies(batch)
    if tallies:
        connection.execute(insert(tables.tallies), [{"batch": batch.id, **vars(tally)} for tally in tallies])
    return {
        "gaps": sum(tally.gaps for tally in tallies),
        "suppressed": sum(tally.suppressed for tally in tallies),
    }
