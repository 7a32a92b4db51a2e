"""Messages a line each: the codec on any stream, and the node's end against a gateway that comes, goes and mumbles."""

import asyncio
import binascii
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.golden import golden
from tests.node.fakes import FakeLastNumber, FakeReport, stop

from aircue_node import command_codec, contract, line_codec, serial_line
from aircue_node.clock import Clock, Monotonic
from aircue_node.commands import Commands
from aircue_node.courier import Courier
from aircue_node.journal import Journal
from aircue_node.line_codec import END, START, LineError, Lines
from aircue_node.ports import Line
from aircue_node.sampler import Sampler
from aircue_node.serial_line import SerialLine
from aircue_node.tuning import Tuning

INSTALLATION, BOOT = 7, 3

_names = st.text(st.characters(codec="ascii", categories=["L", "Nd"]), min_size=1, max_size=9)
_topics = st.lists(_names, min_size=1, max_size=4).map("/".join)
_payloads = st.dictionaries(st.text(max_size=9), st.text(max_size=30) | st.integers(), max_size=4).map(
    lambda fields: json.dumps(fields).encode()
)
_messages = st.tuples(_topics, _payloads, st.booleans(), st.booleans())
_console = st.text(st.characters(codec="utf-8", exclude_characters="\x1e"), max_size=60).map(str.encode)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[first:last] for first, last in itertools.pairwise(places)]


def read(data: bytes, cuts: list[int] | None = None) -> tuple[list[Line], int]:
    lines = Lines(65536)
    found = [line for piece in pieces(data, cuts or []) for line in lines.feed(piece)]
    return found, lines.torn


def test_the_crc_is_crc_32() -> None:
    """The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms."""
    assert line_codec._crc(b"123456789") == "cbf43926"


@pytest.mark.parametrize("row", golden("serial_line")["lines"], ids=lambda row: row["topic"].rpartition("/")[2])
def test_a_session_is_the_golden_one_byte_for_byte(row: dict[str, str | bool]) -> None:
    topic, payload, line = (str(row[key]) for key in ("topic", "payload", "line"))
    flags = bool(row["retained"]), bool(row["again"])
    assert line_codec.encode_line(topic, payload.encode(), *flags) == line.encode()
    assert read(line.encode()) == ([(topic, payload.encode(), *flags)], 0)


def test_the_hello_is_the_golden_one() -> None:
    document = golden("serial_line")
    payload = document["lines"][0]["payload"].encode()
    assert line_codec.encode_hello(document["session"], document["epoch_s"]) == payload
    assert line_codec.decode_hello(payload) == (document["session"], document["epoch_s"])


@given(st.lists(st.tuples(_console, _messages), max_size=5), st.lists(st.integers(0, 10**6), max_size=9))
def test_messages_come_out_of_any_pieces_whatever_the_console_prints_between(
    rows: list[tuple[bytes, Line]], cuts: list[int]
) -> None:
    stream = b"".join(text + line_codec.encode_line(*message) for text, message in rows)
    assert read(stream, cuts) == ([message for _, message in rows], 0)


@given(_messages, _messages, st.integers(0, 10**6))
def test_a_line_torn_at_any_byte_costs_itself_alone_and_is_counted(torn: Line, whole: Line, cut: int) -> None:
    first = line_codec.encode_line(*torn)
    stream = first[: 1 + cut % (len(first) - 1)] + line_codec.encode_line(*whole)
    assert read(stream) == ([whole], 1)


@given(_messages, st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_never_changes_a_message(message: Line, place: int, flip: int) -> None:
    line = bytearray(line_codec.encode_line(*message))
    line[1 + place % (len(line) - 2)] ^= flip
    found, torn = read(bytes(line))
    assert found == []
    assert torn >= 1


@given(_messages, _console, st.integers(0, 10**6))
def test_a_line_that_something_was_printed_into_is_no_message(message: Line, text: bytes, place: int) -> None:
    line = line_codec.encode_line(*message)
    at = 1 + place % (len(line) - 2)
    found, _ = read(line[:at] + text + line[at:])
    assert found in ([], [message])
    assert found == [message] or text


@given(st.binary(max_size=200), _messages)
def test_garbage_before_a_line_does_not_hide_it(garbage: bytes, message: Line) -> None:
    found, _ = read(garbage + line_codec.encode_line(*message))
    assert found[-1] == message


def test_a_terminal_that_turns_lf_into_crlf_does_no_harm() -> None:
    line = line_codec.encode_line("a/b", b"{}")
    assert read(line.replace(END, b"\r\n")) == ([("a/b", b"{}", False, False)], 0)


def test_a_line_without_end_is_bounded_and_the_next_one_is_read() -> None:
    lines = Lines(100)
    for _ in range(50):
        assert lines.feed(START + b"x" * 49) == []
    assert len(lines._rest) <= 100
    assert lines.feed(b"y" * 500) == []
    assert lines.feed(END + line_codec.encode_line("a/b", b"{}")) == [("a/b", b"{}", False, False)]
    assert lines.torn >= 1


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"7", b"{}", b'{"session":1}', b'{"session":"1","t":0}', b'{"session":1,"t":-1}']
)
def test_a_malformed_hello_is_refused(payload: bytes) -> None:
    with pytest.raises(LineError, match="hello"):
        line_codec.decode_hello(payload)


