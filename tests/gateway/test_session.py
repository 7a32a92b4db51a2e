"""The listener's protocol core: what each packet means, and that no bytes can do more than end their connection."""

import contextlib
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.samples import NODE, live, message

from aircue_gateway.config import Watcher
from aircue_gateway.intakes import mqtt_server
from aircue_gateway.intakes.session import (
    Ended,
    FiltersRefused,
    Joined,
    PublicationRefused,
    Refused,
    Said,
    Session,
    Slowed,
    Subscribed,
    Unsubscribed,
)
from aircue_gateway.message import DISCOVERY, Message
from aircue_node import contract, mqtt

KEY = NODE.key
TOPIC = contract.topic(NODE.site, NODE.id, "")
LIMIT = 4096
WATCHER = Watcher(name="home-assistant", key="a staple or two")
HA_STATUS = "homeassistant/status"


def session() -> Session:
    return Session({NODE.id: NODE}, LIMIT)


def hello(user: str = NODE.id, key: str = KEY, will: str | None = None) -> bytes:
    return mqtt.connect(user, user, key, 16, will, b"gone")


def joined() -> Session:
    one = session()
    one.receive(hello())
    one.output()
    return one


def test_a_known_node_is_let_in() -> None:
    one = session()
    assert one.receive(hello()) == [Joined(NODE, (NODE.id, NODE.id))]
    assert one.output() == mqtt_server.connack(mqtt.ACCEPTED)
    assert (one.account, one.keep_alive_s) == (NODE, 16)


@pytest.mark.parametrize(
    ("greeting", "code"),
    [
        (hello(user="stranger"), mqtt_server.REFUSED_NOT_AUTHORIZED),
        (hello(key="guessed key"), mqtt_server.REFUSED_CREDENTIALS),
        (hello(will="aircue/home-1/kitchen/status"), mqtt_server.REFUSED_NOT_AUTHORIZED),
        (mqtt.packet(0x10, b"\x00\x04MQTT\x05\x02\x00\x10\x00\x00\x00"), mqtt_server.REFUSED_PROTOCOL),
        (mqtt.connect("", NODE.id, KEY, 16, clean_session=False), mqtt_server.REFUSED_CLIENT_ID),
    ],
)
def test_whoever_may_not_in_is_told_why_and_dropped(greeting: bytes, code: int) -> None:
    one = session()
    refused, ended = one.receive(greeting)
    assert isinstance(refused, Refused)
    assert isinstance(ended, Ended)
    assert (refused.code, ended.malformed, one.ended) == (code, False, True)
    assert one.output() == mqtt_server.connack(code)


def test_a_publication_becomes_a_message_with_its_leaf() -> None:
    payload = live(1)
    found = joined().receive(mqtt.publish(f"{TOPIC}samples", payload, 1, 7, duplicate=True))
    assert found == [message("samples", payload, packet_id=7, duplicate=True)]


def test_a_topic_outside_the_nodes_own_has_no_leaf() -> None:
    (found,) = joined().receive(mqtt.publish("aircue/home-1/kitchen/samples", b"{}", 1, 7))
    assert isinstance(found, Message)
    assert (found.leaf, found.packet_id) == ("", 7)


def test_nothing_is_acknowledged_until_the_gateway_says_so() -> None:
    one = joined()
    one.receive(mqtt.publish(f"{TOPIC}samples", live(1), 1, 7) + mqtt.publish(f"{TOPIC}samples", live(2), 1, 8))
    assert one.output() == b""
    one.acknowledge([7, 8])
    assert one.output() == mqtt.puback(7) + mqtt.puback(8)


def test_a_node_may_subscribe_below_its_own_prefix_alone() -> None:
    one = joined()
    found = one.receive(mqtt.subscribe(3, [(f"{TOPIC}ack", 1), ("aircue/#", 0), ("+/+/+/ack", 0)]))
    assert found == [FiltersRefused(("aircue/#", "+/+/+/ack")), Subscribed((f"{TOPIC}ack",))]
    assert one.output() == mqtt_server.suback(3, [0, 128, 128])
    unsubscribe = mqtt.packet(0xA2, mqtt.subscribe(4, [(f"{TOPIC}ack", 0)])[2:-1])
    assert one.receive(unsubscribe) == [Unsubscribed((f"{TOPIC}ack",))]
    assert one.output() == mqtt_server.unsuback(4)


