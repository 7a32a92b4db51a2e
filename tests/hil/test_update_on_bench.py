"""Updates of the real firmware in MicroPython: the real launcher, folders a and b, simulated sensors, a real download.

A board's storage is a folder here, and its reset a new process.
"""

import asyncio
import itertools
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.hil.programs import update_image
from tests.hil.programs.update_image import Image
from tests.hil.stage import SCALE, settings_on_unix
from tests.hil.test_node_on_bench import SHT4X, STROBE, Stage
from tests.node.fakes import AckingGateway
from tests.node.web import Answer, Web, endless, says, silent, whole

from aircue_hil.backends.places import UnixPlace
from aircue_hil.backends.unix import EXIT_RESET, PoweredNode, UnixNode
from aircue_hil.bench import Bench
from aircue_hil.config import Config, HomeRow, NodeRow, World
from aircue_hil.config import Gateway as GatewayRow
from aircue_hil.radio import Wifi
from aircue_node import command_codec
from aircue_node.host.bundle import write_bundle

pytestmark = pytest.mark.hil

ALONE = Path(__file__).parent / "programs" / "update_alone.py"
LITTLEFS = ALONE.with_name("update_on_littlefs.py")
KEY = "secret"
HEAP = "288k"
JOURNAL = 120


@pytest.fixture(scope="module")
def first() -> Image:
    return update_image.build("0.1.0")


@pytest.fixture(scope="module")
def second() -> Image:
    return update_image.build("0.2.0")


class Gateway(AckingGateway):
    """withholds: it takes everything in and acks no sample."""

    def __init__(self) -> None:
        super().__init__()
        self.withholds = False

    def send(self, leaf: str, payload: bytes) -> None:
        if not (self.withholds and leaf == "ack"):
            super().send(leaf, payload)


class Updating(Stage):
    """A stage with a web server that has a bundle."""

    gateway: Gateway
    node: PoweredNode

    def __init__(self, gateway: Gateway, bench: Bench, node: PoweredNode, web: Web) -> None:
        super().__init__(UnixPlace(Path(), scale=SCALE), gateway, bench, node)
        self.web = web
        self._numbers: Iterator[int] = iter(range(1, 100))

    def offer(self, image: Image, key: str = KEY, sequence: int = 1) -> dict[str, str]:
        """Makes the image's bundle; the arguments of the command for it."""
        name = f"{image.version}-{sequence}-{key}"
        return {
            "url": f"{self.web.url}/{name}",
            **write_bundle(self.web.folder / name, image, {"bathroom": key}, sequence),
        }

    async def command(self, args: dict[str, str]) -> dict[str, object]:
        """Sends `update`; the reply."""
        fields = json.loads(self.gateway.of("birth")[-1])
        number = next(self._numbers)
        payload = command_codec.encode_command(KEY.encode(), f"c{number}", "update", args, fields["i"], number)
        self.gateway.send("command", payload)
        replies: dict[str, dict[str, object]] = {}

        def answered() -> bool:
            replies.update({row["id"]: row for row in map(json.loads, self.gateway.of("reply"))})
            return f"c{number}" in replies

        await self.gateway.until(answered)
        return replies[f"c{number}"]

    def births(self) -> list[tuple[str, str | None]]:
        """(version, what became of the last update) of every birth, but for those of earlier boots before backlog."""
        rows = [json.loads(payload) for payload in self.gateway.of("birth")]
        newest = itertools.accumulate((row["b"] for row in rows), max)
        return [(row["fw"], row.get("update")) for row, boot in zip(rows, newest, strict=True) if row["b"] == boot]

    def slot(self) -> dict[str, object]:
        path = self.node.node.storage / "slot"
        state: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
        return state

    async def told(self, text: str) -> None:
        """Until the node has said so on its console."""
        await self.gateway.until(lambda: text in self.node.node.log.read_text())

    async def samples_go_on(self) -> None:
        """Another 20 samples arrive, and of all that were taken since the start of the program none is missing."""
        last = max(self.arrived(), default=0)
        await self.gateway.until(lambda: last + 20 in self.arrived())
        assert set(range(1, last + 20)) <= self.arrived().keys()


def on_board(
    tmp_path: Path,
    micropython: Path,
    image: Image,
    story: Callable[[Updating], Awaitable[None]],
) -> None:
    async def play() -> None:
        (tmp_path / "web").mkdir()
        board = tmp_path / "board"
        update_image.install(image, board)
        async with Gateway() as gateway, Web(tmp_path / "web") as web:
            row = NodeRow(id="bathroom", air="flat/bathroom", sensors=SHT4X, strobe_pin=STROBE)
            config = Config(
                nodes=(row,),
                world=World(scale=SCALE),
                gateway=GatewayRow(port=gateway.port),
                homes={"flat": HomeRow()},
                wifi=Wifi(join_s=0.05, notice_s=0.5),
            )
            bench = Bench(config)
            await bench.start()
            (board / "settings.json").write_text(json.dumps(settings_on_unix(bench, JOURNAL, SHT4X)))
            node = PoweredNode(
                UnixNode(
                    micropython=[str(micropython)],
                    program=board / "main.py",
                    storage=board,
                    environment=bench.environment("bathroom"),
                    log=tmp_path / "node.log",
                    heap=HEAP,
                )
            )
            try:
                await node.power_on()
                stage = Updating(gateway, bench, node, web)
                await gateway.until(lambda: len(stage.arrived()) >= 5)
                await story(stage)
            finally:
                await node.power_off()
                await bench.stop()

    asyncio.run(play())


