"""Devices of other makers become numbered samples: each message once, under the node the configuration names."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.samples import BOOT, INSTALLATION, NODE, birth, live, sealed

from aircue_gateway.batch import Group, Status
from aircue_gateway.config import BrokerConfig, CleaningConfig, DeviceConfig
from aircue_gateway.intake import Intake
from aircue_gateway.intakes.behind_broker import OwnNodes, filters, topics
from aircue_gateway.intakes.devices import Devices, Heard
from aircue_gateway.intakes.numbered import Numbered
from aircue_gateway.intakes.recent import MOST, Recent, mark_of
from aircue_gateway.ledger import Count
from aircue_gateway.payloads.formats import FORMATS
from aircue_gateway.replays import Replays
from aircue_gateway.report import dead_letters, status
from aircue_gateway.spool.spool import Spool
from aircue_gateway.window import DeadLetter, Window
from aircue_node import contract

NOW_MS = 1_763_700_000_000
TOPICS = {**{name: one.topics for name, one in FORMATS.items()}, "senml": ("sites/+/senml",)}
Z2M = "zigbee2mqtt/bathroom"


def row(form: str, ident: str, node: str = "bath", **more: str) -> DeviceConfig:
    return DeviceConfig(format=form, id=ident, node=node, site="home-1", **more)


class Gateway:
    """What the daemon is made of, as far as devices are concerned, on a real spool."""

    def __init__(self, folder: Path, *rows: DeviceConfig) -> None:
        self.folder = folder
        self.rows = rows
        self.now_ms = NOW_MS
        self.windows: list[Window] = []
        self.start()

    def start(self) -> None:
        self.spool = Spool.open(self.folder, "gw-1", self.now_ms)
        stored = self.spool.load()
        self.intake = Intake(CleaningConfig(), stored)
        numbered = Numbered(
            int(self.spool.epoch, 16), stored, self.intake.take, lambda: self.intake.count(Count.CLOCK_DISBELIEVED)
        )
        self.devices = Devices(self.rows, TOPICS, self.intake, numbered)

    def hear(self, topic: str, payload: Any, **more: Any) -> None:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.now_ms += 10_000
        self.devices.take(Heard(topic, data, **more), self.now_ms, receipt=("receipt", more.get("packet_id")))

    def commit(self) -> Window:
        window = self.intake.swap()
        self.spool.commit(window)
        return window

    def crash(self) -> None:
        """What was not committed is gone."""
        self.spool.close()
        self.start()

    def groups(self) -> list[Group]:
        self.commit()
        self.spool.seal(self.now_ms, urgent=False)
        return [group for one in sealed(self.spool) for group in one.groups]

    def rows_of(self, quantity: str) -> list[float | None]:
        """A quantity's values of all samples, in the order of the groups and their sequences."""
        found = []
        for group in self.groups():
            names = [channel.quantity for channel in group.channels]
            at = names.index(quantity) if quantity in names else None
            for sample in group.samples:
                value = None if at is None else sample.values[at]
                found.append(None if value is None or at is None else value / group.channels[at].scale)
        return found


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(
        tmp_path,
        row("zigbee2mqtt", "bathroom"),
        row("tasmota", "attic", "attic"),
        row("senml", "urn:dev:1", "cellar"),
        row("state", "esp", "study"),
        row("state", "homeassistant/nursery", "nursery", quantity="temperature", unit="°F"),
        row("bthome", "A4:C1:38:8D:18:B2", "hall"),
    )
    yield made
    made.spool.close()


def test_a_message_becomes_a_sample_of_the_nodes_stream(gateway: Gateway) -> None:
    gateway.hear(Z2M, {"temperature": 21.37, "humidity": 55.2, "linkquality": 80})
    gateway.hear(Z2M, {"temperature": 21.4, "humidity": None})
    (group,) = gateway.groups()
    assert (group.site, group.node, group.boot) == ("home-1", "bath", 1)
    assert group.installation == int(gateway.spool.epoch, 16)
    assert [(one.quantity, one.unit, one.scale) for one in group.channels] == [
        ("temperature", "Cel", 100),
        ("humidity", "%RH", 100),
    ]
    assert [(one.sequence, one.values) for one in group.samples] == [(1, (2137, 5520)), (2, (2140, None))]
    assert group.samples[1].statuses == (Status.OK, Status.GAP)