def test_a_ping_is_answered() -> None:
    one = joined()
    assert one.receive(mqtt.PINGREQ_PACKET) == []
    assert one.output() == mqtt_server.PINGRESP_PACKET


def test_the_last_will_comes_once_and_only_without_leave() -> None:
    will = f"{TOPIC}status"
    one, other = session(), session()
    one.receive(hello(will=will))
    other.receive(hello(will=will))
    assert one.lost() == message("status", b"gone", retain=True)
    assert one.lost() is None
    assert other.receive(mqtt.DISCONNECT_PACKET) == [Ended("the client took leave", False)]
    assert other.lost() is None


@pytest.mark.parametrize(
    "bad",
    [
        hello(),  # a second one
        b"\x00\x00",
        b"\xf0\x00",
        mqtt.packet(0x34, b"\x00\x01a\x00\x01"),  # QoS 2
        mqtt.packet(0x36, b"\x00\x01a\x00\x01"),  # QoS 3
        mqtt.packet(0x82, b"\x00\x01"),  # subscription to nothing
        mqtt_server.connack(0),
        mqtt.packet(0x30, b"\x00\x02a\xff"),
        b"\x30\xff\xff\xff\x7f",  # over the limit
    ],
)
def test_a_malformed_packet_ends_the_connection_and_what_came_before_it_counts(bad: bytes) -> None:
    one = joined()
    before, ended = one.receive(mqtt.publish(f"{TOPIC}samples", b"first") + bad)
    assert before == message("samples", b"first")
    assert isinstance(ended, Ended)
    assert (ended.malformed, one.ended) == (True, True)
    assert one.receive(mqtt.publish(f"{TOPIC}samples", b"late")) == []


def test_the_first_packet_must_be_connect() -> None:
    (ended,) = session().receive(mqtt.PINGREQ_PACKET)
    assert ended == Ended("CONNECT comes first, and once", True)


VALID = [
    mqtt.publish(f"{TOPIC}samples", live(1), 1, 7),
    mqtt.subscribe(3, [(f"{TOPIC}ack", 1)]),
    mqtt.PINGREQ_PACKET,
    mqtt.puback(9),
]


@given(start=st.sampled_from([session, joined]), chunks=st.lists(st.binary(max_size=40), max_size=6))
def test_random_bytes_never_raise(start: Callable[[], Session], chunks: list[bytes]) -> None:
    one = start()
    for chunk in chunks:
        one.receive(chunk)
        one.output()


@given(data=st.data(), order=st.lists(st.sampled_from(VALID), min_size=1, max_size=4))
def test_broken_packets_never_raise(data: st.DataObject, order: list[bytes]) -> None:
    stream = bytearray(hello() + b"".join(order))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    one = session()
    one.receive(bytes(stream))
    assert one.receive(mqtt.PINGREQ_PACKET) is not None


@given(order=st.lists(st.sampled_from(VALID), max_size=5), size=st.integers(1, 50))
def test_how_the_network_cuts_the_bytes_does_not_matter(order: list[bytes], size: int) -> None:
    stream = hello() + b"".join(order)
    whole, cut = session(), session()
    events = whole.receive(stream)
    pieces = [event for at in range(0, len(stream), size) for event in cut.receive(stream[at : at + size])]
    assert pieces == events
    assert cut.output() == whole.output()


def watching(will: str | None = None) -> Session:
    one = Session({NODE.id: NODE, WATCHER.name: WATCHER}, LIMIT)
    one.receive(mqtt.connect("ha", WATCHER.name, WATCHER.key, 16, will, b"offline"))
    assert one.output() == mqtt_server.connack(mqtt.ACCEPTED)
    return one


def test_a_watcher_subscribes_to_everything_and_a_filter_that_is_none_is_refused() -> None:
    one = watching()
    asked = [
        ("aircue/#", 0),
        ("homeassistant/device/+/config", 1),
        ("#", 0),
        ("a#", 0),
        ("a/#/b", 0),
        ("a+/b", 0),
        ("", 0),
    ]
    refused, granted = one.receive(mqtt.subscribe(1, asked))
    assert refused == FiltersRefused(("a#", "a/#/b", "a+/b", ""))
    assert granted == Subscribed(("aircue/#", "homeassistant/device/+/config", "#"))