class FakeConsole:
    """What the gateway's end of the cable sees and says."""

    def __init__(self) -> None:
        self.inward = b""
        self.outward: list[Line] = []
        self._lines = Lines(65536)

    def read(self) -> bytes:
        data, self.inward = self.inward[:256], self.inward[256:]
        return data

    def write(self, data: bytes) -> None:
        self.outward += self._lines.feed(data)

    def say(self, leaf: str, payload: bytes, node: str = "bathroom") -> None:
        self.inward += line_codec.encode_line(contract.topic("home-1", node, leaf), payload)

    def hello(self, session: int = 1, epoch_s: int = 0) -> None:
        self.say(line_codec.HELLO, line_codec.encode_hello(session, epoch_s))

    def of(self, leaf: str) -> list[bytes]:
        return [payload for topic, payload, _, _ in self.outward if topic == contract.topic("home-1", "bathroom", leaf)]

    def sequences(self) -> list[int]:
        live = [json.loads(payload)["s"] for payload in self.of("samples")]
        return live + [row["s"] for payload in self.of("backlog") for row in json.loads(payload)["m"]]


class Node:
    """A serial line with its journal."""

    def __init__(self) -> None:
        self.console = FakeConsole()
        monotonic = Monotonic(_now_ms, int.__sub__)
        self.clock = Clock(monotonic)
        self.journal = Journal(BOOT, 1000, 1)
        sampler = Sampler([], self.clock, 30000, lambda _: None)
        actions = {"interval": Tuning(sampler, lambda changes: None).interval}
        courier = Courier(
            INSTALLATION,
            BOOT,
            self.journal,
            Commands(b"secret", INSTALLATION, actions, FakeLastNumber()),
            FakeReport(),
            lambda one: one,
        )
        self.line = SerialLine(self.console, _topic, courier, monotonic, self.clock.set, 1)
        self._taken = 0

    def sample(self, count: int = 1) -> None:
        for _ in range(count):
            self._taken += 1
            self.journal.append((self._taken, self._taken, 0, [self._taken]))
        self.line.wake()

    def ack(self, first: int, last: int) -> None:
        self.console.say("ack", contract.encode_ack(INSTALLATION, BOOT, [(first, last)]))


def _topic(leaf: str) -> str:
    return contract.topic("home-1", "bathroom", leaf)


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_line, "_HOUSEKEEPING_S", 0.01)
    monkeypatch.setattr(serial_line, "_POLL_S", 0.001)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 -- the node's end has no event to tell by
            await asyncio.sleep(0.001)


def run(story: Callable[[Node], Awaitable[None]]) -> None:
    async def play() -> None:
        node = Node()
        running = asyncio.create_task(node.line.run())
        try:
            await story(node)
            assert not running.done()
        finally:
            await stop(running)

    asyncio.run(play())


def test_nothing_is_written_before_somebody_listens() -> None:
    async def story(node: Node) -> None:
        node.sample(30)
        await asyncio.sleep(0.1)
        assert node.console.outward == []
        assert len(node.journal) == 30

    run(story)


def test_it_introduces_itself_then_sends_its_backlog_and_new_samples_live() -> None:
    async def story(node: Node) -> None:
        node.sample(30)
        node.console.hello()
        await until(lambda: len(node.console.sequences()) == 30)
        node.sample()
        await until(lambda: len(node.console.of("samples")) == 1)
        assert node.console.outward[0] == (_topic("birth"), b'{"birth":1}', True, False)
        assert (_topic("status"), b'{"status":1}', True, False) in node.console.outward
        assert sorted(node.console.sequences()) == list(range(1, 32))
        assert json.loads(node.console.of("samples")[0])["s"] == 31

    run(story)


def test_only_an_ack_frees_the_journal() -> None:
    async def story(node: Node) -> None:
        node.console.hello()
        node.sample(3)
        await until(lambda: len(node.console.sequences()) == 3)
        assert len(node.journal) == 3
        node.ack(1, 2)
        await until(lambda: len(node.journal) == 1)

    run(story)


