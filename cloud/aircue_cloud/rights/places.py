"""Where data about people lies beside the database: the batches as they came, the lake, and trained models."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine, delete, select, update

from aircue_cloud import db, tables
from aircue_cloud.layers import lake as lakes
from aircue_cloud.layers import merging
from aircue_cloud.layers.lake import Lake
from aircue_cloud.objects import ObjectStore
from aircue_cloud.recommender import store
from aircue_cloud.recommender.errors import ModelCorrupt
from aircue_cloud.rights import erasure
from aircue_cloud.rights.subject import Subject
from aircue_gateway.batch import Batch, decode, encode

_NO_GRACE = timedelta(0)


def places(engine: Engine, lake: Lake, model_dir: Path, now: datetime) -> list[erasure.Place]:
    """Of one store. Base goes before the lake, which says whose gateways are to be looked through."""
    return [BasePlace(engine, lake.objects), LakePlace(engine, lake, now), ModelPlace(model_dir)]


@dataclass(frozen=True)
class BasePlace:
    """Batches are never changed but here: what is about somebody else, and the batch's id, stay.

    The row keeps the hash of what was sent, so that a gateway that sends the batch again brings nothing back.
    """

    engine: Engine
    objects: ObjectStore
    name: str = "base"

    def forget(self, subject: Subject) -> int:
        """Batches that were written anew, and refused ones that were removed."""
        return sum(self._rewrite(subject, key) for key in self._keys("base/")) + self._forget_refused(subject)

    def search(self, identifiers: frozenset[str]) -> Iterator[str]:
        for key in self._keys("base/"):
            if any(group.site in identifiers for group in self._batch(key).groups):
                yield key

    def _keys(self, prefix: str) -> list[str]:
        return list(self.objects.list(prefix))

    def _batch(self, key: str) -> Batch:
        return decode(self.objects.get(key))

    def _rewrite(self, subject: Subject, key: str) -> int:
        before = self._batch(key)
        after = _without(before, subject)
        if after == before:
            return 0
        batch_id = f"{before.gateway}/{before.epoch}/{before.sequence}"
        new_key = f"{key.removesuffix('.batch')}.erased.batch"
        self.objects.put(new_key, encode(after))
        with db.writing(self.engine) as connection:
            mine = tables.batches.c.id == batch_id
            connection.execute(update(tables.batches).where(mine).values(object_key=new_key))
        self.objects.remove(key)
        return 1

    def _forget_refused(self, subject: Subject) -> int:
        """What cannot be read cannot be sorted: all that the household's gateways sent and was refused."""
        table = tables.refused.c
        with db.writing(self.engine) as connection:
            mine = table.gateway.in_(sorted(subject.gateways))
            keys = list(connection.execute(select(table.object_key).where(mine)).scalars())
            connection.execute(delete(tables.refused).where(mine))
        for key in keys:
            self.objects.remove(key)
        return len(keys)


def _without(batch: Batch, subject: Subject) -> Batch:
    streams = subject.streams
    return replace(
        batch,
        groups=tuple(group for group in batch.groups if group.site not in subject.sites),
        losses=tuple(loss for loss in batch.losses if (loss.node, loss.installation) not in streams),
        revisions=tuple(one for one in batch.revisions if (one.node, one.installation) not in streams),
    )


@dataclass(frozen=True)
class LakePlace:
    engine: Engine
    lake: Lake
    now: datetime
    name: str = "lake"

    def forget(self, subject: Subject) -> int:
        """Readings that are gone; the files that held them as well, at once."""
        gone = 0
        for key in self._files():
            counted: list[int] = []

            def others(content: pa.Table, counted: list[int] = counted) -> pa.Table:
                kept = content.filter(pc.invert(pc.is_in(content["site"], pa.array(sorted(subject.sites)))))
                counted.append(len(content) - len(kept))
                return kept

            if self._holds(key, subject.sites):
                merging.merge(self.engine, self.lake, [key], self.now, others)
                gone += sum(counted)
        merging.forget_old(self.engine, self.lake, self.now, _NO_GRACE)
        return gone

    def search(self, identifiers: frozenset[str]) -> Iterator[str]:
        yield from (key for key in self._files() if self._holds(key, identifiers))

    def _files(self) -> list[str]:
        with db.reading(self.engine) as connection:
            return lakes.keys(connection, lakes.EVERYTHING)

    def _holds(self, key: str, sites: frozenset[str]) -> bool:
        return any(site in sites for site in self.lake.sites(key))


@dataclass(frozen=True)
class ModelPlace:
    """Every version that knows them is stored anew without them; the one that was active stays so."""

    model_dir: Path
    name: str = "models"

    def forget(self, subject: Subject) -> int:
        return sum(self._rewrite(version, subject.people) for version in self._known(subject.people))

    def search(self, identifiers: frozenset[str]) -> Iterator[str]:
        yield from self._known(identifiers)

    def _known(self, people: frozenset[str]) -> list[str]:
        """What cannot be read may hold anybody."""
        found = []
        for version in store.versions(self.model_dir):
            try:
                holds = bool(people & set(store.load(self.model_dir, version).users))
            except ModelCorrupt:
                holds = True
            if holds:
                found.append(version)
        return found

    def _rewrite(self, version: str, people: frozenset[str]) -> int:
        try:
            artefact = store.load(self.model_dir, version).without(people)
        except ModelCorrupt:
            artefact = None
        active = store.is_active(self.model_dir, version)
        if artefact is not None and artefact.users:
            again = store.save(self.model_dir, artefact)
            if active:
                store.activate(self.model_dir, again)
        shutil.rmtree(self.model_dir / version)
        return 1
