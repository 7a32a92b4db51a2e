"""GET for a board: URLs, escapes, bounds; hostile servers are in test_update.py."""

import asyncio
import contextlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.node.web import Answer, Web, whole

from aircue_node import http_get
from aircue_node.http_get import HttpError


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://10.0.0.2", ("10.0.0.2", 80, "")),
        ("http://10.0.0.2/", ("10.0.0.2", 80, "")),
        ("http://box.lan:8080/a/b/", ("box.lan", 8080, "/a/b")),
        ("http://box:65535/%C3%A4", ("box", 65535, "/%C3%A4")),
        ("http://box/" + "x" * 189, ("box", 80, "/" + "x" * 189)),
    ],
)
def test_a_url_is_split(url: str, parts: tuple[str, int, str]) -> None:
    assert http_get.split(url) == parts


@pytest.mark.parametrize(
    "url",
    [
        "",
        "box/path",
        "https://box/path",
        "http://",
        "http:///path",
        "http://box:0/",
        "http://box:65536/",
        "http://box:x/",
        "http://box:²/",
        "http://user@box/",
        "http://[::1]/",
        "http://box/a b",
        "http://box/a\r\nHost: other",
        "http://box/?x=1",
        "http://box:000080/",
        "http://box/" + "x" * 190,
    ],
)
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(HttpError, match="url must be"):
        http_get.split(url)


@given(st.text(st.characters(codec="utf-8")))
def test_a_path_is_escaped_as_the_standard_library_does_it(path: str) -> None:
    assert http_get.quoted(path) == quote(path, safe="/~")


@given(st.binary(max_size=80))
def test_any_head_gives_a_length_or_is_refused(junk: bytes) -> None:
    for head in (junk, b"HTTP/1.1 200 OK\r\n" + junk, b"HTTP/1.1 200\r\nContent-Length:" + junk):
        with contextlib.suppress(HttpError):
            assert 0 <= http_get.content_length(head) < 10**9


def got(
    folder: Path, answer: Answer, name: str = "file", least: int = 0, most: int = 5000
) -> tuple[list[bytes], list[str]]:
    """(pieces, what the server was asked for)."""

    async def scene() -> tuple[list[bytes], list[str]]:
        pieces: list[bytes] = []
        async with Web(folder) as web:
            web.answers[f"/x/{http_get.quoted(name)}"] = answer
            await http_get.get(web.url + "/x", name, least, most, pieces.append)
            return pieces, web.asked

    return asyncio.run(scene())


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 4999, 5000])
def test_a_file_comes_whole_in_pieces_of_at_most_512_bytes(tmp_path: Path, size: int) -> None:
    data = bytes([n % 251 for n in range(size)])
    pieces, _ = got(tmp_path, whole(data))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= 512


def test_the_standard_librarys_server_is_good_enough(tmp_path: Path) -> None:
    (tmp_path / "küche.hmac").write_bytes(b"x" * 1000)
    pieces: list[bytes] = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        asyncio.run(http_get.get(url, "küche.hmac", 1000, 1000, pieces.append))
        server.shutdown()
        thread.join()
    assert b"".join(pieces) == b"x" * 1000


def test_bytes_past_the_announced_length_are_not_taken(tmp_path: Path) -> None:
    pieces, _ = got(tmp_path, whole(b"abcdef", 3))
    assert b"".join(pieces) == b"abc"


def test_a_name_is_asked_for_escaped(tmp_path: Path) -> None:
    _, asked = got(tmp_path, whole(b"x"), name="küche.hmac")
    assert asked == ["/x/k%C3%BCche.hmac"]


@pytest.mark.parametrize(("least", "most"), [(4, 9), (0, 2)])
def test_a_file_of_another_size_is_refused_before_its_body_is_read(tmp_path: Path, least: int, most: int) -> None:
    with pytest.raises(HttpError, match=f"file: 3 bytes announced, {least} to {most} expected"):
        got(tmp_path, whole(b"abc"), least=least, most=most)
