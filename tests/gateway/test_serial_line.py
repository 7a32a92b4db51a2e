"""The serial intake on a pseudo-terminal that is plugged in, pulled out, mumbles and is used by somebody else."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.gateway.samples import BOOT, INSTALLATION, NODE, backlog, birth, live

from aircue_gateway.intakes import serial_line
from aircue_gateway.intakes.serial_line import SerialLine
from aircue_gateway.message import Message
from aircue_node import contract, line_codec
from aircue_node.ports import Line

pytestmark = pytest.mark.usefixtures("pseudo_terminals")


class Cable:
    """The node's end of a cable to `path`, which is there while it is plugged in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[Line] = []
        self._lines = line_codec.Lines(65536)
        self._master: int | None = None

    def plug(self) -> None:
        master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self.path.symlink_to(os.ttyname(slave))
        os.close(slave)
        self._master = master

    def unplug(self) -> None:
        if self._master is not None:
            self.path.unlink()
            os.close(self._master)
            self._master = None

    def write(self, data: bytes) -> None:
        assert self._master is not None
        os.write(self._master, data)

    def say(self, leaf: str, payload: bytes, retained: bool = False, again: bool = False) -> None:
        self.write(line_codec.encode_line(contract.topic(NODE.site, NODE.id, leaf), payload, retained, again))

    def listen(self) -> list[Line]:
        """Everything that came in so far."""
        if self._master is not None:
            with contextlib.suppress(OSError):  # nothing there, or nobody has the other end open
                self.heard += self._lines.feed(os.read(self._master, 65536))
        return self.heard

    def sessions(self) -> list[int]:
        hellos = [payload for topic, payload, _, _ in self.listen() if topic.endswith("/hello")]
        return list(dict.fromkeys(json.loads(payload)["session"] for payload in hellos))


class Stage:
    def __init__(self, path: Path) -> None:
        self.taken: list[Message] = []
        self.noticed = 0
        self.cable = Cable(path)
        self.line = SerialLine(path, NODE, take=self.taken.append, noticed=self._notice)

    def _notice(self) -> None:
        self.noticed += 1

    def leaves(self) -> list[str]:
        return [message.leaf for message in self.taken]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_line, "_HELLO_S", 0.01)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 -- a pseudo-terminal has no event to tell by
            await asyncio.sleep(0.005)


def play(folder: Path, story: Callable[[Stage], Awaitable[None]]) -> None:
    async def go() -> None:
        stage = Stage(folder / "ttyACM0")
        running = asyncio.create_task(stage.line.run())
        try:
            await story(stage)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.wait([running])
            stage.cable.unplug()

    asyncio.run(go())


