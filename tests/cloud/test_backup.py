"""Backup and restore: the same store again, on whichever database, or nothing at all."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, insert, select, update
from tests.cloud.conftest import new_database
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity

from aircue_cloud import db, stores, tables
from aircue_cloud.app import open_objects
from aircue_cloud.backup import LEFT_OUT, making, restoring, rows
from aircue_cloud.cli import main
from aircue_cloud.config import Config, Place
from aircue_cloud.delivery import own_keys
from aircue_cloud.delivery.buttons import Links
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import keys, operators, sealing, sessions

PLAIN = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def silent(_: str) -> None:
    pass


class Shop:
    """A store of an installation of its own."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.config = Config(data_dir=str(folder), database_url=url)
        self.place: Place = self.config.place("main")
        self.engine: Engine = stores.open_database(self.place)
        self.objects = open_objects(self.config, self.place)

    def restore(self, path: Path, *, replace: bool = False, progress: Callable[[str], object] = silent) -> None:
        told: dict[str, Any] = {"by": "command test", "now": NOW, "progress": progress}
        how = {"secret_key": self.config.secret_key, "replace": replace, **told}
        restoring.restore(path, self.place, self.engine, self.objects, **how)


@pytest.fixture
def shop(tmp_path: Path) -> Callable[[str], Shop]:
    made: list[Shop] = []

    def make(url: str) -> Shop:
        made.append(Shop(tmp_path / f"shop-{len(made)}", url))
        return made[-1]

    return make


@pytest.fixture
def full(cloud: Cloud) -> Cloud:
    """A store with something in many tables, objects, and a model."""
    cloud.post(batch(humidity(DAMP)))
    cloud.post(b"no batch")
    with db.writing(cloud.engine) as connection:
        operators.add(connection, "olga", "hash", "owner", NOW)
        sessions.open_new(connection, sessions.OPERATOR, "olga", "", NOW)
        keys.add(connection, "partner", "shop", ["feed:read"], NOW)
    models = cloud.folder / "models"
    for name, content in {"active": "0001-x", "0001-x/model.json": "{}", ".draft-1/model.json": "{"}.items():
        (models / name).parent.mkdir(parents=True, exist_ok=True)
        (models / name).write_text(content)
    return cloud


def backed_up(cloud: Cloud, path: Path) -> Path:
    services = cloud.services
    making.make(path, services.place, cloud.engine, services.intake.objects, NOW, silent)
    return path


