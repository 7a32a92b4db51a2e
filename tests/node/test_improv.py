"""Improv on a serial line: the dialogue a browser has with a node, with a fake radio."""

import asyncio

import pytest
from tests.node.provisioning import Point, Station, frame, network, setup

from aircue_node.provisioning import improv
from aircue_node.provisioning.console import Console
from aircue_node.provisioning.radio import Radio

WIFI = b"\x01\x13\x04home\x0dhome-password"
STATE, INFO, SCAN, NAME = b"\x02\x00", b"\x03\x00", b"\x04\x00", b"\x05\x00"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aircue_node.wifi._JOIN_S", 0.05)
    monkeypatch.setattr("aircue_node.wifi._POLL_S", 0.01)


class Line:
    """One node's serial line; what it writes comes back as packets."""

    def __init__(self, station: Station | None = None) -> None:
        self.setup = setup()
        self.written = b""
        radio = Radio(Point(), station or Station(), self.setup.name, "", 3)
        info = ("aircue", "0.1.0", "ESP32C3 module")
        self._console = Console(self.setup, radio, self._write, "http://{}/".format, info)

    def _write(self, data: bytes) -> None:
        self.written += data

    def send(self, data: bytes) -> list[tuple[int, bytes]]:
        """The packets that come back, (type, data); what is no packet must be empty lines."""
        self.written = b""
        asyncio.run(self._play(data))
        found, rest = [], self.written
        while rest.startswith(b"\n"):
            size = 11 + rest[9]
            packet, rest = rest[1:size], rest[size:]
            assert packet == frame(packet[7], packet[9:-1])
            assert rest.startswith(b"\n")
            found.append((packet[7], packet[9:-1]))
            rest = rest[1:]
        assert rest == b""
        return found

    async def _play(self, data: bytes) -> None:
        waiting = [bytes([byte]) for byte in data] + [b""]

        async def read() -> bytes:
            return waiting.pop(0)

        await self._console.run(read, lambda: 0)


CLEAR = (improv.ERROR, b"\0")


def test_wifi_settings_are_tried_and_the_page_for_the_rest_is_told() -> None:
    line = Line()
    url = b"http://127.0.0.3/"
    told = b"\x01" + bytes([1 + len(url), len(url)]) + url
    assert line.send(frame(3, WIFI) + b"\n") == [
        CLEAR,
        (improv.STATE, bytes([improv.PROVISIONING])),
        (improv.STATE, bytes([improv.PROVISIONED])),
        (improv.RESULT, told),
    ]
    assert line.send(frame(3, STATE)) == [
        CLEAR,
        (improv.STATE, bytes([improv.PROVISIONED])),
        (improv.RESULT, b"\x02" + told[1:]),
    ]
    assert (line.setup.base["ssid"], line.setup.base["wifi_key"]) == ("home", "home-password")
    assert line.setup.fields["ssid"] == "home"


def test_wifi_settings_that_do_not_fit_are_an_error_and_may_be_sent_again() -> None:
    line = Line(Station(key="another-password"))
    assert line.send(frame(3, WIFI)) == [
        CLEAR,
        (improv.STATE, bytes([improv.PROVISIONING])),
        (improv.ERROR, bytes([improv.UNABLE_TO_CONNECT])),
        (improv.STATE, bytes([improv.READY])),
    ]
    assert "wifi_key" not in line.setup.base
    assert line.send(frame(3, STATE)) == [CLEAR, (improv.STATE, bytes([improv.READY]))]


def test_the_node_says_what_it_is() -> None:
    expected = b"".join(bytes([len(text)]) + text for text in (b"aircue", b"0.1.0", b"ESP32C3 module", b"Aircue-1A2B"))
    assert Line().send(frame(3, INFO)) == [CLEAR, (improv.RESULT, b"\x03" + bytes([len(expected)]) + expected)]


def test_each_network_is_a_result_and_an_empty_one_ends_the_list() -> None:
    class Town(Station):
        def scan(self) -> list[tuple[bytes, bytes, int, int, int, int]]:
            return [network(b"cafe", -80, 0), network(b"home", -40)]

    assert Line(Town()).send(frame(3, SCAN)) == [
        CLEAR,
        (improv.RESULT, b"\x04\x0d\x04home\x03-40\x03YES"),
        (improv.RESULT, b"\x04\x0c\x04cafe\x03-80\x02NO"),
        (improv.RESULT, b"\x04\x00"),
    ]


def test_a_hostname_is_told_and_becomes_the_nodes_suggested_name() -> None:
    line = Line()
    assert line.send(frame(3, NAME)) == [CLEAR, (improv.RESULT, b"\x05\x0c\x0bAircue-1A2B")]
    assert line.send(frame(3, b"\x05\x08bathroom")) == [CLEAR, (improv.RESULT, b"\x05\x09\x08bathroom")]
    assert line.setup.fields["node"] == "bathroom"
    assert line.send(frame(3, b"\x05\x03a b")) == [CLEAR, (improv.ERROR, bytes([improv.BAD_HOSTNAME]))]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(3, b"\x63\x00"), improv.UNKNOWN_CALL),
        (frame(3, b"\x01\x02\x04h"), improv.INVALID_CALL),
        (frame(3, b""), improv.INVALID_CALL),
        (frame(3, STATE)[:-1] + b"\x00", improv.INVALID_CALL),
    ],
)
def test_what_cannot_be_understood_is_an_error_state(data: bytes, code: int) -> None:
    line = Line()
    assert line.send(data)[-1] == (improv.ERROR, bytes([code]))
    assert line.send(frame(3, STATE)) == [CLEAR, (improv.STATE, bytes([improv.READY]))]


def test_packets_that_only_a_device_sends_are_left_alone() -> None:
    assert Line().send(frame(1, b"\x02") + frame(4, b"\x02\x00") + b"hello\n") == []


def test_a_ctrl_c_that_stands_alone_interrupts_and_one_within_a_packet_does_not() -> None:
    assert frame(3, WIFI).count(3) > 0
    Line().send(frame(3, WIFI))
    with pytest.raises(KeyboardInterrupt):
        Line().send(b"\r\x03")
