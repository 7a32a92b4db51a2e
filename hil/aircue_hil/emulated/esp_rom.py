"""The serial boot loader of a simulated ESP32, ESP32-C3 or ESP32-S3, as esptool speaks to it: SLIP, ROM and stub.

Protocol: "Serial Protocol" in the esptool documentation. The flasher stub that esptool uploads is counted and thrown
away, not run: the commands it would answer are answered here, in the stub's form (two status bytes, the MD5 as bytes,
flash erased while it is written).
"""

import hashlib
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

_END, _ESC = 0xC0, 0xDB
_ESCAPES = {0xDC: _END, 0xDD: _ESC}
_SECTOR = 4096
_CHECKSUM_SEED = 0xEF
_HEADER = struct.Struct("<BBHI")
_BLOCK = struct.Struct("<4I")  # size, sequence, two reserved words; the data follows

_OK, _UNKNOWN, _WRONG_SUM, _FAILED, _BAD_DATA = 0x00, 0x05, 0x07, 0x06, 0x0B

_MAGIC_REGISTER, _UART_DIVIDER = 0x40001000, 0x3FF40014
_DIVIDER_AT_115200 = 347  # of 40 MHz
_SPI_RUN = 1 << 18
_READ_ID, _READ_SFDP = 0x9F, 0x5A
_SFDP = 0x50444653
_FLASH_ID = 0x1640C8  # a 4 MiB GD25Q32


@dataclass(frozen=True, kw_only=True)
class EspKind:
    """magic: of chips too old to tell their id. spi: the base of the flash controller's registers."""

    name: str
    chip_id: int
    magic: int | None
    spi: int
    usr2: int
    w0: int
    flash_bytes: int = 4 * 1024 * 1024


ESPS = {
    "esp32": EspKind(name="esp32", chip_id=0, magic=0x00F01D83, spi=0x3FF42000, usr2=0x24, w0=0x80),
    "esp32c3": EspKind(name="esp32c3", chip_id=5, magic=None, spi=0x60002000, usr2=0x20, w0=0x58),
    "esp32s3": EspKind(name="esp32s3", chip_id=9, magic=None, spi=0x60002000, usr2=0x20, w0=0x58),
}


