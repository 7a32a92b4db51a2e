"""What the local page's address answers, over HTTP: read by whoever stands before the machine, and by nothing that came
through a browser."""

import ipaddress
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aircue_gateway.operations import metrics, status_page
from aircue_gateway.operations.status_server import WITHIN_S, Snapshot

Ask = Callable[[], Snapshot]


class Server(ThreadingHTTPServer):
    """On a socket that listens already, in a thread of its own. ask: for a snapshot of the gateway."""

    daemon_threads = True

    def __init__(self, listening: socket.socket, ask: Ask) -> None:
        super().__init__(listening.getsockname(), _handler(ask), bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True, name="status page").start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is nobody's trouble."""


def _handler(ask: Ask) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = WITHIN_S  # a client that never finishes its request

        def do_GET(self) -> None:
            self._answer(*_answer(ask, self.path.partition("?")[0], self.headers.get("Host", "")))

        def _answer(self, code: int, kind: str, body: bytes) -> None:
            self.send_response(code)
            for name, value in (*_HEADERS, ("Content-Type", kind), ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def version_string(self) -> str:
            return "aircue-gateway"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class has it
            """The log is the gateway's."""

    return Handler


_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("X-Content-Type-Options", "nosniff"),
)
_TEXT = "text/plain; charset=utf-8"


def _page(snapshot: Snapshot) -> tuple[str, bytes]:
    return "text/html; charset=utf-8", status_page.page(snapshot)


def _json(snapshot: Snapshot) -> tuple[str, bytes]:
    return "application/json", json.dumps(snapshot).encode()


def _metrics(snapshot: Snapshot) -> tuple[str, bytes]:
    return metrics.CONTENT_TYPE, metrics.encode(snapshot)


_PAGES: dict[str, Callable[[Snapshot], tuple[str, bytes]]] = {"/": _page, "/status.json": _json, "/metrics": _metrics}


def _answer(ask: Ask, path: str, host: str) -> tuple[int, str, bytes]:
    """Status, content type, body."""
    if not _is_ours(host):
        return 421, _TEXT, b"ask for this page by the machine's address or its own name\n"
    if path != "/health" and path not in _PAGES:
        return 404, _TEXT, f"no {path} here; there are {', '.join(_PAGES)} and /health\n".encode(errors="replace")
    try:
        snapshot = ask()
    except TimeoutError:
        return 503, _TEXT, b"the gateway is too busy to answer\n"
    if path == "/health":
        return _health(snapshot)
    return 200, *_PAGES[path](snapshot)


def _health(snapshot: Snapshot) -> tuple[int, str, bytes]:
    """503 while the disk does not take what came in; a cloud that is away is no illness of the gateway."""
    stuck_s = snapshot["write_stuck_s"]
    if stuck_s > WITHIN_S:
        return 503, _TEXT, f"the disk has not taken what came in for {stuck_s:.0f} s\n".encode()
    return 200, _TEXT, b"ok\n"


def _is_ours(host: str) -> bool:
    """Whether the request was meant for this machine: another name that leads here is a page's trick to read along
    (DNS rebinding)."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        own = socket.gethostname().lower()
        return name.lower() in ("localhost", own, f"{own}.local")
    return True
