"""Makes a backup while the server goes on: the rows of one moment, and every object that they point to.

The objects are read after the rows: an object is there before its row is, and none of the base layer ever goes.
"""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, Table

from aircue_cloud import db, migrations
from aircue_cloud.backup import FORMAT, MANIFEST, SEALING, rows
from aircue_cloud.config import Place
from aircue_cloud.delivery import own_keys
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import sealing
from aircue_cloud.objects import ObjectStore


def make(
    path: Path,
    place: Place,
    engine: Engine,
    objects: ObjectStore,
    now: datetime,
    progress: Callable[[str], object],
    secret_key: Path | None = None,
) -> None:
    """CommandError where the file is there already. It appears when it is whole, readable by its owner alone.
    secret_key: the file of the keys of sealed secrets, where they are to be in it."""
    if path.exists():
        raise CommandError(f"{path} is there already: choose another name, or move it away")
    descriptor, draft = tempfile.mkstemp(prefix=".draft-", suffix=".tar", dir=path.absolute().parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                _fill(_Archive(archive), place, engine, objects, now, progress, secret_key)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # fails where another one was quicker
    finally:
        Path(draft).unlink()


class _Archive:
    """Members, each with its hash."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.hashes: dict[str, str] = {}

    def add(self, name: str, data: bytes) -> None:
        self.hashes[name] = hashlib.sha256(data).hexdigest()
        self._write(name, len(data), io.BytesIO(data))

    def add_lines(self, name: str, found: Iterable[bytes]) -> int:
        """How many there were; by way of a file, because a member says first how long it is."""
        count, sha = 0, hashlib.sha256()
        with tempfile.TemporaryFile() as file:
            for line in found:
                count += 1
                sha.update(line)
                file.write(line)
            size = file.tell()
            file.seek(0)
            self.hashes[name] = sha.hexdigest()
            self._write(name, size, file)
        return count

    def _write(self, name: str, size: int, file: IO[bytes]) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        self._archive.addfile(member, file)


def _fill(
    archive: _Archive,
    place: Place,
    engine: Engine,
    objects: ObjectStore,
    now: datetime,
    progress: Callable[[str], object],
    secret_key: Path | None,
) -> None:
    models = _models(place.model_dir)
    with db.snapshot(engine) as connection:
        counts = {table.name: _table(archive, connection, table) for table in rows.kept()}
        step = migrations.step(connection)
    progress(f"backup: {sum(counts.values())} rows of {len(counts)} tables")
    progress(f"backup: {_objects(archive, objects)} objects")
    for name, data in models:
        archive.add(f"models/{name}", data)
    progress(f"backup: {len(models)} files of models")
    progress(f"backup: {_keys(archive, place, secret_key)} keys")
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "store": place.store,
        "step": step,
        "made_at": now.isoformat(timespec="seconds"),
        "tables": {table.name: {"columns": table.columns.keys(), "rows": counts[table.name]} for table in rows.kept()},
        "sha256": dict(archive.hashes),
    }
    archive.add(MANIFEST, json.dumps(manifest, indent=1).encode())


def _table(archive: _Archive, connection: Connection, table: Table) -> int:
    return archive.add_lines(f"tables/{table.name}.jsonl", rows.lines(connection, table))


def _keys(archive: _Archive, place: Place, secret_key: Path | None) -> int:
    """Read after the rows: a key is there before what is written with it."""
    own = own_keys.all_of(place.folder)
    for name, data in own.items():
        archive.add(f"{own_keys.FOLDER}/{name}", data)
    if secret_key is not None:
        archive.add(SEALING, sealing.exported(secret_key))
    return len(own) + (secret_key is not None)


def _objects(archive: _Archive, objects: ObjectStore) -> int:
    count = 0
    for key in objects.list(""):
        try:
            data = objects.get(key)
        except KeyError:  # an upload that has been taken in meanwhile, or a file that was merged into another
            continue
        archive.add(f"objects/{key}", data)
        count += 1
    return count


def _models(folder: Path) -> list[tuple[str, bytes]]:
    """Which version is active is read first: a version is whole before it is active."""
    active = folder / "active"
    first = [("active", active.read_bytes())] if active.exists() else []
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != active)
    names = [(path.relative_to(folder), path) for path in paths]
    return first + [
        (name.as_posix(), path.read_bytes())
        for name, path in names
        if not any(part.startswith(".") for part in name.parts)
    ]
