"""The MicroPython image for a board: a user's file or micropython.org's release, checked before it is written."""

import http.client
import struct
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from aircue_node.host.boards import ESPTOOL, Board
from aircue_node.host.errors import FlashError, Refused

DOWNLOADS = "https://micropython.org/resources/firmware/"
_TIMEOUT_S = 30
_LARGEST = 16 * 1024 * 1024

_ESP_MAGIC = 0xE9
_ESP_CHIP_ID = struct.Struct("<12xH")  # in the extended header
_ESP_SMALLEST = 64 * 1024

_UF2_BLOCK = 512
_UF2_HEADER = struct.Struct("<8I")  # magic, magic, flags, address, payload size, block number, blocks, family
_UF2_MAGIC = (0x0A324655, 0x9E5D5157)
_UF2_END = struct.Struct("<I")
_UF2_END_MAGIC = 0x0AB16F30
_UF2_HAS_FAMILY = 0x2000
_UF2_PAYLOAD = 476


def url(board: Board, base: str = DOWNLOADS) -> str:
    return base + board.image_name


def cache_folder(environ: Mapping[str, str], home: Path) -> Path:
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "aircue" / "firmware"


def check(board: Board, data: bytes, name: str) -> None:
    """Raises Refused where `data` is not an image for this kind of board."""
    (_check_esp if board.method == ESPTOOL else _check_uf2)(board, data, name)


def _check_esp(board: Board, data: bytes, name: str) -> None:
    if len(data) < _ESP_SMALLEST or data[0] != _ESP_MAGIC:
        raise Refused(f"{name}: no image for an ESP chip (it begins with 0xE9); {_wanted(board)}")
    (chip_id,) = _ESP_CHIP_ID.unpack_from(data)
    if chip_id != board.chip_id:
        raise Refused(
            f"{name}: made for the ESP chip with id {chip_id}, a {board.name} has {board.chip_id}; {_wanted(board)}"
        )


def _check_uf2(board: Board, data: bytes, name: str) -> None:
    if not data or len(data) % _UF2_BLOCK:
        raise Refused(f"{name}: no whole UF2 file ({len(data)} bytes, a multiple of 512 is expected); {_wanted(board)}")
    counts: dict[int, list[tuple[int, int]]] = {}
    for start in range(0, len(data), _UF2_BLOCK):
        family, number, total = _uf2_block(data[start : start + _UF2_BLOCK], f"{name}: block {start // _UF2_BLOCK}")
        counts.setdefault(family, []).append((number, total))
    strange = set(counts) - {board.family} - board.extra_families
    if strange or board.family not in counts:
        families = ", ".join(f"0x{family:08X}" for family in sorted(counts))
        raise Refused(f"{name}: made for family {families}, a {board.name} is 0x{board.family:08X}; {_wanted(board)}")
    _check_all_there(counts[board.family], name, board)


def _uf2_block(block: bytes, where: str) -> tuple[int, int, int]:
    """(family, number, blocks in all) of one block."""
    *magic, flags, _address, size, number, total, family = _UF2_HEADER.unpack_from(block)
    (end,) = _UF2_END.unpack_from(block, _UF2_BLOCK - _UF2_END.size)
    if tuple(magic) != _UF2_MAGIC or end != _UF2_END_MAGIC or size > _UF2_PAYLOAD:
        raise Refused(f"{where} is damaged or no UF2: fetch the file again")
    if not flags & _UF2_HAS_FAMILY:
        raise Refused(f"{where} names no family: this is no image of MicroPython's")
    return family, number, total


def _check_all_there(blocks: list[tuple[int, int]], name: str, board: Board) -> None:
    total = blocks[0][1]
    if blocks != [(number, total) for number in range(total)]:
        raise Refused(f"{name}: {len(blocks)} of {total} blocks, or not in order; {_wanted(board)}")


def _wanted(board: Board) -> str:
    return f"{board.image_name} fits"


def from_file(board: Board, path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}: name a MicroPython image with FIRMWARE=path") from error
    check(board, data, str(path))
    return data


def fetch(board: Board, cache: Path, say: Callable[[str], None], base: str = DOWNLOADS) -> Path:
    """The release's image in `cache`, downloaded if need be; in place only once it is whole and checked."""
    path = cache / board.image_name
    if path.is_file():
        from_file(board, path)
        return path
    say(f"download {url(board, base)}")
    data = _download(board, url(board, base))
    check(board, data, url(board, base))
    cache.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)
    return path


def _download(board: Board, address: str) -> bytes:
    remedy = f"download it elsewhere ({address}) and name the file with FIRMWARE=path"
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
            data: bytes = answer.read(_LARGEST)
            length = answer.headers.get("Content-Length")
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise FlashError(f"MicroPython for {board.name} cannot be downloaded: {error}; {remedy}") from error
    if length is not None and int(length) != len(data):
        raise FlashError(f"MicroPython for {board.name} broke off at {len(data)} of {length} bytes; {remedy}")
    return data
