"""A real SMTP server on a free port of 127.0.0.1."""

import asyncio

from aiosmtpd.controller import Controller


class OnFreePort(Controller):
    def _trigger_server(self) -> None:
        """Looks at itself at the port that it got."""
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
