"""One socket of the listener: bytes to and from its session, and reasons not to read for a while."""

import asyncio
from typing import Protocol

from aircue_gateway.intakes.session import Session

_LARGEST_UNSENT = 1024 * 1024  # bytes a client may leave unread


class Host(Protocol):
    """The listener, as a connection sees it. buffer: where what is read lies until it was received, one for all."""

    buffer: bytearray

    def opened(self, connection: "Connection") -> None: ...
    def received(self, connection: "Connection", data: bytes) -> None: ...
    def lost(self, connection: "Connection") -> None: ...
    def cut_off(self, connection: "Connection") -> None: ...


class Connection(asyncio.BufferedProtocol):
    """key: the client's, once it logged in. silent_until: the time by which it must be heard of. turn:
    counts on through what was read from any connection; here, of the last of it. secure: it speaks TLS.
    session: none before the TLS handshake is over."""

    def __init__(self, host: Host, secure: bool) -> None:
        self._host = host
        self._early = b""
        self._paused: set[str] = set()
        self.secure = secure
        self.transport: asyncio.Transport | None = None
        self.session: Session | None = None
        self.address = ""
        self.placed = False
        self.key: tuple[str, str] | None = None
        self.filters: set[str] = set()
        self.silent_until = 0.0
        self.turn = 0

    @property
    def name(self) -> str:
        """Who logged in, for the log."""
        return (self.session and self.session.name) or "not logged in"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.address = str((transport.get_extra_info("peername") or ("",))[0])
        self._host.opened(self)

    def begin(self, transport: asyncio.Transport, session: Session) -> None:
        """From now on bytes are the session's; those that came early, within the handshake, as well."""
        self.transport, self.session = transport, session
        if self._paused:
            transport.pause_reading()
        early, self._early = self._early, b""
        if early:
            self._host.received(self, early)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._host.buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(memoryview(self._host.buffer)[:nbytes])
        if self.session is None:
            self._early += data
        else:
            self._host.received(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.lost(self)

    def flush(self) -> None:
        """Sends what the session has to say; a client that does not read is cut off."""
        data = self.session.output() if self.session is not None else b""
        if self.transport is None or self.transport.is_closing() or not data:
            return
        self.transport.write(data)
        if self.transport.get_write_buffer_size() > _LARGEST_UNSENT:
            self._host.cut_off(self)

    @property
    def overfull(self) -> bool:
        """Whether more waits to be sent than a client may leave unread."""
        return self.session is not None and self.session.unsent > _LARGEST_UNSENT

    def close(self) -> None:
        """After what was written has left."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def pause(self, reason: str) -> None:
        """Reads no more until every reason for it is gone."""
        self._paused.add(reason)
        if self.session is not None and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self, reason: str) -> None:
        self._paused.discard(reason)
        if self._paused or self.session is None or self.transport is None or self.transport.is_closing():
            return
        self.transport.resume_reading()
