"""The codecs of setting up, without I/O: DNS answers, HTTP requests and Improv packets.

Oracles: the bytes of RFC 1035 written out here, urllib for forms, and the specification's own example of Improv with a
checksum reckoned apart.
"""

import contextlib
import struct
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.node.provisioning import frame

from aircue_node.provisioning import dns, http, improv
from aircue_node.provisioning.http import BadRequest

A, AAAA, HTTPS, ANY, IN, CHAOS = 1, 28, 65, 255, 1, 3


def query(name: str, kind: int = A, family: int = IN, flags: int = 0x0100, tail: bytes = b"") -> bytes:
    labels = b"".join(struct.pack("B", len(part)) + part.encode() for part in name.split(".") if part)
    counts = (1, 0, 0, 1 if tail else 0)
    return struct.pack(">6H", 0xBEEF, flags, *counts) + labels + b"\0" + struct.pack(">2H", kind, family) + tail


EDNS = b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)


@pytest.mark.parametrize("name", ["connectivitycheck.gstatic.com", "captive.apple.com", "a", ""])
@pytest.mark.parametrize("tail", [b"", EDNS])
def test_every_name_has_our_address(name: str, tail: bytes) -> None:
    asked = query(name, tail=tail)
    question = asked[12 : len(asked) - len(tail)]
    expected = struct.pack(">6H", 0xBEEF, 0x8500, 1, 1, 0, 0) + question
    expected += b"\xc0\x0c" + struct.pack(">HHIH", A, IN, 0, 4) + bytes([192, 168, 4, 1])
    assert dns.answer(asked, "192.168.4.1") == expected


@pytest.mark.parametrize(("kind", "family"), [(AAAA, IN), (HTTPS, IN), (A, CHAOS), (A + 256, IN), (A, IN + 256)])
def test_what_is_no_ipv4_address_exists_and_is_empty(kind: int, family: int) -> None:
    """An empty answer, not "no such name": a phone that asks for both kinds then takes the IPv4 one."""
    asked = query("example.org", kind, family)
    assert dns.answer(asked, "192.168.4.1") == struct.pack(">6H", 0xBEEF, 0x8500, 1, 0, 0, 0) + asked[12:]


def test_a_name_has_255_bytes_at_most_and_who_asks_for_no_recursion_is_promised_none() -> None:
    longest = ".".join(["x" * 63, "x" * 63, "x" * 63, "x" * 61])
    answer = dns.answer(query(longest, flags=0), "192.168.4.1")
    assert answer is not None
    assert answer[2:4] == b"\x84\x00"
    assert dns.answer(query(longest + "x"), "192.168.4.1") is None


def test_another_operation_is_not_implemented() -> None:
    asked = query("example.org", flags=0x2100)
    assert dns.answer(asked, "192.168.4.1") == struct.pack(">6H", 0xBEEF, 0xA504, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        query("example.org")[:11],
        query("example.org")[:-1],
        query("example.org", flags=0x8100),
        query("a")[:12] + b"\x40" + b"x" * 64 + query("a")[14:],
        struct.pack(">6H", 1, 0x0100, 2, 0, 0, 0) + query("a")[12:] * 2,
        struct.pack(">6H", 1, 0x0100, 0, 0, 0, 0),
        struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
        query(".".join(["x" * 63] * 5)),
    ],
)
def test_what_is_no_question_gets_no_answer(packet: bytes) -> None:
    assert dns.answer(packet, "192.168.4.1") is None


@given(st.binary(max_size=64))
def test_no_packet_breaks_the_name_server(packet: bytes) -> None:
    for sent in (packet, query("a")[:12] + packet):
        answer = dns.answer(sent, "192.168.4.1")
        assert answer is None or answer[:2] == sent[:2]


def parsed(data: bytes, piece: int = 7) -> http.Request | None:
    parser = http.Parser()
    for at in range(0, len(data), piece):
        request = parser.feed(data[at : at + piece])
        if request is not None:
            return request
    return None


def post(body: bytes, more: str = "") -> bytes:
    head = f"POST /save HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("piece", [1, 13, 5000])
def test_a_request_is_read_in_any_pieces(piece: int) -> None:
    request = parsed(b"GET /generate_204?x=1 HTTP/1.1\r\nHOST: a.example \r\nX-A: b: c\r\n\r\n", piece)
    assert request is not None
    assert (request.method, request.path) == ("GET", "/generate_204")
    assert request.headers == {"host": "a.example", "x-a": "b: c"}


