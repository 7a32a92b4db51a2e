"""The local page's address: /, /status.json, /metrics and /health; nothing can be changed there.

Until somebody asks for the first time there is a socket and no more: a server takes a megabyte, and most gateways are
never asked.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from aircue_gateway import log
from aircue_gateway.config import StatusConfig

if TYPE_CHECKING:
    from aircue_gateway.operations.status_answers import Server

Snapshot = dict[str, Any]

WITHIN_S = 5.0


class StatusServer:
    """Serves what `snapshot` gives, which runs in the loop that started this."""

    def __init__(self, config: StatusConfig, snapshot: Callable[[], Coroutine[Any, Any, Snapshot]]) -> None:
        self._config = config
        self._snapshot = snapshot
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: socket.socket | None = None
        self._server: Server | None = None

    def start(self) -> None:
        """A gateway whose page cannot be served goes on and says so: readings matter more."""
        if not self._config.port:
            return
        self._loop = asyncio.get_running_loop()
        try:
            self._socket = socket.create_server((self._config.host, self._config.port))
        except OSError as error:
            log.warning("no_status_page", reason=error, remedy="set another host or port under [status]")
            return
        self._loop.add_reader(self._socket, self._begin, self._loop, self._socket)
        log.event("status_page", host=self._config.host, port=self._config.port)

    def _begin(self, loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
        """Somebody asks: the connection waits in the socket."""
        from aircue_gateway.operations.status_answers import Server

        loop.remove_reader(listening)
        self._server = Server(listening, self.ask)

    def stop(self) -> None:
        """In the loop, as start()."""
        if self._server is not None:
            self._server.stop()
        elif self._socket is not None and self._loop is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def ask(self) -> Snapshot:
        """From a thread of the server. TimeoutError where the gateway is too busy to say."""
        assert self._loop is not None

        return asyncio.run_coroutine_threadsafe(self._snapshot(), self._loop).result(WITHIN_S)