def test_messages_come_in_with_their_marks_whatever_is_printed_between(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.cable.plug()
        await until(lambda: bool(stage.cable.sessions()))
        stage.cable.write(b"sensor sht4x: ok\r\n")
        stage.cable.say("birth", birth(), retained=True)
        stage.cable.write(b"half a lin")
        stage.cable.say("backlog", backlog([1, 2]), again=True)
        stage.cable.say("samples", live(3))
        await until(lambda: len(stage.taken) == 3)
        topic = contract.topic(NODE.site, NODE.id, "")
        assert stage.taken == [
            Message(NODE, topic + "birth", "birth", birth(), retain=True),
            Message(NODE, topic + "backlog", "backlog", backlog([1, 2]), duplicate=True),
            Message(NODE, topic + "samples", "samples", live(3)),
        ]
        assert stage.noticed >= 1

    play(tmp_path, story)


def test_an_ack_reaches_the_node_and_one_for_another_node_does_not(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.cable.plug()
        await until(lambda: bool(stage.cable.sessions()))
        ack = contract.encode_ack(INSTALLATION, BOOT, [(1, 3)])
        stage.line.publish(contract.topic(NODE.site, "kitchen", "ack"), ack)
        stage.line.publish(contract.topic(NODE.site, NODE.id, "ack"), ack)
        await until(lambda: any(topic.endswith("/ack") for topic, _, _, _ in stage.cable.listen()))
        acks = [row for row in stage.cable.heard if row[0].endswith("/ack")]
        assert acks == [(contract.topic(NODE.site, NODE.id, "ack"), ack, False, False)]

    play(tmp_path, story)


def test_a_node_that_is_pulled_out_counts_as_offline_and_comes_back_as_a_new_session(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.cable.plug()
        await until(lambda: bool(stage.cable.sessions()))
        stage.cable.say("birth", birth(), retained=True)
        await until(lambda: stage.leaves() == ["birth"])
        stage.cable.unplug()
        await until(lambda: stage.leaves() == ["birth", "status"])
        will = stage.taken[-1]
        assert (will.payload, will.retain) == (contract.encode_will(INSTALLATION, BOOT), True)
        stage.cable.plug()
        await until(lambda: len(stage.cable.sessions()) == 2)
        stage.cable.say("samples", live(1))
        await until(lambda: stage.leaves()[-1] == "samples")

    play(tmp_path, story)


def test_a_torn_line_costs_itself_alone(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.cable.plug()
        await until(lambda: bool(stage.cable.sessions()))
        whole = line_codec.encode_line(contract.topic(NODE.site, NODE.id, "samples"), live(1))
        stage.cable.write(whole[:40])
        stage.cable.say("samples", live(2))
        await until(lambda: len(stage.taken) == 1)
        assert stage.taken[0].payload == live(2)

    play(tmp_path, story)


def test_while_it_is_paused_nothing_is_taken_and_nothing_is_lost(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.cable.plug()
        await until(lambda: bool(stage.cable.sessions()))
        stage.line.pause()
        stage.cable.say("samples", live(1))
        await asyncio.sleep(0.05)
        assert stage.taken == []
        stage.line.resume()
        await until(lambda: len(stage.taken) == 1)

    play(tmp_path, story)


def test_a_board_that_echoes_is_named_and_its_echo_is_no_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """MicroPython's prompt echoes what is typed."""

    async def story(stage: Stage) -> None:
        stage.cable.plug()
        await until(lambda: bool(stage.cable.sessions()))
        for _ in range(3):
            stage.cable.say(line_codec.HELLO, line_codec.encode_hello(1, 2))
        stage.cable.say("samples", live(1))
        await until(lambda: len(stage.taken) == 1)

    play(tmp_path, story)
    assert caplog.text.count("event=serial_echo") == 1


def test_a_port_that_is_missing_used_or_none_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(0.05)
        stage.cable.plug()
        await until(lambda: bool(stage.cable.sessions()))
        stage.cable.unplug()
        await until(lambda: stage.line._fd is None)
        stage.cable.path.write_text("a file")
        await asyncio.sleep(0.05)
        stage.cable.path.unlink()

    play(tmp_path, story)
    log = caplog.text
    assert log.count("No such file") == 2
    assert log.count("Inappropriate ioctl") == 1
    assert "plug the node in, or check path under [[serial]]" in log


def test_a_port_that_another_program_holds_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(stage: Stage) -> None:
        other = os.open(stage.cable.path.resolve(), os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(other, fcntl.LOCK_EX)
        await asyncio.sleep(0.05)
        assert stage.cable.sessions() == []
        os.close(other)
        await until(lambda: bool(stage.cable.sessions()))

    async def go() -> None:
        stage = Stage(tmp_path / "ttyACM0")
        stage.cable.plug()
        told = asyncio.create_task(story(stage))
        await asyncio.sleep(0)
        running = asyncio.create_task(stage.line.run())
        try:
            await told
        finally:
            running.cancel()
            await asyncio.wait([running])
            stage.cable.unplug()

    asyncio.run(go())
    assert caplog.text.count("event=serial_unavailable") == 1


def test_a_silent_board_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_line, "_SILENT_HELLOS", 3)

    async def story(stage: Stage) -> None:
        stage.cable.plug()
        await until(lambda: len([1 for topic, _, _, _ in stage.cable.listen() if topic.endswith("/hello")]) >= 5)

    play(tmp_path, story)
    assert caplog.text.count("event=serial_silent") == 1