def test_a_proxys_full_address_is_taken_for_its_path() -> None:
    request = parsed(b"GET http://captive.apple.com/hotspot-detect.html HTTP/1.0\r\n\r\n")
    assert request is not None
    assert request.path == "/hotspot-detect.html"


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=20), max_size=20), st.integers(1, 99))
def test_a_form_is_what_urllib_encoded(fields: dict[str, str], piece: int) -> None:
    request = parsed(post(urlencode(fields).encode()), piece)
    assert request is not None
    assert request.form == fields


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"GET index HTTP/1.1\r\n\r\n", 400),
        (b"BREW / HTTP/1.1\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA b: c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 65 + b"\r\n", 431),
        (b"GET /" + b"a" * 3000, 431),
        (b"GET /" + b"a" * 2040 + b" HTTP/1.1\r\n\r\n", 431),
        (post(b"a=1", "Content-Length: 4\r\n"), 400),
        (post(b"a=1", "Transfer-Encoding: chunked\r\n"), 411),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\na=1", 415),
        (post(b"a=%"), 400),
        (post(b"a=%4"), 400),
        (post(b"a=%+1"), 400),
        (post(b"a=%ff"), 400),
        (post(b"&".join(b"a%d=1" % n for n in range(97))), 413),
    ],
)
def test_a_bad_request_is_refused_with_its_status(data: bytes, status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        parsed(data)
    assert caught.value.status == status


@given(st.binary(max_size=200))
def test_no_bytes_break_the_server(data: bytes) -> None:
    for start in (b"", b"GET / HTTP/1.1\r\n", post(b"")[:80]):
        with contextlib.suppress(BadRequest):
            parsed(start + data + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("origin", "elsewhere"),
    [
        ("", False),
        ("Origin: http://h\r\n", False),
        ("Origin: http://evil.example\r\n", True),
        ("Origin: null\r\n", True),
    ],
)
def test_a_form_that_another_site_sent_is_seen(origin: str, elsewhere: bool) -> None:
    request = parsed(post(b"a=1", origin))
    assert request is not None
    assert request.from_elsewhere is elsewhere


# The specification's example: SSID MyWirelessAP, password mysecurepassword.
EXAMPLE = b"\x01\x1e\x0cMyWirelessAP\x10mysecurepassword"


def fed(data: bytes, parser: improv.Parser | None = None, at_ms: int = 0) -> list[tuple[int, bytes]]:
    parser = improv.Parser() if parser is None else parser
    return [packet for byte in data if (packet := parser.feed(byte, at_ms)) is not None]


def test_the_specifications_example_is_understood() -> None:
    assert fed(frame(3, EXAMPLE) + b"\n") == [(3, EXAMPLE)]
    call, data = improv.call_of(EXAMPLE)
    assert call == improv.SEND_WIFI
    assert improv.wifi_of(data) == ("MyWirelessAP", "mysecurepassword")


def test_a_state_is_one_line_of_these_bytes() -> None:
    """I + M + P + R + O + V = 0x1DD; with version 1, type 1, length 1 and state 2 the sum is 0x1E2."""
    assert improv.state(improv.READY) == b"\nIMPROV\x01\x01\x01\x02\xe2\n"
    assert improv.error(improv.UNABLE_TO_CONNECT) == b"\nIMPROV\x01\x02\x01\x03\xe4\n"


def test_the_numbers_are_those_of_the_specification() -> None:
    assert (improv.STATE, improv.ERROR, improv.CALL, improv.RESULT) == (1, 2, 3, 4)
    assert (improv.READY, improv.PROVISIONING, improv.PROVISIONED) == (2, 3, 4)
    assert (improv.INVALID_CALL, improv.UNKNOWN_CALL, improv.UNABLE_TO_CONNECT, improv.BAD_HOSTNAME) == (1, 2, 3, 5)
    calls = (improv.SEND_WIFI, improv.REQUEST_STATE, improv.REQUEST_INFO, improv.REQUEST_NETWORKS, improv.HOSTNAME)
    assert calls == (1, 2, 3, 4, 5)


def test_a_result_lists_its_strings() -> None:
    listed = b"\x01\x14\x13http://192.168.1.9/"
    assert improv.result(improv.SEND_WIFI, ["http://192.168.1.9/"]) == b"\n" + frame(4, listed) + b"\n"
    assert improv.result(improv.REQUEST_NETWORKS, []) == b"\n" + frame(4, b"\x04\x00") + b"\n"
    assert improv.network_texts("home", -60, True) == ["home", "-60", "YES"]
    with pytest.raises(ValueError, match="at most 253"):
        improv.result(improv.REQUEST_INFO, ["x" * 200, "x" * 53])


@given(st.integers(1, 4), st.binary(max_size=255), st.binary(max_size=20))
def test_a_packet_is_found_between_other_output(kind: int, data: bytes, noise: bytes) -> None:
    parser = improv.Parser()
    noise = noise.replace(b"I", b"")
    assert fed(noise + improv.encode(kind, data) + noise, parser) == [(kind, data)]
    assert parser.idle


def test_a_header_that_begins_twice_is_found() -> None:
    assert fed(b"IMPIMPROIIMPROV\x02" + frame(3, b"\x02\x00")) == [(3, b"\x02\x00")]


def test_a_wrong_checksum_is_an_error_and_the_next_packet_is_read() -> None:
    parser, spoilt = improv.Parser(), bytearray(frame(3, EXAMPLE))
    spoilt[12] ^= 1
    with pytest.raises(improv.ImprovError) as caught:
        fed(bytes(spoilt), parser)
    assert caught.value.code == improv.INVALID_CALL
    assert fed(frame(3, b"\x02\x00"), parser) == [(3, b"\x02\x00")]


def test_a_packet_that_was_cut_off_does_not_swallow_the_next() -> None:
    parser = improv.Parser()
    assert fed(frame(3, EXAMPLE)[:20], parser) == []
    assert not parser.idle
    assert fed(frame(3, b"\x02\x00"), parser, at_ms=1001) == [(3, b"\x02\x00")]


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x05abc", b"\x02\x01"])
def test_a_call_whose_length_does_not_fit_is_refused(data: bytes) -> None:
    with pytest.raises(improv.ImprovError):
        improv.call_of(data)


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x00", b"\x04home", b"\x05home\x00", b"\x04home\x03ab", b"\x04home\x00x", b"\x01\xff\x00"]
)
def test_wifi_settings_that_do_not_add_up_are_refused(data: bytes) -> None:
    with pytest.raises(improv.ImprovError) as caught:
        improv.wifi_of(data)
    assert caught.value.code == improv.INVALID_CALL


@pytest.mark.parametrize("name", ["-a", "a-", "a b", "a.b", "ä", "a" * 64])
def test_a_hostname_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(improv.ImprovError) as caught:
        improv.hostname_of(name.encode())
    assert caught.value.code == improv.BAD_HOSTNAME
    assert improv.hostname_of(b"Bath-room-2") == "Bath-room-2"