def test_the_time_is_the_devices_where_it_tells_one_and_the_arrival_elsewhere(gateway: Gateway) -> None:
    gateway.hear(Z2M, {"temperature": 21, "last_seen": NOW_MS + 3123})
    gateway.hear(Z2M, {"temperature": 21.1})
    gateway.hear(Z2M, {"temperature": 21.2, "last_seen": NOW_MS + 29_999})
    (group,) = gateway.groups()
    assert [(one.measured_at_ms - NOW_MS, one.clock) for one in group.samples] == [
        (3000, "node"),  # whole seconds
        (20_000, "gateway"),
        (29_000, "node"),
    ]


@pytest.mark.parametrize("wrong", [1000, NOW_MS + 3_600_000])
def test_a_clock_that_cannot_be_right_is_not_believed(gateway: Gateway, wrong: int) -> None:
    gateway.hear(Z2M, {"temperature": 21, "last_seen": wrong})
    (group,) = gateway.groups()
    assert [(one.measured_at_ms, one.clock) for one in group.samples] == [(gateway.now_ms, "gateway")]
    assert status(gateway.folder)["counters"][Count.CLOCK_DISBELIEVED] == 1


def test_a_new_quantity_grows_the_channels_and_keeps_the_sequence(gateway: Gateway) -> None:
    gateway.hear(Z2M, {"temperature": 21})
    gateway.hear(Z2M, {"temperature": 21, "co2": 700})
    gateway.commit()
    gateway.crash()
    gateway.hear(Z2M, {"co2": 710})
    gateway.hear(Z2M, {"co2": 720, "humidity": 50})
    groups = gateway.groups()
    assert [[channel.quantity for channel in group.channels] for group in groups] == [
        ["temperature"],
        ["temperature", "co2"],
        ["temperature", "co2", "humidity"],
    ]
    assert [[one.sequence for one in group.samples] for group in groups] == [[1], [2, 3], [4]]
    assert groups[1].samples[1].values == (None, 710)


def test_a_message_sent_again_after_a_crash_between_commit_and_acknowledgement_counts_once(gateway: Gateway) -> None:
    gateway.hear(Z2M, {"temperature": 21}, packet_id=7)
    gateway.commit()
    gateway.crash()
    gateway.hear(Z2M, {"temperature": 21}, packet_id=7, duplicate=True)
    window = gateway.commit()
    assert window.receipts == [("receipt", 7)], "it is acknowledged all the same"
    assert gateway.rows_of("temperature") == [21]
    assert status(gateway.folder)["counters"][Count.SAMPLES_REDELIVERED] == 1


def test_a_message_sent_again_after_a_crash_before_the_commit_is_not_lost(gateway: Gateway) -> None:
    gateway.hear(Z2M, {"temperature": 21}, packet_id=7)
    gateway.crash()
    gateway.hear(Z2M, {"temperature": 21}, packet_id=7, duplicate=True)
    assert gateway.rows_of("temperature") == [21]


def test_a_message_sent_again_before_the_commit_counts_once(gateway: Gateway) -> None:
    gateway.hear(Z2M, {"temperature": 21}, packet_id=7)
    gateway.hear(Z2M, {"temperature": 21}, packet_id=7, duplicate=True)
    assert gateway.rows_of("temperature") == [21]


def test_the_same_words_again_are_another_measurement(gateway: Gateway) -> None:
    """Not marked as sent again, under the same packet id or not; or marked, but under another one: it was in flight
    itself."""
    gateway.hear(Z2M, {"temperature": 21}, packet_id=7)
    gateway.hear(Z2M, {"temperature": 21}, packet_id=7)
    gateway.hear(Z2M, {"temperature": 21}, packet_id=8)
    gateway.commit()
    gateway.crash()
    gateway.hear(Z2M, {"temperature": 21}, packet_id=9, duplicate=True)
    assert gateway.rows_of("temperature") == [21, 21, 21, 21]


