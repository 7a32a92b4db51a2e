"""The MicroPython image: checked against the board before anything is touched, downloaded once and whole."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flash.stage import esp_image, image_for, uf2_block, uf2_image

from aircue_node.host import firmware
from aircue_node.host.boards import BOARDS, ESPTOOL, RELEASE, UF2, Board
from aircue_node.host.errors import FlashError, Refused

ALL = [pytest.param(board, id=name) for name, board in sorted(BOARDS.items())]
PICO, PICO2, ESP32 = BOARDS["pico"], BOARDS["pico2"], BOARDS["esp32"]
FAMILY = PICO.family


@pytest.mark.parametrize("board", ALL)
def test_an_image_of_the_boards_own_kind_is_accepted_and_every_other_kind_refused(board: Board) -> None:
    firmware.check(board, image_for(board), "image")
    for other in BOARDS.values():
        if (other.chip_id, other.family) != (board.chip_id, board.family):
            with pytest.raises(Refused, match=board.image_name):
                firmware.check(board, image_for(other), "image")


@pytest.mark.parametrize(
    ("board", "data"),
    [
        (ESP32, b""),
        (ESP32, b"\xe9"),
        (ESP32, b"\xe8" + esp_image(0)[1:]),
        (ESP32, esp_image(0)[:60_000]),
        (PICO, b""),
        (PICO, uf2_image(FAMILY)[:-1]),
        (PICO, uf2_image(FAMILY)[:-512]),
        (PICO, uf2_image(FAMILY)[512:]),
        (PICO, uf2_image(FAMILY) + uf2_image(FAMILY)[:512]),
        (PICO, b"XF2\n" + uf2_image(FAMILY)[4:]),
        (PICO, uf2_image(FAMILY)[:-4] + b"\0\0\0\0"),
        (PICO, uf2_image(FAMILY)[:8] + b"\0\0\0\0" + uf2_image(FAMILY)[12:]),
        (PICO, uf2_image(FAMILY)[:16] + (477).to_bytes(4, "little") + uf2_image(FAMILY)[20:]),
        (PICO, uf2_image(FAMILY) + uf2_block(0xE48BFF57, 0, 1, bytes(256))),
        (PICO2, uf2_block(0xE48BFF57, 0, 1, bytes(256))),
    ],
)
def test_a_damaged_image_is_refused(board: Board, data: bytes) -> None:
    with pytest.raises(Refused):
        firmware.check(board, data, "image")


def test_a_file_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"nothing\.uf2: No such file"):
        firmware.from_file(PICO, tmp_path / "nothing.uf2")


@pytest.mark.parametrize("board", ALL)
def test_the_addresses_are_the_ones_micropython_org_uses(board: Board) -> None:
    suffix = {ESPTOOL: "bin", UF2: "uf2"}[board.method]
    version = ".".join(map(str, RELEASE))
    assert firmware.url(board).startswith(f"https://micropython.org/resources/firmware/{board.download}-20")
    assert firmware.url(board).endswith(f"-v{version}.{suffix}")


class _Server:
    """Answers every address with `body`; with `cut`, says so many bytes more than it sends."""

    def __init__(self) -> None:
        self.body = b""
        self.cut = 0
        self.asked: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(outer.body) + outer.cut))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_request(self, code: object = "-", size: object = "-") -> None:
                pass

        self._http = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._http.server_address[1]}/firmware/"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[_Server]:
    made = _Server()
    yield made
    made.stop()


def test_a_download_is_kept_and_not_asked_for_again(server: _Server, tmp_path: Path) -> None:
    server.body = image_for(PICO)
    said: list[str] = []
    first = firmware.fetch(PICO, tmp_path / "cache", said.append, server.base)
    second = firmware.fetch(PICO, tmp_path / "cache", said.append, server.base)
    assert first == second
    assert first.read_bytes() == server.body
    assert server.asked == [f"/firmware/{PICO.image_name}"]
    assert said == [f"download {server.base}{PICO.image_name}"]


@pytest.mark.parametrize(("body", "cut"), [(image_for(PICO), 100), (b"<html>", 0), (image_for(PICO2), 0)])
def test_a_download_that_breaks_off_or_is_no_image_is_not_kept(
    server: _Server, tmp_path: Path, body: bytes, cut: int
) -> None:
    server.body, server.cut = body, cut
    with pytest.raises(FlashError):
        firmware.fetch(PICO, tmp_path / "cache", lambda line: None, server.base)
    assert not list(tmp_path.rglob("*.uf2"))


def test_a_kept_file_that_was_damaged_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / PICO.image_name).write_bytes(b"damaged")
    with pytest.raises(Refused, match=str(tmp_path)):
        firmware.fetch(PICO, tmp_path, lambda line: None, "http://127.0.0.1:9/")


@pytest.mark.parametrize("environ", [{}, {"XDG_CACHE_HOME": ""}])
def test_downloads_are_kept_below_the_users_cache(environ: dict[str, str]) -> None:
    assert firmware.cache_folder(environ, Path("/home/me")) == Path("/home/me/.cache/aircue/firmware")
    assert firmware.cache_folder({"XDG_CACHE_HOME": "/c"}, Path("/home/me")) == Path("/c/aircue/firmware")