class _Refusal(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def frame(data: bytes) -> bytes:
    return b"\xc0" + data.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


class Slip:
    """Takes bytes as they come, gives whole frames."""

    def __init__(self) -> None:
        self._frame: bytearray | None = None
        self._escaped = False

    def feed(self, data: bytes) -> list[bytes]:
        frames = (self._byte(byte) for byte in data)
        return [whole for whole in frames if whole]

    def _byte(self, byte: int) -> bytes | None:
        if byte == _END:
            whole, self._frame = self._frame, None if self._frame else bytearray()
            return bytes(whole) if whole else None
        if self._frame is None:
            return None
        if byte == _ESC:
            self._escaped = True
            return None
        self._frame.append(_ESCAPES.get(byte, byte) if self._escaped else byte)
        self._escaped = False
        return None


class Rom:
    """The boot loader. Feed it what the computer sends; it gives what it answers.

    flash: its content, 0xFF where erased. worn_sector: a sector that keeps none of what is written (a fault).
    stub_bytes: how much of a stub was uploaded. commands: how often each opcode was asked.
    """

    def __init__(self, kind: EspKind) -> None:
        self.kind = kind
        self.flash = bytearray(b"\xff" * kind.flash_bytes)
        self.worn_sector: int | None = None
        self.stub_bytes = 0
        self.commands: dict[int, int] = {}
        self.baud = 115200
        self._answers: dict[int, Callable[[bytes], tuple[int, bytes]]] = {
            0x02: self._flash_begin,
            0x03: self._flash_data,
            0x04: self._nothing,
            0x05: self._nothing,
            0x06: self._nothing,
            0x07: self._stub_data,
            0x08: self._nothing,
            0x09: self._write_register,
            0x0A: self._read_register,
            0x0B: self._nothing,
            0x0D: self._nothing,
            0x0F: self._change_baud,
            0x10: self._deflated_begin,
            0x11: self._deflated_data,
            0x12: self._nothing,
            0x13: self._md5,
        }
        if kind.magic is None:
            self._answers[0x14] = self._security_info
        self.reset()

    def reset(self) -> None:
        """Out of the stub, back into the ROM; the flash stays."""
        self._slip = Slip()
        self._stub = False
        self._registers: dict[int, int] = {_UART_DIVIDER: _DIVIDER_AT_115200}
        if self.kind.magic is not None:
            self._registers[_MAGIC_REGISTER] = self.kind.magic
        self._at = 0
        self._inflate = zlib.decompressobj()

    def feed(self, data: bytes) -> bytes:
        return b"".join(self._answer(request) for request in self._slip.feed(data))

    def _answer(self, request: bytes) -> bytes:
        """A request of another shape is noise on the line and gets no answer."""
        if len(request) < _HEADER.size:
            return b""
        direction, operation, size, checksum = _HEADER.unpack_from(request)
        body = request[_HEADER.size :]
        if direction != 0 or size != len(body):
            return b""
        self.commands[operation] = self.commands.get(operation, 0) + 1
        answer = self._outcome(operation, body, checksum)
        times = 8 if operation == 0x08 else 1
        started = self._start_stub() if operation == 0x06 and body[:4] == b"\0\0\0\0" else b""
        return answer * times + started

    def _outcome(self, operation: int, body: bytes, checksum: int) -> bytes:
        try:
            if operation in (0x03, 0x07, 0x11):
                _check_sum(body, checksum)
            value, data = self._answers.get(operation, _unknown)(body)
        except _Refusal as refusal:
            return self._reply(operation, 0, b"", refusal.code)
        return self._reply(operation, value, data, _OK)

    def _reply(self, operation: int, value: int, data: bytes, error: int) -> bytes:
        status = bytes((int(error != _OK), error)) + (b"" if self._stub else b"\0\0")
        return frame(_HEADER.pack(1, operation, len(data) + len(status), value) + data + status)

    def _start_stub(self) -> bytes:
        self._stub = True
        return frame(b"OHAI")

    # --- commands: each gives the value and the data of its answer --------------------------------------------------

    def _nothing(self, body: bytes) -> tuple[int, bytes]:
        """The ROM answers SYNC with some value other than 0, by which esptool tells it from a stub."""
        return (0 if self._stub else 0x20120707), b""

    def _stub_data(self, body: bytes) -> tuple[int, bytes]:
        self.stub_bytes += len(body) - _BLOCK.size
        return 0, b""

    def _read_register(self, body: bytes) -> tuple[int, bytes]:
        (address,) = struct.unpack_from("<I", body)
        return self._registers.get(address, 0), b""

    def _write_register(self, body: bytes) -> tuple[int, bytes]:
        """Starting the flash controller runs the command that lies in its registers."""
        for start in range(0, len(body) - 15, 16):
            address, value, mask, _delay = struct.unpack_from("<4I", body, start)
            self._registers[address] = (self._registers.get(address, 0) & ~mask) | (value & mask)
        if self._registers.get(self.kind.spi, 0) & _SPI_RUN:
            self._registers[self.kind.spi] = 0
            self._run_spi(self._registers.get(self.kind.spi + self.kind.usr2, 0) & 0xFF)
        return 0, b""

    def _run_spi(self, command: int) -> None:
        at_start = self._registers.get(self.kind.spi + 4, 0) == 0
        results = {_READ_ID: _FLASH_ID, _READ_SFDP: _SFDP if at_start else 0}
        self._registers[self.kind.spi + self.kind.w0] = results.get(command, 0)

    def _security_info(self, body: bytes) -> tuple[int, bytes]:
        return 0, struct.pack("<IB7BII", 0, 0, *bytes(7), self.kind.chip_id, 0)

    def _change_baud(self, body: bytes) -> tuple[int, bytes]:
        (self.baud,) = struct.unpack_from("<I", body)
        return 0, b""

    def _flash_begin(self, body: bytes) -> tuple[int, bytes]:
        size, _blocks, _block_size, self._at = struct.unpack_from("<4I", body)
        if self._at + size > len(self.flash):
            raise _Refusal(_FAILED)
        if not self._stub:
            self._erase(self._at, size)
        return 0, b""

    def _deflated_begin(self, body: bytes) -> tuple[int, bytes]:
        self._inflate = zlib.decompressobj()
        return self._flash_begin(body)

    def _flash_data(self, body: bytes) -> tuple[int, bytes]:
        self._program(body[_BLOCK.size :])
        return 0, b""

    def _deflated_data(self, body: bytes) -> tuple[int, bytes]:
        try:
            self._program(self._inflate.decompress(body[_BLOCK.size :]))
        except zlib.error as error:
            raise _Refusal(_BAD_DATA) from error
        return 0, b""

    def _md5(self, body: bytes) -> tuple[int, bytes]:
        address, size = struct.unpack_from("<2I", body)
        digest = hashlib.md5(self.flash[address : address + size])
        return 0, digest.digest() if self._stub else digest.hexdigest().encode()

    # --- flash ------------------------------------------------------------------------------------------------------

    def _erase(self, start: int, size: int) -> None:
        first, end = start // _SECTOR * _SECTOR, -(-(start + size) // _SECTOR) * _SECTOR
        self.flash[first:end] = b"\xff" * (end - first)

    def _program(self, data: bytes) -> None:
        """The stub erases each sector as it reaches it. What is not erased can only lose bits."""
        if self._stub:
            first = -(-self._at // _SECTOR) * _SECTOR
            for sector in range(first, self._at + len(data), _SECTOR):
                self._erase(sector, _SECTOR)
        here = slice(self._at, self._at + len(data))
        both = int.from_bytes(self.flash[here], "little") & int.from_bytes(data, "little")
        self.flash[here] = both.to_bytes(len(data), "little")
        if self.worn_sector is not None and here.start <= self.worn_sector * _SECTOR < here.stop:
            self._erase(self.worn_sector * _SECTOR, _SECTOR)
        self._at += len(data)


def _check_sum(body: bytes, expected: int) -> None:
    total = _CHECKSUM_SEED
    for byte in body[_BLOCK.size :]:
        total ^= byte
    if total != expected & 0xFF:
        raise _Refusal(_WRONG_SUM)


def _unknown(body: bytes) -> tuple[int, bytes]:
    raise _Refusal(_UNKNOWN)