def test_every_receipt_leaves_whatever_the_message_was(gateway: Gateway) -> None:
    gateway.hear("strange/topic", b"x", packet_id=1)
    gateway.hear("zigbee2mqtt/lamp", {"state": "ON"}, packet_id=2)
    gateway.hear(Z2M, b"{", packet_id=3)
    gateway.hear("zigbee2mqtt/unknown", {"temperature": 3}, packet_id=4)
    gateway.hear(Z2M, {"temperature": 3}, packet_id=5)
    assert [receipt[1] for receipt in gateway.commit().receipts] == [1, 2, 3, 4, 5]


def test_a_retained_value_of_unknown_age_counts_once(gateway: Gateway) -> None:
    gateway.hear(Z2M, {"temperature": 21}, retain=True)
    gateway.hear(Z2M, {"temperature": 22})
    gateway.commit()
    gateway.crash()
    gateway.hear(Z2M, {"temperature": 22}, retain=True)
    gateway.hear(Z2M, {"temperature": 23}, retain=True)
    assert gateway.rows_of("temperature") == [21, 22]


def test_a_retained_value_with_a_newer_time_counts(gateway: Gateway) -> None:
    pack = [{"bn": "urn:dev:1/", "n": "temperature", "u": "Cel", "t": NOW_MS / 1000, "v": 20}]
    gateway.hear("sites/1/senml", pack)
    gateway.commit()
    gateway.crash()
    gateway.hear("sites/1/senml", pack, retain=True)
    gateway.hear("sites/1/senml", [{**pack[0], "t": NOW_MS / 1000 - 60, "v": 19}], retain=True)
    gateway.hear("sites/1/senml", [{**pack[0], "t": NOW_MS / 1000 + 10, "v": 21}], retain=True)
    assert gateway.rows_of("temperature") == [20, 21]


def test_what_a_device_tells_again_under_the_same_time_counts_once(gateway: Gateway) -> None:
    """As Zigbee2MQTT does with the states it kept when it starts."""
    gateway.hear(Z2M, {"temperature": 21, "last_seen": NOW_MS})
    gateway.commit()
    gateway.crash()
    gateway.hear(Z2M, {"temperature": 21, "last_seen": NOW_MS})
    gateway.hear(Z2M, {"temperature": 22, "last_seen": NOW_MS + 5000})
    assert gateway.rows_of("temperature") == [21, 22]


def test_a_pack_with_times_is_a_sample_a_time_in_order_and_older_ones_come_as_a_backlog(gateway: Gateway) -> None:
    now = NOW_MS / 1000
    records = [
        {"bn": "urn:dev:1/", "bt": now, "n": "temperature", "u": "Cel", "v": 20},
        {"n": "rh", "u": "%RH", "v": 50},
    ]
    gateway.hear("sites/1/senml", [*records, {"n": "temperature", "u": "Cel", "t": -60, "v": 19}])
    assert not gateway.intake.swap().late
    gateway.hear("sites/1/senml", [{"n": "urn:dev:1/temperature", "u": "Cel", "t": now - 120, "v": 18}])
    assert gateway.intake.swap().late


def test_two_devices_may_be_one_node_and_one_device_two(tmp_path: Path) -> None:
    gateway = Gateway(
        tmp_path,
        row("state", "ha/bath_temperature"),
        row("state", "ha/bath_humidity"),
        row("tasmota", "attic/DS18B20-1", "left"),
        row("tasmota", "attic/DS18B20-2", "right"),
    )
    gateway.hear("ha/sensor/bath_temperature/state", b"21.5")
    gateway.hear("ha/sensor/bath_humidity/state", b"60")
    gateway.hear("tele/attic/SENSOR", {"DS18B20-1": {"Temperature": 10}, "DS18B20-2": {"Temperature": 20}})
    found = {(group.node, sample.values) for group in gateway.groups() for sample in group.samples}
    assert found == {("bath", (2150,)), ("bath", (None, 6000)), ("left", (1000,)), ("right", (2000,))}
    gateway.spool.close()


def test_a_quantity_keeps_its_source_over_a_restart_and_the_other_one_is_named(gateway: Gateway) -> None:
    both = {"SCD40": {"Temperature": 20}, "DHT22": {"Temperature": 30}}
    gateway.hear("tele/attic/SENSOR", both)
    gateway.commit()
    gateway.crash()
    gateway.hear("tele/attic/SENSOR", {"DHT22": {"Temperature": 31}})
    gateway.hear("tele/attic/SENSOR", both)
    assert gateway.rows_of("temperature") == [20, 20]
    (seen,) = gateway.devices.report()
    assert seen["id"] == "attic/DHT22"
    assert seen["why"] == "temperature of node attic comes from tasmota:attic/SCD40"


