"""The listener's protocol core: what each packet means, and that no bytes can do more than end their connection."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.samples import NODE, live, message

from aircue_gateway import mqtt_server
from aircue_gateway.message import Message
from aircue_gateway.session import Ended, FiltersRefused, Joined, Refused, Session, Subscribed, Unsubscribed
from aircue_node import contract, mqtt

KEY = NODE.key
TOPIC = contract.topic(NODE.site, NODE.id, "")
LIMIT = 4096


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
