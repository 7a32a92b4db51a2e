"""The line from a node's MicroPython to its bench: one request, one reply (aircue_hil/protocol.py describes both).

Environment: AIRCUE_BENCH_PORT, AIRCUE_BENCH_NODE, AIRCUE_BENCH_RESET (what protocol.py lists for a hello). A node
without its bench is a board without power: the program ends.
"""

import os
import socket
import struct
import sys

NODE = os.getenv("AIRCUE_BENCH_NODE", "")
RESET = os.getenv("AIRCUE_BENCH_RESET", "power-on")
_TCP, _NODELAY = 6, 1
_line = socket.socket()


def ask(operation: bytes, payload: bytes = b"") -> bytes:
    """The reply's payload. OSError with the bench's error number where the transaction failed."""
    _line.write(struct.pack(">H", 1 + len(payload)) + operation + payload)
    head = _line.read(3)
    if not head or len(head) < 3:
        sys.exit("the bench is gone")
    length, status = struct.unpack(">HB", head)
    answer = _line.read(length - 1) if length > 1 else b""
    if status:
        raise OSError(status)
    return answer


def _connect() -> None:
    port = os.getenv("AIRCUE_BENCH_PORT")
    if port is None:
        sys.exit("AIRCUE_BENCH_PORT is not set: start the node through the bench")
    _line.connect(socket.getaddrinfo("127.0.0.1", int(port))[0][-1])
    _line.setsockopt(_TCP, _NODELAY, 1)
    try:
        ask(b"H", (RESET + "\n" + NODE).encode())
    except OSError:
        sys.exit("the bench knows no node " + NODE)


_connect()