def test_a_source_that_is_configured_away_gives_its_quantity_free(gateway: Gateway) -> None:
    gateway.hear(Z2M, {"temperature": 21})
    gateway.commit()
    gateway.rows = (row("zigbee2mqtt", "new-one"),)
    gateway.crash()
    gateway.hear("zigbee2mqtt/new-one", {"temperature": 22})
    assert gateway.rows_of("temperature") == [21, 22]


def test_the_configuration_tells_quantity_and_unit_where_the_topic_cannot(gateway: Gateway) -> None:
    gateway.hear("homeassistant/sensor/nursery/state", b"70.7")
    assert gateway.rows_of("temperature") == [21.5]


def test_a_bluetooth_advertisement_that_is_repeated_is_one_measurement(gateway: Gateway) -> None:
    said = {"id": "A4:C1:38:8D:18:B2", "servicedata": "40000902c409", "servicedatauuid": "fcd2"}
    gateway.hear("home/omg/BTtoMQTT/A4C1388D18B2", said)
    gateway.hear("home/omg/BTtoMQTT/A4C1388D18B2", said)
    gateway.hear("home/omg/BTtoMQTT/A4C1388D18B2", {**said, "servicedata": "40000a02c409"})
    assert gateway.rows_of("temperature") == [25, 25]


def test_a_device_nobody_configured_is_listed_with_the_lines_to_add(gateway: Gateway) -> None:
    gateway.hear("zigbee2mqtt/kitchen", {"temperature": 21})
    gateway.hear("zigbee2mqtt/kitchen", {"humidity": 50, "linkquality": 9})
    gateway.hear("homeassistant/sensor/office_co2/state", b"700")
    gateway.hear("homeassistant/sensor/uptime/state", b"700")
    kitchen, office = gateway.devices.report()
    assert (kitchen["quantities"], kitchen["last_ms"]) == (["temperature", "humidity"], NOW_MS + 20_000)
    assert kitchen["add"].splitlines()[:3] == ["[[devices]]", 'format = "zigbee2mqtt"', 'id = "kitchen"']
    assert office["id"] == "homeassistant/office_co2"
    assert gateway.groups() == []


def test_what_cannot_be_read_is_set_aside_and_the_rest_is_taken(gateway: Gateway) -> None:
    gateway.hear(Z2M, {"temperature": "hot", "humidity": 50})
    gateway.hear("zigbee2mqtt/bathroom", b"{")
    gateway.hear("tele/attic/SENSOR", b"")
    gateway.hear("home/omg/BTtoMQTT/x", {"tempc": 20})
    gateway.hear("x/events/rpc", b"{")  # no Shelly is configured
    assert gateway.rows_of("humidity") == [50]
    reasons = [letter["reason"] for letter in dead_letters(gateway.folder)]
    assert len(reasons) == 4
    assert reasons[0].startswith("zigbee2mqtt/bathroom: temperature: expected a number")


def test_a_message_set_aside_is_replayed_once_it_can_be_read(gateway: Gateway) -> None:
    at_ms = NOW_MS - 86_400_000
    good = json.dumps({"temperature": 21}).encode()
    assert gateway.devices.replay(Z2M, good, at_ms, gateway.now_ms) is None
    (group,) = gateway.groups()
    assert [one.measured_at_ms for one in group.samples] == [at_ms]
    assert "expected JSON" in str(gateway.devices.replay(Z2M, b"{", at_ms, gateway.now_ms))
    assert "no format" in str(gateway.devices.replay("a/b", good, at_ms, gateway.now_ms))
    partly = json.dumps({"temperature": "hot", "humidity": 50}).encode()
    assert "the rest of the message was taken" in str(gateway.devices.replay(Z2M, partly, at_ms, gateway.now_ms))
    assert "nothing in it is new" in str(gateway.devices.replay("zigbee2mqtt/lamp", good, at_ms, gateway.now_ms))