def test_a_watcher_may_say_whether_home_assistant_is_there_and_nothing_else() -> None:
    one = watching(will=HA_STATUS)
    said, refused = one.receive(
        mqtt.publish(HA_STATUS, b"online", 1, 1) + mqtt.publish(f"{TOPIC}command", b"restart", 1, 2)
    )
    assert said == Said(HA_STATUS, b"online")
    assert refused == PublicationRefused(f"{TOPIC}command")
    assert one.output() == mqtt.puback(1) + mqtt.puback(2)
    assert one.lost() == Said(HA_STATUS, b"offline")


def test_a_watchers_last_will_lies_nowhere_else() -> None:
    one = Session({WATCHER.name: WATCHER}, LIMIT)
    refused, _ = one.receive(mqtt.connect("ha", WATCHER.name, WATCHER.key, 16, f"{TOPIC}status", b""))
    assert isinstance(refused, Refused)
    assert refused.code == mqtt_server.REFUSED_NOT_AUTHORIZED


def test_a_node_announces_itself_to_home_assistant_and_nobody_else() -> None:
    one = joined()
    own, others = one.receive(
        mqtt.publish("homeassistant/device/bathroom/config", b"{}", 1, 1, retain=True)
        + mqtt.publish("homeassistant/device/kitchen/config", b"{}", 1, 2, retain=True)
    )
    assert isinstance(own, Message)
    assert isinstance(others, Message)
    assert (own.leaf, own.retain, others.leaf) == (DISCOVERY, True, "")
    assert one.receive(mqtt.subscribe(3, [(HA_STATUS, 1)])) == [Subscribed((HA_STATUS,))]


def certified(name: str) -> Session:
    return Session({NODE.id: NODE, WATCHER.name: WATCHER}, LIMIT, certified=name)


def test_a_certificate_replaces_the_key() -> None:
    assert certified(NODE.id).receive(hello(key="")) == [Joined(NODE, (NODE.id, NODE.id))]
    nameless = mqtt.packet(0x10, mqtt.PROTOCOL + b"\x02\x00\x10\x00\x00")
    assert certified(NODE.id).receive(nameless) == [Joined(NODE, (NODE.id, ""))]


@pytest.mark.parametrize(
    ("name", "reason"), [("kitchen", "certificate is the one of 'kitchen'"), (WATCHER.name, "its certif")]
)
def test_a_certificate_of_somebody_else_does_not_even_help_with_the_right_key(name: str, reason: str) -> None:
    refused, _ = certified(name).receive(hello())
    assert isinstance(refused, Refused)
    assert (refused.code, reason in refused.reason) == (mqtt_server.REFUSED_NOT_AUTHORIZED, True)


def test_a_login_that_has_to_wait_is_looked_at_when_its_time_has_come_and_nothing_behind_it_before() -> None:
    one = Session({NODE.id: NODE}, LIMIT, wait_s={NODE.id: 2.0}.__getitem__)
    assert one.receive(hello() + mqtt.publish(f"{TOPIC}samples", b"first")) == [Slowed(NODE.id, 2.0)]
    assert one.receive(mqtt.publish(f"{TOPIC}samples", b"second")) == []
    assert one.output() == b""
    first, second = message("samples", b"first"), message("samples", b"second")
    assert one.decide() == [Joined(NODE, (NODE.id, NODE.id)), first, second]
    assert one.decide() == []


def test_a_login_behind_too_many_others_ends() -> None:
    one = Session({NODE.id: NODE}, LIMIT, wait_s=lambda _: None)
    assert [type(event) for event in one.receive(hello())] == [Slowed, Ended]
    assert one.decide() == []


def test_no_number_of_subscriptions_goes_over_the_limit() -> None:
    one = joined()
    filters = [(f"{TOPIC}{number}", 0) for number in range(150)]
    for start in (0, 50, 100):
        one.receive(mqtt.subscribe(1, filters[start : start + 50]))
    assert one.output()[-50:] == bytes([128] * 50)
    refused, again = one.receive(mqtt.subscribe(1, [(f"{TOPIC}149", 0), (f"{TOPIC}0", 0)]))
    assert (refused, again) == (FiltersRefused((f"{TOPIC}149",)), Subscribed((f"{TOPIC}0",)))
    one.receive(mqtt.packet(0xA2, b"\0\1" + len(f"{TOPIC}0").to_bytes(2, "big") + f"{TOPIC}0".encode()))
    assert one.receive(mqtt.subscribe(1, [(f"{TOPIC}149", 0)])) == [Subscribed((f"{TOPIC}149",))]


