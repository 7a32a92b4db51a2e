"""The configuration file: read whole, or refused with the key, the value and what was expected."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from aircue_gateway.config import (
    AttachedConfig,
    CleaningConfig,
    Config,
    ConfigError,
    DeviceConfig,
    Node,
    TlsConfig,
    Watcher,
    load,
    load_cleaning,
)
from aircue_gateway.quantities import LIMITS

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

[spool]
max_mb = 64
refused_mb = 2
dead_letters_mb = 1

[uplink]
url = "https://cloud.example"
key = "gateway-key"
batch_window_s = 60
via = "object-store"
broker = "mqtts://broker.example:8884"
ca = "own-ca.pem"
backlog_per_s = 0.5

[cleaning]
stages = ["range", "spike"]
mould_surface = "resistant"

[cleaning.rate]
max_gap_s = 300
jump = { temperature = 5 }
per_s = { temperature = 0.5 }

[cleaning.stuck]
fine_s = 7200
coarse_s = 172800
max_gap_s = 1800

[cleaning.spike]
k = 4
memory = 64
max_gap_s = 90
floor = { temperature = 0.3 }

[cleaning.smoothing]
method = "one-euro"
window_s = 60
tau_s = 45
cutoff_hz = 0.01
beta = 0.1
speed_cutoff_hz = 0.05
noise_steps = 3
drift_steps = 0.5

[cleaning.gaps]
interval_s = 60
bridge_s = 600

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
    assert (config.uplink.via, config.uplink.broker) == ("object-store", "mqtts://broker.example:8884")
    assert (config.uplink.ca, config.uplink.backlog_per_s) == (tmp_path / "own-ca.pem", 0.5)
    cleaning = config.cleaning
    assert (cleaning.stages, cleaning.mould_surface) == (("range", "spike"), "resistant")
    assert (cleaning.rate.max_gap_s, cleaning.rate.jump, cleaning.rate.per_s["temperature"]) == (
        300,
        {"temperature": 5},
        0.5,
    )
    assert (cleaning.stuck.fine_s, cleaning.stuck.coarse_s, cleaning.stuck.max_gap_s) == (7200, 172_800, 1800)
    assert (cleaning.spike.k, cleaning.spike.memory, cleaning.spike.floor) == (4, 64, {"temperature": 0.3})
    assert (cleaning.smoothing.method, cleaning.smoothing.window_s, cleaning.smoothing.tau_s) == ("one-euro", 60, 45)
    assert (cleaning.smoothing.cutoff_hz, cleaning.smoothing.beta, cleaning.smoothing.drift_steps) == (0.01, 0.1, 0.5)
    assert (cleaning.gaps.interval_s, cleaning.gaps.bridge_s) == (60, 600)
    assert (config.spool.max_mb, config.spool.refused_mb, config.spool.dead_letters_mb) == (64, 2, 1)
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
    assert (config.spool.max_mb, config.spool.refused_mb, config.spool.dead_letters_mb) == (512, 16, 4)
    assert (config.listener.plain, config.listener.tls, config.watchers) == (True, None, {})
    assert (config.uplink.batch_window_s, config.cleaning.deadband.width, config.nodes) == (300, {}, {})


def test_the_documented_cleaning_is_what_ships(tmp_path: Path) -> None:
    """Every key of [cleaning] stands in docs/gateway-cleaning.md with its default."""
    page = (Path(__file__).parents[2] / "docs" / "gateway-cleaning.md").read_text()
    block = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "c.toml").write_text(block)
    shipped = CleaningConfig()
    floors = {name: limits.spike_floor for name, limits in LIMITS.items()}
    assert load_cleaning(tmp_path / "c.toml") == replace(shipped, spike=replace(shipped.spike, floor=floors))
    given = tomllib.loads(block)["cleaning"]
    assert given.keys() == CleaningConfig.__dataclass_fields__.keys()
    for name in ("rate", "stuck", "spike", "smoothing", "deadband", "gaps"):
        assert given[name].keys() == getattr(shipped, name).__dataclass_fields__.keys()


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
        ("max_mb = 64", "max_mb = 15", "spool.max_mb = 15: expected a whole number from 16 to 1000000"),
        ("refused_mb = 2", "refused_mb = 0", "spool.refused_mb = 0: expected a whole number from 1"),
        ("dead_letters_mb = 1", "dead_letters_mb = 1.5", "spool.dead_letters_mb = 1.5: expected a whole number from 1"),
        ("k = 4", "k = 0", "cleaning.spike.k = 0: expected a number from 0.5 to 100"),
        ("memory = 64", "memory = 4", "cleaning.spike.memory = 4: expected a whole number from 8 to 10000"),
        (
            '"range", "spike"',
            '"range", "range"',
            "cleaning.stages = ['range', 'range']: expected a list of some of range",
        ),
        ('"range", "spike"', '"hampel"', "cleaning.stages = ['hampel']"),
        ('"resistant"', '"paper"', "cleaning.mould_surface = 'paper': expected one of very-sensitive, sensitive"),
        ("max_gap_s = 300", "max_gap_s = 0", "cleaning.rate.max_gap_s = 0: expected a number from 0.001"),
        ("jump = { temperature = 5 }", "jump = { temperature = -5 }", "cleaning.rate.jump = {'temperature': -5}"),
        ("per_s = { temperature", "per_s = { heat", "cleaning.rate.per_s"),
        ("fine_s = 7200", "fine_s = 1", "cleaning.stuck.fine_s = 1: expected a number from 60"),
        ("coarse_s = 172800", "coarse_s = true", "cleaning.stuck.coarse_s = True"),
        (
            '"one-euro"',
            '"mean"',
            "cleaning.smoothing.method = 'mean': expected one of none, median, ewma, one-euro, kalman",
        ),
        ("\nwindow_s = 60", "\nwindow_s = -1", "cleaning.smoothing.window_s = -1: expected a number from 0.001"),
        ("tau_s = 45", "tau_s = 0", "cleaning.smoothing.tau_s = 0"),
        ("cutoff_hz = 0.01", "cutoff_hz = 0", "cleaning.smoothing.cutoff_hz = 0"),
        ("beta = 0.1", "beta = -1", "cleaning.smoothing.beta = -1: expected a number from 0"),
        ("speed_cutoff_hz = 0.05", "speed_cutoff_hz = 0", "cleaning.smoothing.speed_cutoff_hz = 0"),
        ("noise_steps = 3", "noise_steps = 0", "cleaning.smoothing.noise_steps = 0"),
        ("drift_steps = 0.5", "drift_steps = 0", "cleaning.smoothing.drift_steps = 0"),
        ("interval_s = 60", "interval_s = -1", "cleaning.gaps.interval_s = -1"),
        ("bridge_s = 600", 'bridge_s = "long"', "cleaning.gaps.bridge_s = 'long'"),
        ("{ temperature = 0.3 }", "{ temprature = 0.3 }", "its keys among temperature, humidity"),
        ('id = "kitchen"', 'id = "kit/chen"', "nodes[2].id = 'kit/chen': expected 1 to 63 letters"),
        ('id = "kitchen"', 'id = "bathroom"', "nodes[2].id = 'bathroom': expected an id that no other node has"),
        ('name = "gw-1"', "", "name is missing: expected 1 to 63 letters"),
        ('key = "gateway-key"', "", "uplink.key is missing"),
        ('url = "https://cloud.example"', "", "uplink.url is missing: expected the cloud's"),
        ('via = "object-store"', 'via = "pigeon"', "uplink.via = 'pigeon': expected one of http, object-store, mqtt"),
        ('via = "object-store"\nbroker = "mqtts://broker.example:8884"', 'via = "mqtt"', "uplink.broker is missing"),
        ('"mqtts://broker.example:8884"', '"broker.example"', "uplink.broker = 'broker.example': expected the cloud's"),
        ('ca = "own-ca.pem"', "ca = 5", "uplink.ca = 5: expected the path of a file"),
        ("backlog_per_s = 0.5", "backlog_per_s = 0", "uplink.backlog_per_s = 0: expected a number from 0.01 to 1000"),
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


DEVICES = """
[broker]
host = "127.0.0.1"
port = 1884
username = "gw"
password = "hunter22"
client_id = "gw-1"
group = "house"
in_flight = 100
keep_alive_s = 30
formats = ["bthome"]
topics = { senml = ["sites/+/senml"], shelly = ["+/events/rpc", "+/status/#"] }