class BrokerModel:
    """Delivers in order, at most IN_FLIGHT unacknowledged, and after a lost connection again from the first of them,
    marked and under their packet ids: MQTT 3.1.1, 4.4 and 4.6."""

    IN_FLIGHT = 3

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.queue: list[int] = []
        self.flying: dict[int, int] = {}
        self.published = self.last_id = 0

    def publish(self) -> None:
        self.published += 1
        self.queue.append(self.published)

    def deliver(self) -> None:
        if self.queue and len(self.flying) < self.IN_FLIGHT:
            self.last_id = self.last_id % 5 + 1  # ids come round soon
            while self.last_id in self.flying:
                self.last_id = self.last_id % 5 + 1
            self.flying[self.last_id] = self.queue.pop(0)
            self.say(self.last_id, again=False)

    def say(self, packet_id: int, *, again: bool) -> None:
        payload = {"co2": 400 + self.flying[packet_id]}
        self.gateway.hear(Z2M, payload, packet_id=packet_id, duplicate=again)

    def commit(self, acknowledgements: int = 99) -> None:
        """Some of the acknowledgements may not get through."""
        for _, packet_id in self.gateway.commit().receipts[:acknowledgements]:
            self.flying.pop(packet_id, None)

    def reconnect(self) -> None:
        for packet_id in list(self.flying):
            self.say(packet_id, again=True)

    def crash(self) -> None:
        self.gateway.crash()
        self.reconnect()


STEPS = st.lists(st.sampled_from(["publish", "deliver", "commit", "commit and die", "crash", "reconnect"]), max_size=40)


@given(steps=STEPS, lost=st.integers(0, 3))
def test_whatever_dies_when_each_message_counts_once(steps: list[str], lost: int) -> None:
    with TemporaryDirectory() as folder:
        gateway = Gateway(Path(folder), row("zigbee2mqtt", "bathroom"))
        broker = BrokerModel(gateway)
        does = {
            "publish": broker.publish,
            "deliver": broker.deliver,
            "commit": broker.commit,
            "commit and die": lambda: (broker.commit(lost), broker.crash()),
            "crash": broker.crash,
            "reconnect": broker.reconnect,
        }
        for step in steps:
            does[step]()
        while broker.queue or broker.flying:
            broker.deliver()
            broker.commit()
            broker.reconnect()
        found = [round(value or 0) - 400 for value in gateway.rows_of("co2")]
        gateway.spool.close()
    assert sorted(found) == list(range(1, broker.published + 1))


def test_a_dead_letter_is_replayed_once_marked_and_counted(gateway: Gateway) -> None:
    noticed: list[int] = []
    own = OwnNodes({NODE.id: NODE}, gateway.intake, Path("gateway.toml"))
    letter = DeadLetter(received_at_ms=NOW_MS, topic=Z2M, reason="an older gateway", payload=b'{"co2": 700}')
    replays = Replays(gateway.intake, own, gateway.devices, lambda: noticed.append(1))
    assert replays.replay(3, letter, gateway.now_ms) is None
    assert replays.replay(3, letter, gateway.now_ms) == "it was replayed before"
    bad = DeadLetter(received_at_ms=NOW_MS, topic=Z2M, reason="bad", payload=b"{")
    assert "expected JSON" in str(replays.replay(4, bad, gateway.now_ms))
    assert gateway.rows_of("co2") == [700]
    gateway.crash()
    assert Replays(gateway.intake, own, gateway.devices, lambda: None).done == [3]
    assert status(gateway.folder)["counters"][Count.DEAD_LETTERS_REPLAYED] == 1
    assert noticed == [1]


def test_our_own_nodes_letters_are_replayed_as_far_as_they_can_be_read(gateway: Gateway) -> None:
    own = OwnNodes({NODE.id: NODE}, gateway.intake, Path("gateway.toml"))
    prefix = f"aircue/{NODE.site}/{NODE.id}/"
    assert own.replay(prefix + "birth", birth(), NOW_MS) is None
    assert own.replay(prefix + "samples", live(1), NOW_MS) is None
    assert "expected a JSON object" in str(own.replay(prefix + "samples", b"{", NOW_MS))
    assert "no kind of message" in str(own.replay(prefix + "other", b"{}", NOW_MS))
    assert own.replay("aircue/home-1/stranger/birth", birth(), NOW_MS) == "its node is not under [[nodes]]"
    assert [group.node for group in gateway.groups()] == [NODE.id]