def test_an_update_is_on_trial_until_a_sample_is_acked_and_then_stays(
    tmp_path: Path, micropython: Path, first: Image, second: Image
) -> None:
    async def story(stage: Updating) -> None:
        assert (await stage.command(stage.offer(second)))["ok"] is True
        await stage.gateway.until(lambda: stage.births()[-1] == ("0.2.0", "0.2.0 on trial, start 1 of 3"))
        await stage.gateway.until(lambda: stage.slot() == {"active": "b", "sequence": 1})
        await stage.node.power_off()
        await stage.node.power_on()
        await stage.gateway.until(lambda: stage.births()[-1] == ("0.2.0", None))
        await stage.samples_go_on()

    on_board(tmp_path, micropython, first, story)


# What is wrong with a version, the change that makes it so, and what the board says of it afterwards.
BROKEN = {
    "it cannot be loaded": (
        {"clock.py": (r"(?m)^import asyncio$", "import nosuch")},
        "no ack in 3 starts; the last: ImportError: no module named 'nosuch'",
    ),
    "it wants a setting that is not there": (
        {"settings.py": (r'    "gateway": \(', '    "gatewy": (str, None, None, None),\n    "gateway": (')},
        "no ack in 3 starts; the last: SettingsError: settings.json: key gatewy is missing, a str is expected",
    ),
    "it fails while it runs": (
        {"uplink.py": (r"self\._tick\(\)\n            await self\._recover", "self.nosuch()")},
        "no ack in 3 starts",
    ),
}


@pytest.mark.parametrize(("changes", "said"), BROKEN.values(), ids=BROKEN)
def test_an_update_that_does_not_work_is_rolled_back_within_three_starts(
    tmp_path: Path, micropython: Path, first: Image, changes: dict[str, tuple[str, str]], said: str
) -> None:
    async def story(stage: Updating) -> None:
        await stage.command(stage.offer(update_image.build("0.2.0", changes)))
        await stage.gateway.until(lambda: stage.births()[-1] == ("0.1.0", f"rolled back from 0.2.0: {said}"))
        assert stage.node.exit_codes == [EXIT_RESET] * 4
        assert "0.2.0" not in [version for version, _ in stage.births()]

    on_board(tmp_path, micropython, first, story)


def test_an_update_whose_samples_nobody_acks_is_rolled_back(tmp_path: Path, micropython: Path, first: Image) -> None:
    """It runs, connects and sends; its trial of 10 minutes is one of a second here."""
    impatient = update_image.build("0.2.0", {"slots.py": ("_TRIAL_S = 600", "_TRIAL_S = 1")})

    async def story(stage: Updating) -> None:
        stage.gateway.withholds = True
        await stage.command(stage.offer(impatient))
        await stage.gateway.until(lambda: stage.births()[-1][0] == "0.1.0" and len(stage.births()) == 5)
        assert stage.births()[1:] == [
            ("0.2.0", "0.2.0 on trial, start 1 of 3"),
            ("0.2.0", "0.2.0 on trial, start 2 of 3"),
            ("0.2.0", "0.2.0 on trial, start 3 of 3"),
            ("0.1.0", "rolled back from 0.2.0: no ack in 3 starts"),
        ]

    on_board(tmp_path, micropython, first, story)


LARGE = "aircue_node/mqtt.mpy"
OK = b"HTTP/1.1 200 OK\r\n"

# How a server answers for one file, and what the node says of it. %d: the file's size.
HOSTILE: dict[str, tuple[Callable[[bytes], Answer], str]] = {
    "a file that is not the manifest's": (lambda data: whole(bytes(len(data))), "not the SHA-256 of the manifest"),
    "a file that ends too early": (lambda data: whole(data[:-1], len(data)), "the connection was closed too early"),
    "another length": (lambda data: whole(data[:-1]), "bytes announced, "),
    "a length of no sense": (lambda data: says(OK + b"Content-Length: -5\r\n\r\n"), "no usable Content-Length"),
    "a head without end": (lambda data: endless(OK), "head longer than 1024 bytes"),
    "a body without end": (
        lambda data: endless(OK + b"Content-Length: %d\r\n\r\n" % len(data)),
        "not the SHA-256 of the manifest",
    ),
    "a body without end and without length": (lambda data: endless(OK + b"\r\n"), "no usable Content-Length"),
    "nothing": (lambda data: says(b""), "the connection was closed too early"),
}


