"""Secrets of second factors lie in the database under a key that lies outside of it."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import update
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, stores, tables
from aircue_cloud.app import create_app
from aircue_cloud.cli import main
from aircue_cloud.config import Config
from aircue_cloud.errors import SettingsError
from aircue_cloud.identity import operators, sealing, totp
from aircue_cloud.routes.services import services

KEY = base64.urlsafe_b64encode(bytes(32))
PLAIN = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def key_file(cloud: Cloud) -> Path:
    return cloud.folder.parents[1] / "secret.key"


def code_of(secret: str, at: Any = NOW) -> str:
    return TOTP(base64.b32decode(secret), 6, SHA1(), totp.STEP_S).generate(int(at.timestamp())).decode()


@pytest.fixture
def olga(bare: Cloud) -> tuple[Cloud, str]:
    """An operator with a second factor, and its secret."""
    box = sealing.load(key_file(bare))
    with db.writing(bare.engine) as connection:
        operators.add(connection, "olga", "no hash", "owner", NOW)
        secret = operators.begin_totp(connection, "olga", box)
        assert operators.finish_totp(connection, "olga", code_of(secret), NOW, box)
    return bare, secret


def stored(cloud: Cloud) -> str:
    return str(cloud.rows(tables.operators)[0]["totp_secret"])


def fits(cloud: Cloud, secret: str) -> bool:
    later = NOW + timedelta(minutes=5)
    with db.writing(cloud.engine) as connection:
        box = sealing.load(key_file(cloud))
        return operators.second_factor_fits(connection, "olga", code_of(secret, later), later, box)


def in_the_clear(cloud: Cloud) -> None:
    with db.writing(cloud.engine) as connection:
        connection.execute(update(tables.operators).values(totp_secret=PLAIN))


def test_the_database_holds_no_secret_that_reads(olga: tuple[Cloud, str]) -> None:
    cloud, secret = olga
    assert secret not in stored(cloud)
    assert sealing.load(key_file(cloud)).open(stored(cloud)) == secret
    assert fits(cloud, secret)


def test_the_key_is_made_at_the_first_start_for_its_owner_alone(bare: Cloud) -> None:
    assert stat.S_IMODE(key_file(bare).stat().st_mode) == 0o600
    assert len(key_file(bare).read_bytes().split()) == 1
    assert sorted(one.name for one in key_file(bare).parent.iterdir()) == ["secret.key", "stores"]


def test_of_programs_that_start_at_once_all_have_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret.key"
    with ThreadPoolExecutor(4) as pool:
        boxes = list(pool.map(lambda _: sealing.load(path), range(8)))
    assert {one.open(boxes[0].seal("said")) for one in boxes} == {"said"}


def test_secrets_from_before_are_sealed_by_the_next_start(olga: tuple[Cloud, str]) -> None:
    cloud, _ = olga
    in_the_clear(cloud)
    config = Config(data_dir=str(key_file(cloud).parent), database_url=cloud.database_url)
    with create_app(config).app_context():
        services().engine.dispose()
    assert PLAIN not in stored(cloud)
    assert fits(cloud, PLAIN)


@pytest.mark.parametrize("before", ["sealed", "in the clear"])
def test_a_new_key_seals_every_stores_secrets_and_the_old_one_opens_nothing(
    olga: tuple[Cloud, str], tmp_path: Path, before: str
) -> None:
    cloud, secret = olga
    old = sealing.load(key_file(cloud))
    if before == "in the clear":
        in_the_clear(cloud)
        secret = PLAIN
    path = tmp_path / "cloud.toml"
    path.write_text(f'data_dir = "{key_file(cloud).parent}"\ndatabase_url = "{cloud.database_url}"\n')
    stores.add(Config(data_dir=str(key_file(cloud).parent), database_url=cloud.database_url), "other")
    done = CliRunner().invoke(main, ["operator", "renew-secret-key", "--config", str(path)])
    assert done.exit_code == 0, done.output
    assert "1 secrets" in done.stderr
    with pytest.raises(sealing.SealedOtherwise):
        old.open(stored(cloud))
    assert len(key_file(cloud).read_bytes().split()) == 1
    assert stat.S_IMODE(key_file(cloud).stat().st_mode) == 0o600
    assert fits(cloud, secret)


def test_while_keys_are_renewed_both_open(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    sealed = sealing.load(path).seal("said")
    sealing.add_key(path)
    box = sealing.load(path)
    assert box.open(sealed) == "said"
    assert not box.is_fresh(sealed)
    assert box.is_fresh(box.seal("said"))


def test_without_its_key_a_code_fails_and_a_recovery_code_still_counts(olga: tuple[Cloud, str]) -> None:
    cloud, secret = olga
    key_file(cloud).write_bytes(Fernet.generate_key())
    assert not fits(cloud, secret)
    with db.writing(cloud.engine) as connection:
        [code] = operators._new_recovery_codes(connection, "olga")[:1]
        assert operators.second_factor_fits(connection, "olga", code, NOW, sealing.load(key_file(cloud)))


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (KEY, 0o644, "can be read by others: chmod 600"),
        (b"", 0o600, "one key"),
        (b"x", 0o600, "one key"),
    ],
)
def test_a_file_that_is_not_right_stops_the_start(tmp_path: Path, content: bytes, mode: int, said: str) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(SettingsError, match=said):
        create_app(Config(data_dir=str(tmp_path)))