[[devices]]
format = "zigbee2mqtt"
id = "bathroom/upstairs"
node = "upstairs"
site = "home-1"

[[devices]]
format = "state"
id = "homeassistant/nursery"
node = "nursery"
site = "home-1"
quantity = "temperature"
unit = "°F"

[[attached]]
sensor = "dht22"
pin = "D4"
node = "hall"
site = "home-1"
interval_s = 30

[[attached]]
sensor = "sht4x"
bus = "/dev/i2c-3"
address = 0x45
node = "cellar"
site = "home-1"
"""


def test_a_broker_its_devices_and_attached_sensors_are_read(tmp_path: Path) -> None:
    config = read(tmp_path, FULL + DEVICES)
    broker = config.broker
    assert broker is not None
    assert (broker.host, broker.port, broker.username, broker.group) == ("127.0.0.1", 1884, "gw", "house")
    assert (broker.in_flight, broker.keep_alive_s, broker.formats) == (100, 30, ("bthome",))
    assert broker.topics == {"senml": ("sites/+/senml",), "shelly": ("+/events/rpc", "+/status/#")}
    assert config.devices[0] == DeviceConfig(
        format="zigbee2mqtt", id="bathroom/upstairs", node="upstairs", site="home-1"
    )
    assert (config.devices[1].quantity, config.devices[1].unit) == ("temperature", "°F")
    assert config.attached == (
        AttachedConfig(sensor="dht22", pin="D4", node="hall", site="home-1", interval_s=30),
        AttachedConfig(sensor="sht4x", bus="/dev/i2c-3", address=0x45, node="cellar", site="home-1"),
    )


def test_without_a_broker_there_is_none(tmp_path: Path) -> None:
    config = read(tmp_path, MINIMAL)
    assert (config.broker, config.devices, config.attached) == (None, (), ())


def test_a_file_of_certificates_is_found_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    broker = read(tmp_path, FULL + DEVICES.replace("port = 1884", 'tls = true\nca = "ca.pem"')).broker
    assert broker is not None
    assert (broker.tls, broker.ca, broker.port) == (True, tmp_path / "ca.pem", 1883)


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('host = "127.0.0.1"\nport = 1884\nusername', 'host = "a..b"\nusername', "broker.host = 'a..b': expected the"),
        ('host = "127.0.0.1"\nport = 1884\nusername', "username", "broker.host is missing"),
        ("port = 1884\nusername", "port = 0\nusername", "broker.port = 0: expected a whole number from 1 to 65535"),
        ('username = "gw"', 'username = ""', "broker.username = '': expected a text"),
        ('password = "hunter22"', "password = 5", "broker.password = (not shown): expected a text"),
        ('password = "hunter22"', 'tls = "yes"', "broker.tls = 'yes': expected true or false"),
        ('password = "hunter22"', 'ca = "nowhere.pem"', "expected a file that is there, and tls = true"),
        ('client_id = "gw-1"', 'client_id = "g/1"', "broker.client_id = 'g/1'"),
        ('group = "house"', 'group = "a/b"', "broker.group = 'a/b'"),
        ("in_flight = 100", "in_flight = 2000", "broker.in_flight = 2000: expected a whole number from 1 to 1984"),
        ("keep_alive_s = 30", "keep_alive_s = 1", "broker.keep_alive_s = 1"),
        ('["bthome"]', '["bthom"]', "broker.formats = ['bthom']: expected a list of tasmota"),
        ('senml = ["sites/+/senml"]', 'senml = ["sites/a+/senml"]', "broker.topics"),
        ('senml = ["sites/+/senml"]', 'senml = ["sites/#/senml"]', "broker.topics"),
        ('senml = ["sites/+/senml"]', "senml = []", "broker.topics"),
        ('senml = ["sites/+/senml"]', 'sensml = ["a"]', "its keys among tasmota"),
        ('format = "zigbee2mqtt"', 'format = "zigbee"', "devices[1].format = 'zigbee': expected one of tasmota"),
        ('format = "zigbee2mqtt"', "format = ['x']", "devices[1].format = ['x']: expected one of tasmota"),
        ('id = "bathroom/upstairs"', "", "devices[1].id is missing"),
        ('node = "upstairs"', 'node = "bathroom"', "expected a node that [[nodes]] and [[devices]] have not"),
        ('node = "upstairs"', 'node = "up/stairs"', "devices[1].node = 'up/stairs'"),
        ('node = "nursery"\nsite = "home-1"', 'node = "upstairs"\nsite = "home-2"', "the site it has elsewhere"),
        ('quantity = "temperature"', 'quantity = "warmth"', "devices[2].quantity = 'warmth': expected one of"),
        ('quantity = "temperature"', "", "devices[2].unit = '°F': expected a quantity beside it"),
        ('unit = "°F"', 'unit = "lux"', "devices[2].unit: expected a unit of temperature"),
        ('format = "zigbee2mqtt"\nid = "bathroom/upstairs"', 'format = "state"\nid = "homeassistant/nursery"',
         "devices[2].id = 'homeassistant/nursery': expected a device that no other row has"),
        ('sensor = "dht22"', 'sensor = "dht33"', "attached[1].sensor = 'dht33': expected one of dht11, dht22, sht4x"),
        ('pin = "D4"', "", "attached[1].pin is missing: expected the pin that the dht22 is on"),
        ("address = 0x45", "address = 0", "attached[2].address = 0: expected a whole number from 8 to 119"),
        ("interval_s = 30", "interval_s = 1", "attached[1].interval_s = 1: expected a number from 2 to 86400"),
        ('node = "cellar"', 'node = "hall"', "attached[2].node = 'hall': expected a node that no other row has"),
        ('node = "cellar"', 'node = "nursery"', "expected a node that [[nodes]] and [[devices]] have not"),
        ("[[attached]]", "[[atached]]", "unknown key atached"),
    ],
)  # fmt: skip
def test_a_bad_value_of_a_broker_or_device_is_named(tmp_path: Path, before: str, after: str, named: str) -> None:
    assert before in DEVICES
    assert named in refusal(tmp_path, FULL + DEVICES.replace(before, after))


def test_devices_need_a_broker_and_a_format_without_topics_needs_some(tmp_path: Path) -> None:
    table, rows = DEVICES.split("[[devices]]", 1)
    assert "devices[1]: expected a table [broker]" in refusal(tmp_path, FULL + "[[devices]]" + rows)
    senml = (
        (table + "[[devices]]" + rows).replace('"zigbee2mqtt"', '"senml"').replace('senml = ["sites/+/senml"], ', "")
    )
    assert "with topics.senml where the format has none" in refusal(tmp_path, FULL + senml)


def test_a_brokers_password_is_not_repeated(tmp_path: Path) -> None:
    assert "hunter22" not in repr(read(tmp_path, FULL + DEVICES))


def test_a_listener_with_nothing_to_listen_with_is_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path, MINIMAL + "[listener]\nplain = false\n")
    assert "listener.plain = False: expected true, or a table [listener.tls]" in text
