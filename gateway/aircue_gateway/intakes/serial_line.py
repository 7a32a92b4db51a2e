"""The serial intake: one node without a radio on a tty, its messages a line each (aircue_node.line_codec).

Opens the tty whenever it is there, says hello, hands in what comes, and writes acks. Who holds the cable is the node
that the configuration names; what is torn, printed between or meant for nobody is passed over, and the node sends again
what was never acked.
"""

import asyncio
import fcntl
import os
import secrets
import termios
import time
import tty
from collections.abc import Callable
from pathlib import Path

from aircue_gateway import log
from aircue_gateway.config import Node
from aircue_gateway.message import Message
from aircue_gateway.payloads import aircue
from aircue_node import contract, line_codec

_HELLO_S = 2.0
_SILENT_HELLOS = 15
_LONGEST_LINE = 65536
_LONGEST_UNSENT = 65536
_CHUNK = 65536
_OURS = (line_codec.HELLO, contract.ACK, contract.COMMAND)


class SerialLine:
    """take: gets every message of the node. noticed: called after each bunch of them."""

    def __init__(self, path: Path, node: Node, *, take: Callable[[Message], None], noticed: Callable[[], None]) -> None:
        self._path = path
        self._node = node
        self._prefix = contract.topic(node.site, node.id, "")
        self._take = take
        self._noticed = noticed
        self._fd: int | None = None
        self._lines = line_codec.Lines(_LONGEST_LINE)
        self._unsent = b""
        self._boot: tuple[int, int] | None = None
        self._heard = self._echoed = False
        self._complaint = ""
        self._gone = asyncio.Event()

    async def run(self) -> None:
        """For ever: a tty that is not there, or goes, is tried again."""
        while True:
            try:
                self._open()
            except OSError as error:
                self._complain(error)
                await asyncio.sleep(_HELLO_S)
                continue
            try:
                await self._greet()
            finally:
                self._close()
            self._left()

    def publish(self, topic: str, payload: bytes) -> None:
        """To the node, if it is there and meant."""
        if self._fd is not None and topic.startswith(self._prefix):
            self._unsent += line_codec.encode_line(topic, payload)
            self._flush()

    def pause(self) -> None:
        """Reads no more; the tty's buffer fills and the node waits."""
        if self._fd is not None:
            asyncio.get_running_loop().remove_reader(self._fd)

    def resume(self) -> None:
        if self._fd is not None and not self._gone.is_set():
            asyncio.get_running_loop().add_reader(self._fd, self._readable, self._fd)

    def _open(self) -> None:
        fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            tty.setraw(fd)
        except (OSError, termios.error) as error:
            os.close(fd)
            raise OSError(*error.args) from error
        self._fd, self._unsent, self._complaint = fd, b"", ""
        self._heard = self._echoed = False
        self._gone.clear()
        self.resume()
        log.event("serial_opened", path=self._path, node=self._node.id)

    def _complain(self, error: OSError) -> None:
        """Once for each reason: a node that is unplugged for a week needs no line every two seconds."""
        if str(error) != self._complaint:
            self._complaint = str(error)
            remedy = "plug the node in, or check path under [[serial]]; only one program can use the port"
            log.warning("serial_unavailable", path=self._path, reason=error, remedy=remedy)

    async def _greet(self) -> None:
        """Until the tty is gone."""
        session, hellos = secrets.randbits(30), 0
        while not self._gone.is_set():
            hello = line_codec.encode_hello(session, int(time.time()))
            self.publish(self._prefix + line_codec.HELLO, hello)
            hellos += 1
            if hellos == _SILENT_HELLOS and not self._heard:
                remedy = 'is it this node, and does its settings.json say "uplink": "serial"?'
                log.warning("serial_silent", path=self._path, node=self._node.id, remedy=remedy)
            try:
                await asyncio.wait_for(self._gone.wait(), _HELLO_S)
            except TimeoutError:
                continue

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)

    def _left(self) -> None:
        """Nobody else can tell the last will of a node on a cable."""
        log.warning("serial_gone", path=self._path, node=self._node.id, torn=self._lines.torn)
        if self._boot is not None:
            will = contract.encode_will(*self._boot)
            self._hand_in(contract.STATUS, will, True, False, self._prefix + contract.STATUS)
            self._noticed()

    def _readable(self, fd: int) -> None:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(fd)
            self._gone.set()
            return
        for topic, payload, retained, again in self._lines.feed(data):
            self._received(topic, payload, retained, again)
        self._flush()
        self._noticed()

    def _received(self, topic: str, payload: bytes, retained: bool, again: bool) -> None:
        leaf = topic.removeprefix(self._prefix) if topic.startswith(self._prefix) else ""
        if leaf in _OURS:
            self._note_echo()
            return
        self._heard = True
        self._hand_in(leaf, payload, retained, again, topic)
        if leaf == contract.BIRTH and retained:
            self._note_boot(topic, payload)

    def _hand_in(self, leaf: str, payload: bytes, retained: bool, again: bool, topic: str) -> None:
        self._take(Message(self._node, topic, leaf, payload, retain=retained, duplicate=again))

    def _note_boot(self, topic: str, payload: bytes) -> None:
        """For the last will; what a malformed birth is worth, the intake says."""
        try:
            birth = aircue.decode_birth(topic, payload)
        except aircue.PayloadError:
            return
        self._boot = birth.installation, birth.boot

    def _note_echo(self) -> None:
        if not self._echoed:
            self._echoed = True
            remedy = "its program is not running: look at its console with mpremote"
            log.warning("serial_echo", path=self._path, node=self._node.id, remedy=remedy)

    def _flush(self) -> None:
        """What the tty does not take now goes with the next hello; an ack that is lost is sent again."""
        if self._fd is None:
            return
        try:
            self._unsent = self._unsent[os.write(self._fd, self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._gone.set()
        if len(self._unsent) > _LONGEST_UNSENT:
            self._unsent = b""
