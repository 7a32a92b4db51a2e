"""The MQTT 3.1.1 codec: packets of the standard, any packet there and back in any pieces, and bytes that are none."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_gateway.intakes import mqtt_server
from aircue_node import mqtt

_topics = st.text(st.characters(exclude_characters="+#\x00", exclude_categories=["Cs"]), min_size=1, max_size=20)


def parsed(data: bytes, limit: int = 65536) -> list[tuple[int, int, bytes]]:
    parser = mqtt.Parser(limit)
    parser.feed(data)
    packets = []
    while (packet := parser.next_packet()) is not None:
        packets.append(packet)
    return packets


def test_connect_of_the_standards_figure() -> None:
    """MQTT 3.1.1, figure 3.6: protocol name, level 4, then flags and keep-alive."""
    packet = mqtt.connect("n", "u", "p", 10, "a/b", b"x")
    assert packet[2:9] == bytes([0, 4]) + b"MQTT" + bytes([4])
    assert packet[9] == 0b11101110
    assert packet[10:12] == bytes([0, 10])


@given(_topics, st.binary(max_size=300), st.integers(0, 2), st.integers(1, 65535), st.booleans(), st.booleans())
def test_publish_there_and_back(
    topic: str, payload: bytes, qos: int, packet_id: int, retain: bool, duplicate: bool
) -> None:
    [(kind, flags, body)] = parsed(mqtt.publish(topic, payload, qos, packet_id, retain, duplicate))
    expected = (topic, payload, qos, packet_id if qos else 0, retain, duplicate)
    assert (kind, mqtt.parse_publish(flags, body)) == (mqtt.PUBLISH, expected)


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=9), st.integers(0, 65535))
def test_connect_there_and_back(text: str, keep_alive_s: int) -> None:
    [(_, _, body)] = parsed(mqtt.connect(text, text, text, keep_alive_s, "will", b"gone", False))
    assert mqtt_server.parse_connect(body) == {
        "level": 4,
        "client_id": text,
        "username": text,
        "password": text,
        "keep_alive_s": keep_alive_s,
        "clean_session": False,
        "will": ("will", b"gone", 1, True),
    }


@given(st.integers(1, 65535), st.lists(st.tuples(_topics, st.integers(0, 2)), min_size=1, max_size=4))
def test_subscribe_there_and_back(packet_id: int, filters: list[tuple[str, int]]) -> None:
    [(kind, _, body)] = parsed(mqtt.subscribe(packet_id, filters))
    assert (kind, mqtt_server.parse_subscribe(body)) == (mqtt.SUBSCRIBE, (packet_id, filters))


@given(st.lists(st.integers(0, 400), max_size=6), st.data())
def test_packets_are_found_however_the_stream_is_cut(sizes: list[int], data: st.DataObject) -> None:
    packets = [mqtt.publish("t", bytes(size)) for size in sizes]
    stream = b"".join(packets)
    parser, found, at = mqtt.Parser(), 0, 0
    while at < len(stream):
        step = data.draw(st.integers(1, 300))
        parser.feed(stream[at : at + step])
        at += step
        while parser.next_packet() is not None:
            found += 1
    assert found == len(packets)


@pytest.mark.parametrize(
    ("stream", "named"),
    [
        (b"\x00\x00", "reserved"),
        (b"\xf0\x00", "reserved"),
        (b"\xc1\x00", "flags"),
        (b"\x80\x00", "flags"),
        (b"\x30\xff\xff\xff\xff\x01", "limit|more than 4"),
        (b"\x30\xff\xff\x7f", "limit"),
    ],
)
def test_a_stream_that_is_not_mqtt_is_refused(stream: bytes, named: str) -> None:
    with pytest.raises(mqtt.ProtocolError, match=named):
        parsed(stream)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_raise_nothing_but_protocol_errors(stream: bytes) -> None:
    parsers: dict[int, Any] = {
        mqtt.CONNECT: mqtt_server.parse_connect,
        mqtt.SUBSCRIBE: mqtt_server.parse_subscribe,
        mqtt.UNSUBSCRIBE: mqtt_server.parse_unsubscribe,
        mqtt.PUBACK: mqtt.parse_packet_id,
        mqtt.CONNACK: mqtt.parse_connack,
        mqtt.SUBACK: mqtt.parse_suback,
    }
    with contextlib.suppress(mqtt.ProtocolError):
        for kind, flags, body in parsed(stream):
            assert len(body) <= len(stream)
            if kind == mqtt.PUBLISH:
                mqtt.parse_publish(flags, body)
            elif kind in parsers:
                parsers[kind](body)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/uptime", False),
        ("$SYS/#", "$SYS/uptime", True),
        ("+/monitor/Clients", "$SYS/monitor/Clients", False),
    ],
)
def test_filters_of_the_standards_section_4_7(topic_filter: str, topic: str, expected: bool) -> None:
    assert mqtt_server.matches(topic_filter, topic) is expected
