"""A small HTTP server on loopback that notes bodies, answers as told, or keeps silent until it is let go."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass
class HttpServer:
    status: int = 200
    silent: bool = False
    port: int = 0
    got: list[bytes] = field(default_factory=list)
    let_go: Event = field(default_factory=Event)


@contextmanager
def http() -> Iterator[HttpServer]:
    told = HttpServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.got.append(self.rfile.read(int(self.headers["Content-Length"])))
            if told.silent:
                told.let_go.wait()
            self.send_response(told.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield told
    finally:
        told.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()
