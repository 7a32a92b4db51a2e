"""The configuration file: read once, and refused with file, key, value and what was expected."""

from pathlib import Path

import pytest

from aircue_cloud import config
from aircue_cloud.app import create_app
from aircue_cloud.config import Config
from aircue_cloud.errors import SettingsError


def written(folder: Path, text: str) -> Path:
    path = folder / "cloud.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_is_the_defaults_with_data_beside_it(tmp_path: Path) -> None:
    loaded = config.load(written(tmp_path, ""))
    assert (loaded.host, loaded.port, loaded.threads) == ("127.0.0.1", 8400, 8)
    assert loaded.folder == tmp_path / "aircue-cloud-data"
    assert loaded.place("main").database == f"sqlite:///{tmp_path}/aircue-cloud-data/stores/main/aircue.db"


def test_a_database_of_its_own_is_used(tmp_path: Path) -> None:
    url = "postgresql+psycopg://aircue@localhost/aircue"
    assert config.load(written(tmp_path, f'database_url = "{url}"')).place("main").database == url


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "prot = 8400",
            "cloud.toml: unknown key 'prot'; known keys: host, port, data_dir, database_url",
        ),
        ('port = "8400"', "cloud.toml: key 'port' is '8400', expected int"),
        ("port = true", "cloud.toml: key 'port' is True, expected int"),
        ("port = 70000", "cloud.toml: key 'port' is 70000, expected 0 to 65535"),
        ("threads = 0", "cloud.toml: key 'threads' is 0, expected 1 to 256"),
        ("upload_url_s = 5", "cloud.toml: key 'upload_url_s' is 5, expected 10 to 3600"),
        ('s3_endpoint_url = "store:9000"', "cloud.toml: key 's3_endpoint_url' is 'store:9000', expected http://"),
        ("s3_bucket = 5", "cloud.toml: key 's3_bucket' is 5, expected str"),
        ('host = "0.0.0.0"', "key 'public_url' is missing: host '0.0.0.0'"),
        ("trusted_proxies = 1", "key 'public_url' is missing: .* with 1 trusted proxies"),
        ('public_url = "air.example"', r"key 'public_url' is 'air.example', expected http\(s\)://"),
        ('public_url = "https://air.example/"', "key 'public_url' is 'https://air.example/'"),
        ('sign_in = "no"', "key 'sign_in' is 'no', expected one of auto, off"),
        ('sign_in = "off"\npublic_url = "https://air.example"', "'off', which is for host 127.0.0.1"),
        ('database_url = "mysql://root:geheim@db/x"', "'database_url' names mysql, expected postgresql"),
        ('database_url = "geheim"', "'database_url' names no database URL"),
        ("port = ", "cloud.toml: cannot be read as TOML"),
    ],
)
def test_what_may_not_be_in_it_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        config.load(written(tmp_path, text))
    assert "geheim" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none.toml: there is no such file"):
        config.load(tmp_path / "none.toml")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_hosts_are_served(tmp_path: Path, host: str) -> None:
    assert config.load(written(tmp_path, f'host = "{host}"')).host == host


def test_the_application_itself_refuses_other_hosts_while_nobody_could_sign_in(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nobody could sign in: add an operator"):
        create_app(Config(host="192.0.2.1", data_dir=str(tmp_path)))


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"data_dir: .*file/data/stores/main cannot be made"):
        create_app(Config(data_dir=str(tmp_path / "file" / "data")))


def test_a_database_that_cannot_be_opened_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql+psycopg://aircue:geheim@127.0.0.1:1/x"
    with pytest.raises(SettingsError, match=r"database postgresql.*127.0.0.1:1/x cannot be opened") as caught:
        create_app(Config(data_dir=str(tmp_path), database_url=url))
    assert "geheim" not in str(caught.value)


def test_a_database_without_its_driver_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="psycopg2 is not installed: install psycopg"):
        create_app(Config(data_dir=str(tmp_path), database_url="postgresql+psycopg2://aircue:geheim@localhost/x"))