def everything(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all that a backup keeps; the restore's own line in the audit log aside."""
    with db.reading(engine) as connection:
        found = {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in rows.kept()
        }
    found["audit"] = [row for row in found["audit"] if "restore" not in row]
    return found


@pytest.mark.parametrize("database", [lambda: "", new_database], ids=["to SQLite", "to the server under test"])
def test_a_restored_store_has_the_same_rows_objects_and_models(
    full: Cloud, tmp_path: Path, shop: Callable[[str], Shop], database: Callable[[], str]
) -> None:
    path, target = backed_up(full, tmp_path / "b.tar"), shop(database())
    target.restore(path)
    assert everything(target.engine) == everything(full.engine)
    assert sum(len(found) > 0 for found in everything(full.engine).values()) >= 12
    objects = full.services.intake.objects
    assert {key: target.objects.get(key) for key in target.objects.list("")} == {
        key: objects.get(key) for key in objects.list("")
    }
    assert len(list(objects.list(""))) == 3
    names = {path.relative_to(target.place.model_dir).as_posix() for path in target.place.model_dir.rglob("*.*")}
    assert names == {"0001-x/model.json"}
    assert (target.place.model_dir / "active").read_text() == "0001-x"


def test_a_store_of_sqlite_moves_to_the_server_under_test(tmp_path: Path, shop: Callable[[str], Shop]) -> None:
    source, target = shop(""), shop(new_database())
    with db.writing(source.engine) as connection:
        connection.execute(insert(tables.households), [{"id": f"h-{n}", "name": "x"} for n in range(2500)])
        connection.execute(insert(tables.feed), {"at": NOW, "kind": "node", "text": "x", "fields": {"a": [1, None]}})
    making.make(tmp_path / "b.tar", source.place, source.engine, source.objects, NOW, silent)
    target.restore(tmp_path / "b.tar")
    assert everything(target.engine) == everything(source.engine)
    with db.writing(target.engine) as connection:  # numbers go on where they were
        connection.execute(insert(tables.feed), {"at": NOW, "kind": "node", "text": "y", "fields": {}})


def test_a_backup_under_writes_is_of_one_moment(tmp_path: Path, shop: Callable[[str], Shop]) -> None:
    """Each transaction adds one row to each of three tables, the first and the last that are read among them."""
    source, target = shop(new_database()), shop("")
    started, stop = Event(), Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with db.writing(source.engine) as connection:
                connection.execute(insert(tables.households), {"id": f"h-{number}", "name": "x"})
                connection.execute(insert(tables.sites), {"id": f"s-{number}", "household": f"h-{number}", "tz": "UTC"})
                connection.execute(insert(tables.feed), {"at": NOW, "kind": "x", "text": "x", "fields": {}})
            if number > 20:
                started.set()

    writer = Thread(target=write)
    writer.start()
    try:
        assert started.wait(60)
        making.make(tmp_path / "b.tar", source.place, source.engine, source.objects, NOW, silent)
    finally:
        stop.set()
        writer.join()
    target.restore(tmp_path / "b.tar")
    found, later = everything(target.engine), everything(source.engine)
    assert 20 < len(found["households"]) == len(found["sites"]) == len(found["feed"]) < len(later["feed"])


def test_what_is_over_soon_does_not_come_back(full: Cloud, tmp_path: Path, shop: Callable[[str], Shop]) -> None:
    target = shop("")
    target.restore(backed_up(full, tmp_path / "b.tar"))
    with db.reading(target.engine) as connection:
        for name in LEFT_OUT:
            assert connection.execute(select(tables.metadata.tables[name])).all() == []
        assert connection.execute(select(tables.operators.c.name)).scalars().all() == ["olga"]


def test_a_backup_is_readable_by_its_owner_alone_and_overwrites_nothing(full: Cloud, tmp_path: Path) -> None:
    path = backed_up(full, tmp_path / "b.tar")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="there already"):
        backed_up(full, path)
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["b.tar"]


def test_a_store_with_data_is_replaced_only_where_that_is_said(
    full: Cloud, tmp_path: Path, shop: Callable[[str], Shop]
) -> None:
    path, target = backed_up(full, tmp_path / "b.tar"), shop(new_database())
    with db.writing(target.engine) as connection:
        connection.execute(insert(tables.households), {"id": "old", "name": "Old"})
    target.objects.put("base/gw-1/3f9c21d0/1.batch", b"other content")
    before = everything(target.engine)
    with pytest.raises(CommandError, match="store main holds data already: --replace"):
        target.restore(path)
    assert everything(target.engine) == before
    target.restore(path, replace=True)
    assert everything(target.engine) == everything(full.engine)
    assert target.objects.get("base/gw-1/3f9c21d0/1.batch") != b"other content"


