"""The local HTTP server behind the status page: /, /status.json, /metrics and /health; nothing can be changed there."""

import asyncio
import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Coroutine
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aircue_gateway import log
from aircue_gateway.config import StatusConfig

Snapshot = dict[str, Any]

_WITHIN_S = 5.0


class StatusServer:
    """Serves what `snapshot` gives, which runs in the loop that started this."""

    def __init__(self, config: StatusConfig, snapshot: Callable[[], Coroutine[Any, Any, Snapshot]]) -> None:
        self._config = config
        self._snapshot = snapshot
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """A gateway whose page cannot be served goes on and says so: readings matter more."""
        if not self._config.port:
            return
        self._loop = asyncio.get_running_loop()
        try:
            self._server = _Server((self._config.host, self._config.port), _handler(self))
        except OSError as error:
            log.warning("no_status_page", reason=error, remedy="set another host or port under [status]")
            return
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True, name="status page").start()
        log.event("status_page", host=self._config.host, port=self._server.server_port)

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def ask(self) -> Snapshot:
        """From a thread of the server. TimeoutError where the gateway is too busy to say."""
        assert self._loop is not None

        return asyncio.run_coroutine_threadsafe(self._snapshot(), self._loop).result(_WITHIN_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is nobody's trouble."""


def _handler(server: StatusServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _WITHIN_S  # a client that never finishes its request

        def do_GET(self) -> None:
            self._answer(*_answer(server, self.path.partition("?")[0], self.headers.get("Host", "")))

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


# What a page is made with is loaded when somebody asks for it: most gateways are never asked.


def _page(snapshot: Snapshot) -> tuple[str, bytes]:
    from aircue_gateway.operations import status_page

    return "text/html; charset=utf-8", status_page.page(snapshot)


def _json(snapshot: Snapshot) -> tuple[str, bytes]:
    return "application/json", json.dumps(snapshot).encode()


def _metrics(snapshot: Snapshot) -> tuple[str, bytes]:
    from aircue_gateway.operations import metrics

    return metrics.CONTENT_TYPE, metrics.encode(snapshot)


_PAGES: dict[str, Callable[[Snapshot], tuple[str, bytes]]] = {"/": _page, "/status.json": _json, "/metrics": _metrics}


def _answer(server: StatusServer, path: str, host: str) -> tuple[int, str, bytes]:
    """Status, content type, body."""
    if not _is_ours(host):
        return 421, _TEXT, b"ask for this page by the machine's address or its own name\n"
    if path != "/health" and path not in _PAGES:
        return 404, _TEXT, f"no {path} here; there are {', '.join(_PAGES)} and /health\n".encode(errors="replace")
    try:
        snapshot = server.ask()
    except TimeoutError:
        return 503, _TEXT, b"the gateway is too busy to answer\n"
    if path == "/health":
        return _health(snapshot)
    return 200, *_PAGES[path](snapshot)


def _health(snapshot: Snapshot) -> tuple[int, str, bytes]:
    """503 while the disk does not take what came in; a cloud that is away is no illness of the gateway."""
    stuck_s = snapshot["write_stuck_s"]
    if stuck_s > _WITHIN_S:
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
