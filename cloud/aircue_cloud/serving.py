"""Serves the application with waitress: one process, a pool of threads."""

import gc
import socket
from collections.abc import Callable

from waitress.server import create_server

from aircue_cloud.app import create_app
from aircue_cloud.config import Config
from aircue_cloud.errors import SettingsError
from aircue_cloud.routes.services import stores

# Above the application's own limit, so that it is the application that refuses, and says so as a problem document.
_TRANSPORT_LIMIT = 1024 * 1024 * 1024


def serve(config: Config, announce: Callable[[str], object]) -> None:
    """Returns when the process is told to stop; announce gets one line once the port takes connections."""
    app = create_app(config)
    listening = _listen(config)
    server = create_server(
        app,
        sockets=[listening],
        threads=config.threads,
        max_request_body_size=_TRANSPORT_LIMIT,
        ident="aircue-cloud",
        # The application knows which proxies to believe; without any it has to see that there was one.
        clear_untrusted_proxy_headers=False,
    )
    with app.app_context():
        opened = stores()
    opened.start()
    _leave_to_rest()
    announce(f"aircue-cloud: http://{_address(listening)} (console: /console)")
    try:
        server.run()
    finally:
        server.close()
        opened.close()


def _leave_to_rest() -> None:
    """What was built at the start lives as long as the process: the garbage collector need not walk through all of it
    while requests wait."""
    gc.collect()
    gc.freeze()


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=1024)
    except OSError as error:
        where = f"{config.host} port {config.port}"
        raise SettingsError(f"cannot listen on {where}: {error.strerror}; free it, or set another one") from error


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
