"""Puts a backup into a store. Everything is checked first; the rows come in one transaction, after the objects."""

import hashlib
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sqlalchemy import Connection, Engine, delete, select

from aircue_cloud import audit, db, migrations, tables
from aircue_cloud.audit import Act
from aircue_cloud.backup import FORMAT, MANIFEST, SEALING, rows
from aircue_cloud.config import Place
from aircue_cloud.delivery import own_keys
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import operators, sealing
from aircue_cloud.objects import ObjectStore
from aircue_cloud.tables import guards

Manifest = dict[str, Any]


def restore(
    path: Path,
    place: Place,
    engine: Engine,
    objects: ObjectStore,
    *,
    secret_key: Path,
    replace: bool,
    by: str,
    now: datetime,
    progress: Callable[[str], object],
) -> None:
    """CommandError, and no change, where the file is not whole, is of other tables, or the store is not empty and
    replace is not said. No server may run on the store. secret_key: the file of the keys of sealed secrets; those of
    the backup open beside them, where it holds any."""
    with _opened(path) as archive:
        manifest = _checked(path, archive)
        _must_fit(path, manifest, engine)
        if replace:
            _empty(objects, place)
        elif _holds_something(engine, objects):
            raise CommandError(f"store {place.store} holds data already: --replace puts the backup in its place")
        _put_files(archive, manifest, objects, place)
        _put_keys(archive, manifest, place, secret_key)
        with db.writing(engine) as connection:
            count = _put_rows(archive, manifest, connection)
            audit.append(connection, Act(actor=by, action="restore", target=manifest["store"]), now)
    progress(f"restore: {count} rows and {len(manifest['sha256'])} members of a backup made at {manifest['made_at']}")
    _tell_of_sealed(engine, secret_key, progress)
    if manifest["store"] != place.store:
        progress(f"restore: the keys of store {manifest['store']} are none of store {place.store}: make new ones")


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, mode="r:") as archive:
            yield archive
    except (tarfile.TarError, FileNotFoundError) as error:
        raise CommandError(f"{path} is no backup, or not a whole one: {error}") from error


def _checked(path: Path, archive: tarfile.TarFile) -> Manifest:
    """The manifest, once every member is there, as it was written, and nothing else is."""
    try:
        manifest: Manifest = json.loads(_read(archive, MANIFEST).read())
        hashes = dict(manifest["sha256"])
    except (KeyError, ValueError, TypeError) as error:
        raise CommandError(f"{path} is no backup, or not a whole one: it has no {MANIFEST} that can be read") from error
    if manifest.get("format") != FORMAT:
        raise CommandError(f"{path} has format {manifest.get('format')}, this version knows {FORMAT}")
    found = {member.name: member for member in archive.getmembers() if member.name != MANIFEST}
    for name in sorted({*hashes, *found}):
        if name not in found or name not in hashes or not _is_place(name) or _hash(archive, name) != hashes[name]:
            raise CommandError(f"{path}: member {name!r:.200} is missing, changed or none of a backup's")
    return manifest


def _is_place(name: str) -> bool:
    """Nothing leads out of the folders it belongs to."""
    parts = PurePosixPath(name).parts
    if parts[:1] == (own_keys.FOLDER,):
        return len(parts) == 2 and not parts[1].startswith(".")
    return name == SEALING or (len(parts) > 1 and parts[0] in ("tables", "objects", "models") and ".." not in parts)


def _hash(archive: tarfile.TarFile, name: str) -> str:
    sha = hashlib.sha256()
    file = _read(archive, name)
    while part := file.read(1 << 20):
        sha.update(part)
    return sha.hexdigest()


def _read(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """KeyError where there is no such file."""
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file


def _must_fit(path: Path, manifest: Manifest, engine: Engine) -> None:
    with db.reading(engine) as connection:
        here = migrations.step(connection)
    if manifest["step"] != here:
        raise CommandError(
            f"{path} was made at step {manifest['step']} of the tables, and this version is at {here}: restore it with "
            "the version that made it, then update"
        )


def _holds_something(engine: Engine, objects: ObjectStore) -> bool:
    """Beyond what says who made the store."""
    with db.reading(engine) as connection:
        others = [table for table in tables.metadata.sorted_tables if table is not tables.audit]
        full = any(connection.execute(select(table).limit(1)).first() is not None for table in others)
    return full or next(objects.list(""), None) is not None


def _empty(objects: ObjectStore, place: Place) -> None:
    for key in list(objects.list("")):
        objects.remove(key)
    shutil.rmtree(place.model_dir, ignore_errors=True)


def _put_files(archive: tarfile.TarFile, manifest: Manifest, objects: ObjectStore, place: Place) -> None:
    for name in manifest["sha256"]:
        room, _, rest = name.partition("/")
        if room == "objects":
            objects.put(rest, _read(archive, name).read())
        elif room == "models":
            file = place.model_dir / rest
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_read(archive, name).read())


def _put_keys(archive: tarfile.TarFile, manifest: Manifest, place: Place, secret_key: Path) -> None:
    for name in manifest["sha256"]:
        room, _, rest = name.partition("/")
        if room == own_keys.FOLDER:
            own_keys.put_back(place.folder, rest, _read(archive, name).read())
    if SEALING in manifest["sha256"]:
        sealing.take_over(secret_key, _read(archive, SEALING).read())


def _tell_of_sealed(engine: Engine, secret_key: Path, progress: Callable[[str], object]) -> None:
    with db.reading(engine) as connection:
        lost = operators.unopened(connection, sealing.load(secret_key))
    if lost:
        progress(
            f"restore: no key in {secret_key} opens the second factors of {', '.join(lost)}: put the file that belongs "
            "to the backup in its place, or take them away with: aircue-cloud operator totp-reset NAME"
        )


def _put_rows(archive: tarfile.TarFile, manifest: Manifest, connection: Connection) -> int:
    guards.lift(connection)
    for table in reversed(tables.metadata.sorted_tables):
        connection.execute(delete(table))
    count = 0
    for table in rows.kept():
        found = _read(archive, f"tables/{table.name}.jsonl")
        count += rows.load(connection, table, manifest["tables"][table.name]["columns"], found)
        rows.go_on_counting(connection, table)
    guards.put(connection)
    return count