def test_a_node_nobody_configured_is_counted_and_its_message_acknowledged(gateway: Gateway) -> None:
    own = OwnNodes({}, gateway.intake, Path("gateway.toml"))
    own.take(Heard("aircue/home-1/bathroom/samples", b"{}", 7), NOW_MS, ("receipt", 7))
    window = gateway.commit()
    assert (window.receipts, window.counts[Count.UNKNOWN_NODES]) == ([("receipt", 7)], 1)


def test_a_birth_that_a_broker_passes_on_is_retained_all_the_same(gateway: Gateway) -> None:
    """It tells those alone that a message is retained who subscribe later."""
    own = OwnNodes({NODE.id: NODE}, gateway.intake, Path("gateway.toml"))
    topic = f"aircue/{NODE.site}/{NODE.id}/birth"
    own.take(Heard(topic, birth(), 7), NOW_MS, None)
    assert gateway.intake.retained[topic] == birth()


def test_a_node_is_present_from_its_first_word_to_its_last_will(gateway: Gateway) -> None:
    own = OwnNodes({NODE.id: NODE}, gateway.intake, Path("gateway.toml"))
    topics = {leaf: f"aircue/{NODE.site}/{NODE.id}/{leaf}" for leaf in ("birth", "samples", "status", "command")}
    own.take(Heard(topics["birth"], birth(), 7, retain=True), NOW_MS, None)
    assert not own.is_present(topics["command"]), "a retained birth may be old"
    own.take(Heard(topics["samples"], live(1), 8), NOW_MS, None)
    assert own.is_present(topics["command"])
    own.take(Heard(topics["status"], contract.encode_will(INSTALLATION, BOOT), 9), NOW_MS, None)
    assert not own.is_present(topics["command"])


def test_what_is_subscribed_to() -> None:
    rows = (row("tasmota", "attic"), row("shelly", "s"))
    config = BrokerConfig(host="h", formats=("bthome",), topics={"shelly": ("house/+/events/rpc",)}, group="g")
    foreign = topics(config, rows)
    assert foreign == {
        "tasmota": ("tele/+/SENSOR",),
        "shelly": ("house/+/events/rpc",),
        "bthome": ("home/+/BTtoMQTT/+", "home/+/undecoded/+"),
    }
    found = filters(config, foreign)
    assert found[:3] == ["aircue/+/+/birth", "aircue/+/+/status", "aircue/+/+/reply"]
    assert found[3:5] == ["$share/g/aircue/+/+/samples", "$share/g/aircue/+/+/backlog"]
    assert "$share/g/house/+/events/rpc" in found
    assert len(found) == 9
    alone = filters(BrokerConfig(host="h"), {})
    assert alone == [f"aircue/+/+/{leaf}" for leaf in ("birth", "status", "reply", "samples", "backlog")]


def test_foreign_samples_get_the_same_cleaning_as_ours(gateway: Gateway) -> None:
    gateway.hear(Z2M, {"temperature": 21, "humidity": 140})
    (group,) = gateway.groups()
    assert group.samples[0].statuses == (Status.OK, Status.RANGE)


def test_the_last_messages_are_remembered_as_many_as_promised(tmp_path: Path) -> None:
    kept: dict[str, bytes] = {}
    recent = Recent(kept.__setitem__, kept)
    marks = [mark_of("t", b"x", number) for number in range(1, 3 * MOST)]
    for mark in marks:
        recent.note(mark)
    for again in (recent, Recent(kept.__setitem__, kept)):
        assert all(mark in again for mark in marks[-MOST:])
        assert marks[0] not in again


def test_a_restart_goes_on_where_the_pages_ended(tmp_path: Path) -> None:
    kept: dict[str, bytes] = {}
    marks = [mark_of("t", b"x", number) for number in range(1, 2 * MOST)]
    for mark in marks:  # a restart after every message
        if len(kept) < 3 or mark in marks[-200:]:
            recent = Recent(kept.__setitem__, kept)
        recent.note(mark)
    assert all(mark in Recent(kept.__setitem__, kept) for mark in marks[-MOST:])
