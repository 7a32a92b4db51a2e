"""The line between a node's MicroPython modules and the bench: framed requests and replies over loopback TCP.

A request is: length of what follows (16 bits, big-endian), operation (one byte), payload. A reply is: length (16 bits),
status (one byte: 0, or the error number that MicroPython raises as OSError), payload. One request is open at a time.
The ssids of a scan have a NUL between them.

    H  hello      "power-on", "soft", "watchdog" or "deep-sleep", a newline, the node's id        -> nothing
    C  I2C pins   bus, SCL's pin, SDA's pin                                        -> nothing
    W  I2C write  bus, address, bytes                                              -> nothing
    R  I2C read   bus, address, count (16 bits)                                    -> bytes
    D  DHT read   pin, start pulse in us (16 bits)                                 -> pulses in us, 16 bits each
    U  UART       id, "B" baud rate (32 bits) | "W" bytes | "A" | "R" count        -> "A": count (16 bits); "R": bytes
    V  ADC        pin                                                              -> 16 bits of the reference voltage
    O  output     pin, level                                                       -> nothing
    I  input      pin                                                              -> level
    N  network    "A" on/off | "C" ssid NUL key | "D" leave | "S" state | "L" scan -> "S": status, on, rssi; "L": ssids
    T  time       -                                                                -> world time in ms (64 bits)
"""

import struct
from collections.abc import Iterator

EIO, ENODEV, ETIMEDOUT, EPROTO = 5, 19, 110, 71
MAX_FRAME = 4096


class ProtocolError(ValueError):
    """The peer sent no frame of this protocol; its connection is closed."""


class Frames:
    """Cuts a stream into (operation or status, payload)."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        self._buffer += data
        while len(self._buffer) >= 2:
            (length,) = struct.unpack_from(">H", self._buffer)
            if not 1 <= length <= MAX_FRAME:
                raise ProtocolError(f"a frame of {length} bytes; 1 to {MAX_FRAME} are expected")
            if len(self._buffer) < 2 + length:
                return
            code, payload = self._buffer[2], bytes(self._buffer[3 : 2 + length])
            del self._buffer[: 2 + length]
            yield code, payload


def frame(code: int, payload: bytes = b"") -> bytes:
    """One request (code = operation) or reply (code = status)."""
    return struct.pack(">HB", 1 + len(payload), code) + payload