@pytest.mark.parametrize(("answer", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_server_is_refused_and_sampling_goes_on(
    tmp_path: Path, micropython: Path, first: Image, second: Image, answer: Callable[[bytes], Answer], said: str
) -> None:
    data = next(file.data for file in second.files if file.path == LARGE)

    async def story(stage: Updating) -> None:
        args = stage.offer(second)
        path = f"/{args['url'].rpartition('/')[2]}/{LARGE}"
        stage.web.answers[path] = answer(data)
        assert (await stage.command(args))["ok"] is True
        await stage.told(f"update 0.2.0 from {args['url']}: refused: {LARGE}: ")
        await stage.told(said)
        await stage.samples_go_on()
        assert stage.slot() == {}
        del stage.web.answers[path]
        await stage.command(args)
        await stage.gateway.until(lambda: stage.births()[-1][0] == "0.2.0")

    on_board(tmp_path, micropython, first, story)


def test_a_bundle_of_another_key_is_refused_and_nothing_is_written(
    tmp_path: Path, micropython: Path, first: Image, second: Image
) -> None:
    async def story(stage: Updating) -> None:
        assert (await stage.command(stage.offer(second, key="another")))["ok"] is True
        await stage.told("refused: bathroom.hmac does not fit this node's key")
        await stage.samples_go_on()
        assert not (stage.node.node.storage / "b").exists()

    on_board(tmp_path, micropython, first, story)


def test_a_download_that_a_power_cut_ended_goes_on_where_it_was(
    tmp_path: Path, micropython: Path, first: Image, second: Image
) -> None:
    async def story(stage: Updating) -> None:
        args = stage.offer(second)
        path = f"/{args['url'].rpartition('/')[2]}/{LARGE}"
        stage.web.answers[path] = silent(OK)
        await stage.command(args)
        await stage.gateway.until(lambda: path in stage.web.asked)
        before = set(stage.web.asked)
        await stage.node.power_off()
        del stage.web.answers[path]
        stage.web.asked.clear()
        await stage.node.power_on()
        await stage.gateway.until(lambda: len(stage.births()) == 2)
        assert stage.births()[-1] == ("0.1.0", None)
        await stage.command(args)
        await stage.gateway.until(lambda: stage.births()[-1][0] == "0.2.0")
        again = {asked for asked in stage.web.asked if asked.endswith(".mpy")} & before
        assert again == {path}

    on_board(tmp_path, micropython, first, story)


def test_a_program_that_flash_spoiled_gives_way_to_the_one_before(
    tmp_path: Path, micropython: Path, first: Image, second: Image
) -> None:
    async def story(stage: Updating) -> None:
        await stage.command(stage.offer(second))
        await stage.gateway.until(lambda: stage.slot() == {"active": "b", "sequence": 1})
        await stage.node.power_off()
        (stage.node.node.storage / "b" / LARGE).write_bytes(b"spoiled")
        await stage.node.power_on()
        said = "folder b was given up: ValueError: incompatible .mpy file"
        await stage.gateway.until(lambda: stage.births()[-1] == ("0.1.0", said))
        await stage.gateway.until(lambda: "swapped" not in stage.slot())

    on_board(tmp_path, micropython, first, story)


def test_a_power_cut_at_every_write_of_the_boards_own_file_system_leaves_a_whole_program(micropython: Path) -> None:
    """Real littlefs on a disk in memory, from each prefix of what a download, a trial and a confirmation write."""
    command = [micropython, "-X", "heapsize=32m", LITTLEFS, update_image.FIRMWARE]
    printed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    word, _, count = printed.stdout.strip().rpartition(" ")
    assert word == "cuts", printed.stdout + printed.stderr
    assert int(count) > 100


def test_an_update_fits_in_the_memory_a_running_node_has_left(
    tmp_path: Path, micropython: Path, first: Image, second: Image
) -> None:
    """Its code and all it needs on the way: 28 KB with this port's objects, which are twice the size of a board's."""
    board = tmp_path / "board"
    update_image.install(first, board)

    async def play() -> str:
        async with Web(tmp_path / "web") as web:
            made = write_bundle(web.folder / "new", second, {"bathroom": KEY}, 1)
            arguments = [str(28 * 1024), f"{web.url}/new", made["version"], made["manifest"]]
            process = await asyncio.create_subprocess_exec(
                *(micropython, "-X", "heapsize=160k", ALONE, *arguments),
                cwd=board,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            printed, _ = await process.communicate()
            return printed.decode()

    assert asyncio.run(play()).splitlines()[-1:] == ["staged"]
    assert json.loads((board / "slot").read_text())["trial"] == "b"
