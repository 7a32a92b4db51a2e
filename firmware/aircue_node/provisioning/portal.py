"""The page's server and the name server that leads every phone to it: thin shells over http.py, page.py and dns.py."""

import asyncio
import gc
import select

from aircue_node.provisioning import dns, http, page
from aircue_node.provisioning.setup import EDITING, JOINING, SAVED

MYPY = False
if MYPY:
    from collections.abc import Awaitable, Callable, Iterator
    from socket import socket

    from aircue_node.provisioning.radio import Radio
    from aircue_node.provisioning.setup import Setup

_MOST_CLIENTS = 4
_REQUEST_S = 10
_RESPONSE_S = 30
_CHUNK = 512
_DNS_PAUSE_S = 0.05
_DNS_AT_ONCE = 8
_LONGEST_QUERY = 512
# Whoever waits for the outcome sees it; whoever lost the access point meanwhile does not hold the node up.
_SHOWN_S = 2
_UNSEEN_S = 20


class Portal:
    """look: finds networks and sensors anew, with the pins of the form; save: stores settings, OSError or ValueError
    where it cannot; finish: what comes after that, a restart. port: the page's."""

    def __init__(
        self,
        setup: "Setup",
        radio: "Radio",
        look: "Callable[[], Awaitable[None]]",
        save: "Callable[[dict[str, object]], None]",
        finish: "Callable[[], object]",
        port: int,
    ) -> None:
        self._setup = setup
        self._radio = radio
        self._look = look
        self._save = save
        self._finish = finish
        self._port = port
        self._clients = 0
        self._shown = asyncio.Event()
        self._trying: asyncio.Task[None] | None = None

    def url(self, address: str) -> str:
        return f"http://{self._host(address)}/"

    def _host(self, address: str) -> str:
        return address if self._port == 80 else f"{address}:{self._port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request. Whatever its sender does, the server goes on."""
        self._clients += 1
        gc.collect()
        try:
            if self._clients <= _MOST_CLIENTS:
                await self._answer(reader, writer)
        except (OSError, asyncio.TimeoutError) as error:
            print("setup: a request broke off:", str(error) or "too slow")
        finally:
            self._clients -= 1
            await _close(writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await asyncio.wait_for(_request(reader), _REQUEST_S)
            head, body = await self._respond(request, writer.get_extra_info("peername"))
        except http.BadRequest as error:
            head, body = http.response_head(error.status), page.refused(error.status, str(error))
            request = http.Request("GET", "/", {})
        await asyncio.wait_for(_send(writer, head, iter(()) if request.method == "HEAD" else body), _RESPONSE_S)

    async def _respond(self, request: http.Request, peer: "tuple[str, int] | bytes") -> "tuple[bytes, Iterator[str]]":
        """(head, body). A name that is not ours is a phone's look for the internet: it is led here."""
        if request.headers.get("host") not in [self._host(address) for address in self._addresses()]:
            return http.redirect(302, self.url(self._nearest(peer))), iter(())
        if request.method == "POST":
            return await self._posted(request)
        if request.path == "/result" or self._setup.phase != EDITING:
            return self._outcome()
        if request.path == "/":
            return http.response_head(200), page.edit(self._setup)
        if request.path == "/favicon.ico":
            raise http.BadRequest(404, "there is none")
        return http.redirect(302, "/"), iter(())

    def _addresses(self) -> list[str]:
        return [address for address in (self._radio.own_address, self._radio.joined_address) if address]

    def _nearest(self, peer: "tuple[str, int] | bytes") -> str:
        """Our address in the network the peer is in."""
        host = peer[0] if isinstance(peer, tuple) else ""
        for address in self._addresses():
            if host.split(".")[:3] == address.split(".")[:3]:
                return address
        return self._addresses()[0]

    async def _posted(self, request: http.Request) -> "tuple[bytes, Iterator[str]]":
        if request.from_elsewhere:
            raise http.BadRequest(403, "this form was sent by the page of another site")
        if self._setup.phase != EDITING:
            return http.redirect(303, "/result"), iter(())
        if request.form.get("act") == "look":
            self._setup.keep(request.form)
            await self._look()
            return http.redirect(303, "/"), iter(())
        if not self._setup.submit(request.form):
            return http.response_head(200), page.edit(self._setup)
        self._trying = asyncio.create_task(self._try())
        return http.redirect(303, "/result"), iter(())

    def _outcome(self) -> "tuple[bytes, Iterator[str]]":
        phase = self._setup.phase
        if phase == SAVED:
            self._shown.set()
        pages = {EDITING: page.edit, JOINING: page.joining, SAVED: page.saved}
        return http.response_head(200), pages[phase](self._setup)

    async def _try(self) -> None:
        """Joins the network of the form to see that it can be; then saves, and finishes once that was seen."""
        setup = self._setup
        try:
            if not setup.untried:
                await self._radio.join(setup.ssid, str(setup.pending["wifi_key"]))
            self._save(setup.pending)
        except (OSError, ValueError) as error:
            setup.failed(f"Not saved: {error}")
            return
        setup.succeeded()
        print("setup: saved")
        try:
            await asyncio.wait_for(self._shown.wait(), _UNSEEN_S)
            await asyncio.sleep(_SHOWN_S)
        except asyncio.TimeoutError:
            pass
        self._finish()


async def _close(writer: asyncio.StreamWriter) -> None:
    """MicroPython's close() alone does nothing."""
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass  # the peer was quicker


async def _request(reader: asyncio.StreamReader) -> http.Request:
    parser = http.Parser()
    while True:
        data = await reader.read(_CHUNK)
        if not data:
            raise OSError("closed before the request was whole")
        request = parser.feed(data)
        if request is not None:
            return request


async def _send(writer: asyncio.StreamWriter, head: bytes, body: "Iterator[str]") -> None:
    writer.write(head)
    await writer.drain()
    for piece in body:
        if piece:
            writer.write(piece.encode())
            await writer.drain()


async def answer_names(line: "socket", address: str) -> None:
    """Serves DNS on a UDP socket, for ever."""
    poll = select.poll()
    poll.register(line, select.POLLIN)
    while True:
        for _ in range(_DNS_AT_ONCE):
            if not poll.poll(0):
                break
            _answer_name(line, address)
        await asyncio.sleep(_DNS_PAUSE_S)


def _answer_name(line: "socket", address: str) -> None:
    try:
        query, peer = line.recvfrom(_LONGEST_QUERY)
        answer = dns.answer(query, address)
        if answer is not None:
            line.sendto(answer, peer)
    except OSError as error:
        print("setup: a question for a name broke off:", error)