def test_what_was_on_its_way_is_stored_once_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(node: Node) -> None:
        node.journal.mount(str(tmp_path), 2**18)
        node.console.hello()
        node.sample(48)
        await until(lambda: len(node.console.sequences()) == 48)
        node.journal.flush(48)
        assert node.journal.at_risk == 48
        monkeypatch.setattr(serial_line, "_SILENCE_MS", 0)
        await until(lambda: not node.line.listening)
        await asyncio.sleep(0.1)
        node.journal.flush(48)
        assert node.journal.at_risk == 0

    run(story)


def test_a_new_session_begins_with_the_birth_and_everything_unacked_comes_again_and_marked() -> None:
    async def story(node: Node) -> None:
        node.console.hello(1)
        node.sample(3)
        await until(lambda: len(node.console.sequences()) == 3)
        node.console.hello(1)
        node.console.hello(2)
        await until(lambda: len(node.console.sequences()) == 6)
        assert len(node.console.of("birth")) == 2
        assert [again for topic, _, _, again in node.console.outward if topic == _topic("backlog")][-1] is True

    run(story)


def test_when_the_hellos_stop_it_writes_no_more_and_the_same_session_starts_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serial_line, "_SILENCE_MS", 50)

    async def story(node: Node) -> None:
        node.console.hello()
        await until(lambda: len(node.console.of("status")) == 1)
        await until(lambda: not node.line.listening)
        seen = len(node.console.outward)
        node.sample(5)
        await asyncio.sleep(0.05)
        assert len(node.console.outward) == seen
        node.console.hello()
        await until(lambda: sorted(node.console.sequences()) == [1, 2, 3, 4, 5])
        assert len(node.console.of("birth")) == 2

    run(story)


def test_without_acks_the_backlog_stops_and_an_ack_lets_it_go_on() -> None:
    async def story(node: Node) -> None:
        node.sample(900)
        node.console.hello()
        await until(lambda: len(node.console.of("backlog")) == serial_line._MOST_UNACKED)
        await asyncio.sleep(0.05)
        sent = node.console.sequences()
        assert len(node.console.of("backlog")) == serial_line._MOST_UNACKED
        node.ack(min(sent), max(sent))
        await until(lambda: len(node.console.of("backlog")) > serial_line._MOST_UNACKED)

    run(story)


def test_acks_that_were_lost_hold_the_backlog_up_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_line, "_UNACKED_MS", 50)

    async def story(node: Node) -> None:
        node.sample(900)
        node.console.hello()
        await until(lambda: len(set(node.console.sequences())) == 900)

    run(story)


def test_the_gateways_time_dates_samples_once_a_session() -> None:
    async def story(node: Node) -> None:
        node.console.hello(1, 1_700_000_000)
        node.console.hello(1, 1_800_000_000)
        await until(lambda: node.line.listening and not node.console.inward)
        assert node.clock.epoch_s(node.clock.uptime_ms()) // 100 == 17_000_000
        node.console.hello(2, 1_800_000_000)
        await until(lambda: node.clock.epoch_s(node.clock.uptime_ms()) // 100 == 18_000_000)

    run(story)


def test_a_command_is_answered() -> None:
    async def story(node: Node) -> None:
        node.console.hello()
        order = command_codec.encode_command(b"secret", "c1", "interval", {"ms": 2000}, INSTALLATION, 1)
        node.console.say("command", order)
        await until(lambda: node.console.of("reply") == [contract.encode_reply("c1")])

    run(story)


def test_a_gateway_that_means_another_node_is_told_on_the_console_and_gets_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def story(node: Node) -> None:
        for _ in range(3):
            node.console.say(line_codec.HELLO, line_codec.encode_hello(1, 0), node="kitchen")
        await until(lambda: not node.console.inward)
        await asyncio.sleep(0.02)
        assert node.console.outward == []

    run(story)
    assert capsys.readouterr().out.count("the gateway speaks to aircue/home-1/kitchen/hello") == 1


@pytest.mark.parametrize(
    ("leaf", "payload"), [(line_codec.HELLO, b"[]"), ("ack", b"nonsense"), ("command", b"{}"), ("samples", b"{}")]
)
def test_what_makes_no_sense_leaves_the_line_running(leaf: str, payload: bytes) -> None:
    async def story(node: Node) -> None:
        node.console.say(leaf, payload)
        node.console.inward += b"\x1e\xff\xfe garbage\n" + b">>> Traceback\r\n"
        node.console.hello()
        node.sample()
        await until(lambda: node.console.sequences() == [1])

    run(story)


def test_the_line_is_its_own_reference() -> None:
    """Split by hand, with the standard library's CRC."""
    line = line_codec.encode_line("aircue/a/b/samples", b'{"s": 1}', again=True)
    text = b'aircue/a/b/samples d {"s": 1}'
    assert line == b"\x1e" + text + b" %08x\n" % binascii.crc32(text)
