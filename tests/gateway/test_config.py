"""The configuration file: read whole, or refused with the key, the value and what was expected."""

from pathlib import Path

import pytest

from aircue_gateway.config import Config, ConfigError, Node, TlsConfig, Watcher, load

MINIMAL = """
name = "gw-1"
data_dir = "spool"
[uplink]
url = "http://127.0.0.1:8000"
key = "gateway-key"
"""
FULL = """
name = "gw-1"
data_dir = "/var/lib/aircue"

[listener]
host = "127.0.0.1"
port = 1884
commit_window_ms = 50
max_packet = 4096
plain = false
max_connections = 20
max_connections_per_address = 10
max_subscriptions = 30
login_s = 5
messages_per_s = 50
burst = 100

[listener.tls]
port = 8884
certificate = "gateway.pem"
key = "/etc/aircue/gateway-key.pem"
client_ca = "ca.pem"

[uplink]
url = "https://cloud.example"
key = "gateway-key"
batch_window_s = 60

[cleaning.spike]
window = 9
k = 4
max_gap_s = 90
floor = { temperature = 0.3 }

[cleaning.deadband]
heartbeat_s = 600
width = { temperature = 0.1, humidity = 0.5 }

[[nodes]]
id = "bathroom"
site = "home-1"
key = "correct horse"

[[nodes]]
id = "kitchen"
site = "home-1"
key = "battery staple"

[[watchers]]
name = "home-assistant"
key = "a staple or two"
"""


def read(folder: Path, text: str) -> Config:
    file = folder / "gateway.toml"
    file.write_text(text)
    return load(file)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return str(caught.value)


def test_a_file_with_every_key_is_read(tmp_path: Path) -> None:
    config = read(tmp_path, FULL)
    assert (config.listener.port, config.listener.commit_window_ms, config.listener.max_packet) == (1884, 50, 4096)
    assert (config.uplink.url, config.uplink.batch_window_s) == ("https://cloud.example", 60)
    assert (config.cleaning.spike.window, config.cleaning.spike.floor) == (9, {"temperature": 0.3})
    assert config.cleaning.deadband.width == {"temperature": 0.1, "humidity": 0.5}
    limits = config.listener
    assert (limits.max_connections, limits.max_connections_per_address, limits.max_subscriptions) == (20, 10, 30)
    assert (limits.login_s, limits.messages_per_s, limits.burst, limits.plain) == (5, 50, 100, False)
    assert limits.tls == TlsConfig(
        port=8884,
        certificate=tmp_path / "gateway.pem",
        key=Path("/etc/aircue/gateway-key.pem"),
        client_ca=tmp_path / "ca.pem",
    )
    assert config.watchers == {"home-assistant": Watcher(name="home-assistant", key="a staple or two")}
    assert config.nodes["kitchen"] == Node(id="kitchen", site="home-1", key="battery staple")


def test_what_is_not_named_has_a_default_and_a_relative_folder_starts_at_the_file(tmp_path: Path) -> None:
    config = read(tmp_path, MINIMAL)
    assert config.data_dir == tmp_path / "spool"
    assert (config.listener.host, config.listener.port, config.listener.commit_window_ms) == ("0.0.0.0", 1883, 5000)
    assert (config.listener.plain, config.listener.tls, config.watchers) == (True, None, {})
    assert (config.uplink.batch_window_s, config.cleaning.deadband.width, config.nodes) == (300, {}, {})


def test_an_unknown_key_is_named_with_its_value_and_the_keys_there_are(tmp_path: Path) -> None:
    text = refusal(tmp_path, FULL.replace("port = 1884", "prot = 1884"))
    assert str(tmp_path / "gateway.toml") in text
    assert "unknown key listener.prot (value 1884)" in text
    assert "known keys here: host, port, plain, commit_window_ms, max_packet" in text


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("port = 1884", 'port = "1884"', "listener.port = '1884': expected a whole number from 0 to 65535"),
        ("port = 1884", "port = true", "listener.port = True"),
        (
            'url = "https://cloud.example"',
            'url = "cloud.example"',
            "uplink.url = 'cloud.example': expected the cloud's",
        ),
        ("k = 4", "k = 0", "cleaning.spike.k = 0: expected a number from 0.5 to 100"),
        ("{ temperature = 0.3 }", "{ temprature = 0.3 }", "its keys among temperature, humidity"),
        ('id = "kitchen"', 'id = "kit/chen"', "nodes[2].id = 'kit/chen': expected 1 to 63 letters"),
        ('id = "kitchen"', 'id = "bathroom"', "nodes[2].id = 'bathroom': expected an id that no other node has"),
        ('name = "gw-1"', "", "name is missing: expected 1 to 63 letters"),
        ('key = "gateway-key"', "", "uplink.key is missing"),
        ("[listener]", "[listener", "is no TOML"),
        ("plain = false", 'plain = "no"', "listener.plain = 'no': expected true or false"),
        ("max_connections = 20", "max_connections = 0", "listener.max_connections = 0: expected a whole number from 1"),
        ("per_address = 10", "per_address = 1.5", "max_connections_per_address = 1.5: expected a whole number from 1"),
        ("subscriptions = 30", "subscriptions = 0", "max_subscriptions = 0: expected a whole number from 1 to 10000"),
        ("login_s = 5", "login_s = 0", "listener.login_s = 0: expected a number from 0.1 to 600"),
        ("per_s = 50", "per_s = 0.5", "listener.messages_per_s = 0.5: expected a number from 1 to 1e+06"),
        ("burst = 100", "burst = 0", "listener.burst = 0: expected a whole number from 1 to 1000000"),
        ("port = 8884", "port = 70000", "listener.tls.port = 70000: expected a whole number from 0 to 65535"),
        ('certificate = "gateway.pem"', "", "listener.tls.certificate is missing: expected the path of a PEM file"),
        ('client_ca = "ca.pem"', "client_ca = 1", "listener.tls.client_ca = 1: expected the path of a PEM file"),
        ('"home-assistant"', '"home assistant"', "watchers[1].name = 'home assistant': expected 1 to 63 letters"),
        ('"home-assistant"', '"kitchen"', "watchers[1].name = 'kitchen': expected a name that no other"),
        ('"a staple or two"', '"short"', "watchers[1].key = (not shown): expected a text of 8 to 200"),
        ("[[nodes]]", "[[node]]", "unknown key node"),
    ],
)
def test_a_bad_value_is_named_with_what_was_expected(tmp_path: Path, before: str, after: str, named: str) -> None:
    assert named in refusal(tmp_path, FULL.replace(before, after))


def test_a_secret_is_not_repeated(tmp_path: Path) -> None:
    text = refusal(tmp_path, FULL.replace('"battery staple"', '"hunter2"'))
    assert "nodes[2].key = (not shown)" in text
    assert "hunter2" not in text
    assert "battery staple" not in repr(read(tmp_path, FULL))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read: No such file"):
        load(tmp_path / "nowhere.toml")


def test_a_listener_with_nothing_to_listen_with_is_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path, MINIMAL + "[listener]\nplain = false\n")
    assert "listener.plain = False: expected true, or a table [listener.tls]" in text
