"""The command update: what is brought, what is refused, and that a power cut at any step leaves a whole program."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.node import board
from tests.node.board import Flash, Image, PowerCut
from tests.node.web import Answer, Web, endless, says, silent, whole

from aircue_node import contract, http_get, slots, update
from aircue_node.host.bundle import write_bundle
from aircue_node.slots import Slots
from aircue_node.update import Updater

KEY = "correct horse"
OLD = board.image("0.1.0", sensors__dht=b"old driver", gone=b"not in the next version")
NEW = board.image("0.2.0", sensors=b"a module now", large=bytes(range(256)) * 5)


class Node:
    """A board that runs folder a, its updater, and what that said and asked for."""

    def __init__(self, root: Path, web: Web) -> None:
        self.root = root
        self.web = web
        self.slots = Slots("a")
        self.notes: list[str] = []
        self.restarts = 0
        self.updater = self.made()
        self._ended = asyncio.Event()
        self._offers = 0

    def made(self, reserve: int = 0) -> Updater:
        return Updater("bathroom", KEY.encode(), self.slots, self._note, self._restart, reserve)

    def _note(self, text: str, taken: bool) -> None:
        assert taken is text.endswith("the trial begins")
        self.notes.append(text)
        self._ended.set()

    def _restart(self) -> None:
        self.restarts += 1

    def offer(self, image: Image = NEW, key: str = KEY, sequence: int = 1, node: str = "bathroom") -> dict[str, Any]:
        self._offers += 1
        name = f"bundle-{self._offers}"
        made = write_bundle(self.web.folder / name, image, {node: key}, sequence)
        return {"url": f"{self.web.url}/{name}", **made}

    async def update(self, args: dict[str, Any]) -> str:
        """Sends the command; the note at its end."""
        self._ended.clear()
        assert self.updater.command(args) is None
        await asyncio.wait_for(self._ended.wait(), 20)
        return self.notes[-1]

    def refused(self, note: str) -> str:
        """Why, once it is sure that the node is as it was."""
        assert self.restarts == 0
        assert not (self.root / "slot").exists()
        assert board.contents(self.root / "a") == board.files_of(OLD)
        return note.partition(": refused: ")[2] or note.partition(": failed, ")[2]


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "board"
    (tmp_path / "web").mkdir()
    board.install(OLD, root / "a")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def play(storage: Path) -> Callable[[Callable[[Node], Awaitable[None]]], None]:
    """Runs a story with a node."""

    def run(story: Callable[[Node], Awaitable[None]]) -> None:
        async def scene() -> None:
            async with Web(storage.parent / "web") as web:
                await story(Node(storage, web))

        asyncio.run(scene())

    return run


Play = Callable[[Callable[[Node], Awaitable[None]]], None]


def test_an_update_is_brought_staged_and_started(play: Play, storage: Path) -> None:
    async def story(node: Node) -> None:
        args = node.offer(sequence=5)
        note = await node.update(args)
        assert note == f"update 0.2.0 from {args['url']}: the trial begins"
        assert node.restarts == 1
        assert board.contents(storage / "b") == board.files_of(NEW)
        assert json.loads((storage / "slot").read_text()) == {
            "active": "a",
            "trial": "b",
            "tries": 0,
            "version": "0.2.0",
            "sequence": 0,
            "next": 5,
        }

    play(story)


def test_what_lies_in_the_folder_already_is_kept_if_it_is_right_and_removed_if_not(play: Play, storage: Path) -> None:
    """An empty folder sensors/ would hide the module of that name."""

    async def story(node: Node) -> None:
        board.install(OLD, storage / "b")
        await node.update(node.offer())
        assert board.contents(storage / "b") == board.files_of(NEW)
        assert not (storage / "b" / "aircue_node" / "sensors").exists()
        fetched = {path.rpartition("/")[2] for path in node.web.asked}
        assert fetched == {"manifest.jsonl", "bathroom.hmac", "start.mpy", "sensors.mpy", "large.mpy"}

    play(story)


def test_one_bundle_serves_every_node_it_is_signed_for(play: Play) -> None:
    async def story(node: Node) -> None:
        args = write_bundle(node.web.folder / "all", NEW, {"kitchen": "another", "bathroom": KEY}, 1)
        assert "the trial begins" in await node.update({"url": f"{node.web.url}/all", **args})

    play(story)


def test_the_birth_says_what_became_of_an_update_and_nothing_where_there_was_none() -> None:
    def birth(outcome: str | None) -> dict[str, Any]:
        fields = contract.encode_birth("0.1.0", "rp2", 7, 1, 30000, "soft", [], [], [], outcome)
        return dict(json.loads(fields))

    assert birth("rolled back from 0.2.0")["update"] == "rolled back from 0.2.0"
    assert "update" not in birth(None)


REFUSED_AT_ONCE: dict[str, tuple[dict[str, Any], str]] = {
    "no url": ({"url": None}, "url, version and manifest"),
    "another scheme": ({"url": "https://127.0.0.1/x"}, "url must be http://host:port/path"),
    "no version": ({"version": ""}, "url, version and manifest"),
    "a version without end": ({"version": "1" * 33}, "url, version and manifest"),
    "no hash": ({"manifest": "abc"}, "url, version and manifest"),
    "a hash in capitals": ({"manifest": "A" * 64}, "url, version and manifest"),
}


@pytest.mark.parametrize("version", ["2", "1" * 32])
def test_the_shortest_and_the_longest_version_are_taken(play: Play, version: str) -> None:
    async def story(node: Node) -> None:
        assert "the trial begins" in await node.update(node.offer(board.image(version)))

    play(story)


@pytest.mark.parametrize(("changes", "said"), REFUSED_AT_ONCE.values(), ids=REFUSED_AT_ONCE)
def test_a_command_of_no_sense_is_refused_in_its_reply(play: Play, changes: dict[str, Any], said: str) -> None:
    async def story(node: Node) -> None:
        refusal = node.updater.command({**node.offer(), **changes})
        assert refusal is not None
        assert said in refusal
        assert node.web.asked == []

    play(story)


def test_a_node_without_folders_refuses(play: Play) -> None:
    async def story(node: Node) -> None:
        bare = Updater("bathroom", KEY.encode(), Slots(None), node._note, lambda: None)
        assert "without the folders a and b" in str(bare.command(node.offer()))

    play(story)


def test_a_program_on_trial_does_not_overwrite_what_it_would_fall_back_to(play: Play, storage: Path) -> None:
    async def story(node: Node) -> None:
        (storage / "slot").write_text('{"active": "b", "trial": "a", "tries": 1, "version": "0.1.0"}')
        trial = Updater("bathroom", KEY.encode(), Slots("a"), node._note, lambda: None)
        refusal = trial.command(node.offer())
        assert refusal == "update: 0.1.0 on trial, start 1 of 3: send it again later"

    play(story)


def test_one_update_at_a_time(play: Play) -> None:
    async def story(node: Node) -> None:
        args = node.offer()
        node.web.answers["/bundle-1/manifest.jsonl"] = silent(b"")
        assert node.updater.command(args) is None
        assert node.updater.command(args) == "update: one is under way: send it again later"

    play(story)


def test_a_bundle_signed_with_another_key_is_refused_before_anything_is_touched(play: Play, storage: Path) -> None:
    async def story(node: Node) -> None:
        board.install(OLD, storage / "b")
        note = await node.update(node.offer(key="wrong"))
        assert node.refused(note) == "bathroom.hmac does not fit this node's key"
        assert board.contents(storage / "b") == board.files_of(OLD)

    play(story)


@pytest.mark.parametrize("signature", [b"0" * 64, b"\xff" * 64])
def test_a_signature_of_no_sense_is_refused(play: Play, signature: bytes) -> None:
    async def story(node: Node) -> None:
        args = node.offer()
        node.web.answers["/bundle-1/bathroom.hmac"] = whole(signature)
        assert node.refused(await node.update(args)) == "bathroom.hmac does not fit this node's key"

    play(story)


def test_a_manifest_that_the_command_does_not_name_is_refused(play: Play) -> None:
    async def story(node: Node) -> None:
        args = {**node.offer(), "manifest": "0" * 64}
        assert node.refused(await node.update(args)) == "manifest.jsonl is not the one the command names"

    play(story)


def test_a_manifest_for_another_version_is_refused(play: Play) -> None:
    async def story(node: Node) -> None:
        args = {**node.offer(), "version": "0.3.0"}
        assert node.refused(await node.update(args)) == "manifest.jsonl is for version 0.2.0"

    play(story)


def test_a_release_older_than_the_confirmed_one_is_refused_and_its_equal_is_not(play: Play, storage: Path) -> None:
    async def story(node: Node) -> None:
        (storage / "slot").write_text('{"active": "a", "sequence": 7}')
        node = Node(storage, node.web)
        note = await node.update(node.offer(sequence=6))
        assert "refused: sequence 6 is older than 7" in note
        assert not (storage / "b").exists()
        assert "the trial begins" in await node.update(node.offer(sequence=7))

    play(story)


def test_an_update_larger_than_flash_is_refused_before_anything_is_touched(play: Play, storage: Path) -> None:
    async def story(node: Node) -> None:
        board.install(OLD, storage / "b")
        node.updater = node.made(reserve=2**60)
        assert "bytes of flash are needed" in node.refused(await node.update(node.offer()))
        assert board.contents(storage / "b") == board.files_of(OLD)

    play(story)


@pytest.mark.parametrize("missing", [0, 1])
def test_room_is_counted_in_blocks_and_what_will_be_removed_is_room_too(
    missing: int, play: Play, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New: start, clock and sensors of a block each, full of two. In b already: clock, as it will be, and three files
    of a block each that go. The file system keeps 32 KB for itself, others 1000 bytes."""
    needed = (5 - 1) * 4096 + 32768 + 1000
    free = needed - 3 * 4096
    frees = {0: (8, free // 8), 1: (1, free - 1)}
    assert free % 8 == 0

    async def story(node: Node) -> None:
        board.install(OLD, storage / "b")
        size, count = frees[missing]
        monkeypatch.setattr(update.os, "statvfs", lambda _: (512, size, 10**6, 10**6, count))
        node.updater = node.made(reserve=1000)
        note = await node.update(node.offer(board.image("0.2.0", sensors=b"a module now", full=bytes(4096))))
        assert note.endswith(
            f"{needed} bytes of flash are needed, {needed - 1} are free" if missing else "the trial begins"
        )

    play(story)


OK = b"HTTP/1.1 200 OK\r\n"
LARGE = "aircue_node/large.mpy"
DATA = board.files_of(NEW)[LARGE]

HOSTILE: dict[str, tuple[Answer, str]] = {
    "other bytes": (whole(bytes(len(DATA))), f"{LARGE}: not the SHA-256 of the manifest"),
    "too few bytes": (whole(DATA[:-1], len(DATA)), f"{LARGE}: the connection was closed too early"),
    "a shorter file": (whole(DATA[:-1]), f"{LARGE}: 1279 bytes announced, 1280 to 1280 expected"),
    "a longer file": (whole(DATA + b"x"), f"{LARGE}: 1281 bytes announced, 1280 to 1280 expected"),
    "a body without end": (
        endless(OK + b"Content-Length: 1280\r\n\r\n"),
        f"{LARGE}: not the SHA-256 of the manifest",
    ),
    "a head without end": (endless(OK + b"X: "), f"{LARGE}: head longer than 1024 bytes"),
    "no length": (says(OK + b"\r\n" + DATA), f"{LARGE}: no usable Content-Length"),
    "two lengths": (says(OK + b"Content-Length: 1280\r\n" * 2 + b"\r\n" + DATA), f"{LARGE}: no usable Content-Length"),
    "a negative length": (says(OK + b"Content-Length: -1\r\n\r\n"), f"{LARGE}: no usable Content-Length"),
    "chunks": (
        says(OK + b"Content-Length: 1280\r\nTransfer-Encoding: chunked\r\n\r\n" + DATA),
        f"{LARGE}: chunked, but whole files are expected",
    ),
    "a redirection": (says(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"), f"{LARGE}: answered b'302'"),
    "not found": (says(b"HTTP/1.1 404 Not Found\r\n\r\n"), f"{LARGE}: answered b'404'"),
    "another protocol": (says(b"220 mail ready\r\n\r\n"), f"{LARGE}: no HTTP server"),
    "nothing": (says(b""), f"{LARGE}: the connection was closed too early"),
}


@pytest.mark.parametrize(("answer", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_server_is_refused_with_the_reason_and_the_next_try_goes_on(
    play: Play, storage: Path, answer: Answer, said: str
) -> None:
    async def story(node: Node) -> None:
        args = node.offer()
        node.web.answers[f"/bundle-1/{LARGE}"] = answer
        assert node.refused(await node.update(args)) == said
        launcher = board.launcher()
        assert launcher.choose()[0] == "a"
        node.web.answers.clear()
        node.web.asked.clear()
        assert "the trial begins" in await node.update(args)
        assert board.contents(storage / "b") == board.files_of(NEW)
        assert "/bundle-1/aircue_node/clock.mpy" not in node.web.asked

    play(story)


def test_a_manifest_without_end_is_refused(play: Play) -> None:
    async def story(node: Node) -> None:
        args = node.offer()
        node.web.answers["/bundle-1/manifest.jsonl"] = endless(OK + b"Content-Length: 999999999\r\n\r\n")
        assert "999999999 bytes announced, 1 to 16384 expected" in node.refused(await node.update(args))

    play(story)


def test_a_silent_server_is_given_up(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(node: Node) -> None:
        monkeypatch.setattr(http_get, "_WHOLE_S", 0.05)
        args = node.offer()
        node.web.answers["/bundle-1/manifest.jsonl"] = silent(OK)
        assert node.refused(await node.update(args)) == "manifest.jsonl: not here within 0.05 s"

    play(story)


def test_a_server_that_is_not_there_is_told(play: Play, free_port: int) -> None:
    async def story(node: Node) -> None:
        args = {**node.offer(), "url": f"http://127.0.0.1:{free_port}"}
        assert "send it again" in node.refused(await node.update(args))

    play(story)


MANIFEST_HEAD = {"v": 1, "version": "0.2.0", "sequence": 1}
ROW = ["aircue_node/start.mpy", 3, "0" * 64]

WRONG_MANIFESTS: dict[str, tuple[Any, ...]] = {
    "nothing": (),
    "no object": ([1],),
    "a format of the future": ({**MANIFEST_HEAD, "v": 2}, ROW),
    "no sequence": ({"v": 1, "version": "0.2.0"}, ROW),
    "a sequence that is no number": ({**MANIFEST_HEAD, "sequence": "1"}, ROW),
    "no rows of three": (MANIFEST_HEAD, ROW[:2]),
    "a path out of the folder": (MANIFEST_HEAD, ["aircue_node/../../main.py", *ROW[1:]]),
    "a path from the root": (MANIFEST_HEAD, ["/aircue_node/x", *ROW[1:]]),
    "a path beside the package": (MANIFEST_HEAD, ["unfinished", *ROW[1:]]),
    "the package's folder itself": (MANIFEST_HEAD, ["aircue_node/", *ROW[1:]]),
    "a path that is no text": (MANIFEST_HEAD, [7, *ROW[1:]]),
    "a path without end": (MANIFEST_HEAD, ["aircue_node/" + "x" * 100, *ROW[1:]]),
    "a negative size": (MANIFEST_HEAD, [ROW[0], -1, ROW[2]]),
    "a size that is no number": (MANIFEST_HEAD, [ROW[0], True, ROW[2]]),
    "a hash that is none": (MANIFEST_HEAD, [*ROW[:2], "0" * 63 + "g"]),
}


@pytest.mark.parametrize("lines", WRONG_MANIFESTS.values(), ids=WRONG_MANIFESTS)
def test_a_manifest_of_no_sense_is_refused(storage: Path, lines: tuple[Any, ...]) -> None:
    """It would be an authentic one: a mistake of whoever makes bundles."""
    (storage / update.MANIFEST).write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(update.UpdateError, match=r"manifest\.jsonl"):
        update.check("0.2.0", 0)


def test_a_manifest_that_is_no_json_is_refused(storage: Path) -> None:
    (storage / update.MANIFEST).write_text(json.dumps(MANIFEST_HEAD) + "\nnot JSON\n")
    with pytest.raises(update.UpdateError, match="None is no file"):
        update.check("0.2.0", 0)


def test_flash_that_holds_something_else_is_found_before_the_trial(
    play: Play, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes came right and lie there wrong: the folder is read back as a whole."""

    async def story(node: Node) -> None:
        fetch = update._fetch

        async def worn(url: str, folder: str, path: str, size: int, expected: str) -> None:
            await fetch(url, folder, path, size, expected)
            if path == LARGE:
                (storage / folder / path).write_bytes(b"\xff" + DATA[1:])

        monkeypatch.setattr(update, "_fetch", worn)
        note = await node.update(node.offer())
        assert node.refused(note) == "flash does not hold what was written: it may be worn out"
        assert board.launcher().choose()[0] == "a"

    play(story)


def test_a_power_cut_at_any_step_leaves_a_whole_program_and_the_next_try_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spare folder holds the old version when the download begins; the power goes at each step of it in turn."""
    launcher = board.launcher()

    async def scene(web: Web, args: dict[str, str], cut: int) -> bool:
        """One update with the power cut; whether it was."""
        root = tmp_path / f"board-{cut}"
        for folder in ("a", "b"):
            board.install(OLD, root / folder)
        monkeypatch.chdir(root)
        modules: tuple[ModuleType, ...] = (slots, update, launcher)
        Flash(cut).into(monkeypatch, *modules)
        node = Node(root, web)
        try:
            await node.updater.bring(args["url"], "0.2.0", args["manifest"])
            return False
        except PowerCut:
            pass
        Flash().into(monkeypatch, *modules)
        starts_whole(launcher, root)
        if launcher.choose()[0] == "a":
            await Node(root, web).updater.bring(args["url"], "0.2.0", args["manifest"])
        assert starts_whole(launcher, root) == "b"
        return True

    async def every_cut() -> int:
        (tmp_path / "web").mkdir()
        async with Web(tmp_path / "web") as web:
            args = {"url": f"{web.url}/x", **write_bundle(web.folder / "x", NEW, {"bathroom": KEY}, 1)}
            cut = 1
            while await scene(web, args, cut):
                cut += 1
            return cut

    assert asyncio.run(every_cut()) > 25


def starts_whole(launcher: ModuleType, root: Path) -> str:
    """The folder the launcher starts, once it is clear that this, and what it could fall back to, is whole."""
    folder, state, ready = launcher.choose()
    assert "outcome" not in state
    for name in ready:
        assert board.contents(root / name) in (board.files_of(OLD), board.files_of(NEW))
    expected = NEW if folder == state.get("trial") else OLD
    assert board.contents(root / str(folder)) == board.files_of(expected)
    return str(folder)
