"""What a URL that somebody gave us may lead to: the public internet over HTTPS, and nothing of ours."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.cloud.delivery.servers import https

from aircue_cloud.delivery.endpoints import Gate, NoAnswer, NotReached, Unsafe, is_public, resolve

PUBLIC = "93.184.216.34"


def leading_to(*addresses: str) -> Gate:
    return Gate(resolve=lambda _, __: addresses)


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example/x",
        "ftp://push.example/x",
        "//push.example/x",
        "https:///x",
        "https://push.example:80/x",
        "https://push.example:8443/x",
        "https://push.example:22/x",
        "https://push.example:99999/x",
        "https://ada@push.example/x",
        "https://ada:word@push.example/x",
        "https://push.example\\@127.0.0.1/x",
        "https://push.example/x\r\nX-Header: 1",
        "https://push.example/ x",
        "https://püsh.example/x",
        "https://[::1/x",
        "https://push.example/" + "x" * 2048,
        "",
    ],
)
def test_a_url_that_is_no_plain_https_one_is_refused(url: str) -> None:
    with pytest.raises(Unsafe):
        leading_to(PUBLIC).check(url)


NOT_PUBLIC = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.8", "172.16.4.4", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.2.1", "198.18.0.1", "224.0.0.251", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.8",
    "2002:7f00:0001::1", "2002:a9fe:a9fe::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused_however_it_is_dressed_up(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(Unsafe, match="public internet"):
        leading_to(address).check("https://push.example/x")


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_public_address_is_let_through(address: str) -> None:
    assert leading_to(address).check("https://push.example/x") == ("push.example", 443, address)


def test_one_address_among_several_that_is_not_public_is_enough() -> None:
    with pytest.raises(Unsafe):
        leading_to(PUBLIC, "10.0.0.8").check("https://push.example/x")


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]"])
def test_loopback_is_refused_in_every_spelling_that_the_system_knows(host: str) -> None:
    """With the system's own resolver, which makes addresses of them."""
    with pytest.raises((Unsafe, NotReached)):
        Gate().check(f"https://{host}/x")


def test_the_systems_resolver_is_asked_and_a_name_that_leads_nowhere_is_told() -> None:
    assert resolve("127.0.0.1", 443) == ["127.0.0.1"]
    with pytest.raises(NotReached):
        resolve("no-such-host.invalid", 443)


def test_what_was_public_when_it_was_saved_is_refused_when_it_is_sent_if_its_name_has_moved() -> None:
    answers = iter([[PUBLIC], ["169.254.169.254"]])
    asked: list[Sequence[str]] = []

    def moving(_: str, __: int) -> Sequence[str]:
        asked.append(next(answers))
        return asked[-1]

    gate = Gate(resolve=moving)
    gate.check("https://push.example/x")
    with pytest.raises(Unsafe):
        gate.post("https://push.example/x", b"", {})
    assert len(asked) == 2


def test_the_connection_goes_to_the_address_that_was_checked_though_the_name_has_moved(tmp_path: Path) -> None:
    """The name is asked for once; the second answer, which nobody checked, would lead elsewhere."""
    with https(tmp_path) as server:
        gate = server.gate("127.0.0.1", "127.0.0.99")
        assert gate.post(server.url, b"hello", {"X-Own": "1"}).status == 201
    [request] = server.got
    assert (request.path, request.body, request.headers["x-own"]) == ("/in/1?a=b", b"hello", "1")
    assert request.headers["host"] == f"push.example:{server.port}"


def test_the_certificate_must_be_the_hosts(tmp_path: Path) -> None:
    with https(tmp_path) as server:
        url = server.url.replace("push.example", "other.example")
        gate = Gate(
            ports=frozenset({server.port}),
            permits=lambda _: True,
            resolve=lambda _, __: ["127.0.0.1"],
            tls=server.gate().tls,
        )
        with pytest.raises(NotReached):
            gate.post(url, b"", {})
    assert server.got == []


def test_redirects_are_not_followed(tmp_path: Path) -> None:
    with https(tmp_path, status=307, answer_headers={"Location": "/elsewhere"}) as server:
        assert server.gate().post(server.url, b"hello", {}).status == 307
    assert len(server.got) == 1


def test_whoever_says_nothing_is_given_up_and_nobody_knows_what_became_of_it(tmp_path: Path) -> None:
    with https(tmp_path, silent=True) as server, pytest.raises(NoAnswer):
        server.gate(timeout_s=0.3).post(server.url, b"hello", {})


def test_where_nobody_listens_nothing_was_sent(free_port: int) -> None:
    gate = Gate(ports=frozenset({free_port}), permits=lambda _: True, resolve=lambda _, __: ["127.0.0.1"])
    with pytest.raises(NotReached):
        gate.post(f"https://push.example:{free_port}/", b"", {})