@pytest.mark.parametrize("giant", ["x/" * 100, "x" * 600, "+/" * 17 + "#"])
def test_a_giant_filter_is_refused(giant: str) -> None:
    assert joined().receive(mqtt.subscribe(1, [(TOPIC + giant, 0)]))[0] == FiltersRefused((TOPIC + giant,))


def test_somebody_unknown_may_send_little() -> None:
    (ended,) = Session({NODE.id: NODE}, 65536).receive(b"\x10\x81\x20" + bytes(10))
    assert ended == Ended("packet of 4097 bytes is over the limit of 4096", True)


def test_topics_that_a_node_makes_up_are_not_remembered_for_ever() -> None:
    one = joined()
    for number in range(200):
        one.receive(mqtt.publish(f"{TOPIC}{number}", b"", 1, 1))
    assert len(one._topics) == 16


PIECES = st.lists(st.sampled_from([*VALID, hello(), b"\x30", b"\xff" * 5, bytes(3)]), max_size=8)


@given(st.lists(st.binary(max_size=300) | st.sampled_from(VALID), max_size=20), st.data())
def test_the_listeners_cutter_finds_what_the_nodes_parser_finds(pieces: list[bytes], data: st.DataObject) -> None:
    """However the stream is cut, and up to the same error."""
    stream = b"".join(pieces)
    parser, cutter = mqtt.Parser(200), mqtt_server.Cutter(200)
    expected: list[object] = []
    found: list[object] = []
    parser.feed(stream)
    with contextlib.suppress(mqtt.ProtocolError):
        while (packet := parser.next_packet()) is not None:
            expected.append(packet)
    with contextlib.suppress(mqtt.ProtocolError):
        at = 0
        while at < len(stream):
            step = data.draw(st.integers(1, 100))
            cutter.feed(stream[at : at + step])
            at += step
            for first, start, end in cutter.packets():
                found.append((*mqtt_server.checked(first), cutter.data[start:end]))
    assert found == expected


@given(data=st.data(), pieces=PIECES)
def test_a_broken_stream_never_raises_and_keeps_little(data: st.DataObject, pieces: list[bytes]) -> None:
    """Also with what lies between packets changed, doubled or left out."""
    stream = bytearray(hello() + b"".join(pieces))
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(stream)))
        stream[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    one = session()
    for at in range(0, len(stream), 7):
        one.receive(bytes(stream[at : at + 7]))
    one.lost()
    assert len(one._cutter._rest) <= LIMIT + 5
    assert one.unsent <= 10 * len(stream)


def test_a_large_packet_byte_by_byte_is_copied_once() -> None:
    """A hundred times the bytes, no more than some hundred times the work: counted in what the cutter copies."""
    cutter = mqtt_server.Cutter(100_000)
    packet = mqtt.publish("t", bytes(50_000))
    copies = 0
    for at in range(len(packet)):
        cutter.feed(packet[at : at + 1])
        copies += len(cutter.data)
        list(cutter.packets())
    assert copies < 2 * len(packet)


CUTS = (0, 1, 2, 3, 30, 31, 32, 33, 34, 40)


@pytest.mark.parametrize("packet_id", [0, 1, 65535])
@pytest.mark.parametrize("length", [0, 1, 40, 60_000])
def test_a_publication_under_a_known_topic_means_what_it_means_under_a_new_one(packet_id: int, length: int) -> None:
    """Whole or cut short, with a length that reaches into the packet behind it, with any flags and packet id."""
    topic = f"{TOPIC}samples".encode()
    whole = (len(topic) + length).to_bytes(2, "big") + topic + packet_id.to_bytes(2, "big") + b"payload"
    for first, cut in itertools.product(range(0x30, 0x40), CUTS):
        known, new = joined(), joined()
        known.receive(mqtt.publish(f"{TOPIC}samples", b"", 1, 1))
        assert known._topics
        stream = mqtt.packet(first, whole[:cut]) + mqtt.PINGREQ_PACKET
        assert known.receive(stream) == new.receive(stream)
        assert known.output() == new.output()


def test_who_has_logged_in_may_send_large_packets_at_once() -> None:
    one = Session({NODE.id: NODE}, 65536)
    _, large = one.receive(hello() + mqtt.publish(f"{TOPIC}backlog", bytes(60_000)))
    assert large == message("backlog", bytes(60_000))