def test_a_restored_store_reads_the_links_it_sent_and_is_known_to_its_browsers(
    full: Cloud, tmp_path: Path, shop: Callable[[str], Shop]
) -> None:
    """Also where the new machine's server has made keys of its own already."""
    sent = Links("main", full.folder, "http://a").draw("later", "push-1", "ada-1", NOW)
    own_keys.kept(full.folder, "vapid.pem", lambda: b"of browsers")
    target = shop("")
    Links("main", target.place.folder, "http://b")
    target.restore(backed_up(full, tmp_path / "b.tar"))
    read = Links("main", target.place.folder, "http://b").read(sent, NOW)
    assert read is not None
    assert read.subject == "push-1"
    folder = target.place.folder / own_keys.FOLDER
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {"links": 0o600, "vapid.pem": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("along", [True, False], ids=["with the key", "without it"])
def test_a_restored_server_reads_second_factors_where_it_has_their_key(
    full: Cloud, tmp_path: Path, shop: Callable[[str], Shop], *, along: bool
) -> None:
    """A server that has a key of its own goes on sealing with that."""
    old, target, said = tmp_path / "old.key", shop(""), list[str]()
    sealed = sealing.load(old).seal(PLAIN)
    with db.writing(full.engine) as connection:
        connection.execute(update(tables.operators).values(totp_secret=sealed))
    own = sealing.load(target.config.secret_key)
    services = full.services
    where = (tmp_path / "b.tar", services.place, full.engine, services.intake.objects)
    making.make(*where, NOW, silent, old if along else None)
    target.restore(tmp_path / "b.tar", progress=said.append)
    box = sealing.load(target.config.secret_key)
    assert box.opens(sealed) is along
    assert own.opens(box.seal("new"))
    assert any("second factors of olga" in line for line in said) is not along
    assert target.config.secret_key.stat().st_mode & 0o777 == 0o600
    with tarfile.open(tmp_path / "b.tar") as archive:
        assert ("sealing/secret.key" in archive.getnames()) is along
        assert {member.mode for member in archive} == {0o600}


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """The archive with other members."""
    with tarfile.open(path) as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    change(members)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def manifest_with(**changes: Any) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | changes).encode()

    return change


CHANGES: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "a row": (lambda members: members.update({"tables/households.jsonl": b'["eve","Eve"]\n'}), "changed"),
    "one missing": (lambda members: members.pop("objects/base/gw-1/3f9c21d0/1.batch"), "is missing"),
    "one more": (lambda members: members.update({"objects/x": b"x"}), "none of a backup's"),
    "one that climbs": (lambda members: members.update({"objects/../../x": b"x"}), "none of a backup's"),
    "a key that climbs": (lambda members: members.update({"keys/../x": b"x"}), "none of a backup's"),
    "a key below": (lambda members: members.update({"keys/a/b": b"x"}), "none of a backup's"),
    "no manifest": (lambda members: members.pop("manifest.json"), "no backup, or not a whole one"),
    "another format": (manifest_with(format=2), "format 2, this version knows 1"),
    "other tables": (manifest_with(step="0009"), "at step 0009 of the tables"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_that_was_changed_is_refused_whole(
    full: Cloud, tmp_path: Path, shop: Callable[[str], Shop], name: str
) -> None:
    path, target = backed_up(full, tmp_path / "b.tar"), shop("")
    change, said = CHANGES[name]
    rewritten(path, change)
    with pytest.raises(CommandError, match=said):
        target.restore(path)
    assert not any(everything(target.engine).values())
    assert list(target.objects.list("")) == []


@pytest.mark.parametrize("part", [0.0, 0.5, 0.98])
def test_a_file_that_was_cut_off_is_refused_whole(
    full: Cloud, tmp_path: Path, shop: Callable[[str], Shop], part: float
) -> None:
    path, target = backed_up(full, tmp_path / "b.tar"), shop("")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content.rstrip(b"\0")) * part)])
    with pytest.raises(CommandError, match="no backup, or not a whole one"):
        target.restore(path)
    assert not any(everything(target.engine).values())


def test_the_commands_do_it(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cloud.toml").write_text("")

    def run(where: str, *words: str) -> Any:
        return CliRunner().invoke(main, [*words, "--config", str(tmp_path / where / "cloud.toml")])

    run("one", "household", "add", "ada")
    assert run("one", "backup", str(tmp_path / "b.tar")).exit_code == 0
    restored = run("two", "restore", str(tmp_path / "b.tar"))
    assert restored.exit_code == 0, restored.output
    assert "household ada is there already" in run("two", "household", "add", "ada").stderr
    assert "holds data already" in run("two", "restore", str(tmp_path / "b.tar")).stderr
    assert "restore main: done" in run("two", "audit").stdout
    assert "backup b.tar: done" in run("one", "audit").stdout
