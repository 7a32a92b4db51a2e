"""The demo's wiring: sets everything up, runs the programs, tells the story, and reckons at the end."""

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aircue_gateway.episodes import Rule
from aircue_hil import micropython
from aircue_hil.backends.unix import PoweredNode, UnixNode
from aircue_hil.bench import Bench
from aircue_hil.demo import next_door, plan, programs, reckoning
from aircue_hil.demo.cloud import Cloud
from aircue_hil.demo.plan import GATEWAY, NEXT_DOOR, Plan, Wish
from aircue_hil.demo.programs import Program
from aircue_hil.demo.reckoning import BaseLayer, Seen
from aircue_hil.demo.story import Story
from aircue_hil.witness import Account

FIRMWARE = Path(__file__).parents[3] / "firmware" / "main.py"
CONSOLE_PORT = 8400
_LOOK_EVERY_S = 0.03
_DRAIN_WITHIN_S = 20
_NODE_HEAP = "400k"

_NO_NODE = "@"  # before what stands in a node's place where no sensor leads to a push


class Town:
    """Everything that runs, and what was seen of it."""

    def __init__(self, wish: Wish, folder: Path, story: Story) -> None:
        self.wish = wish
        self.folder = folder
        self.story = story
        self.seen: dict[str, Seen] = {}
        self.readings: list[dict[str, Any]] = []
        self.rules: list[Rule] = []
        self.gateway_key = ""
        self.next_door_key = ""
        self.gateway_port = programs.free_port()
        self.plan: Plan = plan.make(wish, folder / "transactions.jsonl", self.gateway_port)
        self.cloud_port = programs.free_port(0 if wish.once else CONSOLE_PORT)
        self.cloud = Cloud(f"http://127.0.0.1:{self.cloud_port}")
        self.cloud_program = Program("aircue-cloud", ["serve", "--config", str(self.cloud_file)], folder / "cloud.log")
        self.gateway_program = Program(
            "aircue-gateway", ["run", "--config", str(self.gateway_file)], folder / "gateway.log"
        )
        self.bench = Bench(self.plan.bench, acts={"gateway-kill": self._gateway_kill})
        self.base = BaseLayer(folder / "cloud" / "stores" / "main" / "objects" / "base")

    @property
    def cloud_file(self) -> Path:
        return self.folder / "cloud.toml"

    @property
    def gateway_file(self) -> Path:
        return self.folder / "gateway.toml"

    async def _gateway_kill(self, _: str, begins: bool) -> None:
        if begins:
            self.story.say("fault: the gateway is killed (kill -9)")
            self.gateway_program.kill()
        else:
            self.gateway_program.start()
            self.story.say("the gateway is started again")


def run(wish: Wish, folder: Path | None) -> int:
    """The demo from beginning to end; the exit status is 0 where nothing was lost, doubled or changed."""
    story = Story()
    with contextlib.ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aircue-demo-")))
        _make_empty(place)
        town = Town(wish, place.resolve(), story)
        try:
            return asyncio.run(_play(town))
        except (KeyboardInterrupt, asyncio.CancelledError):
            story.say("stopped")
            return 0


def _make_empty(folder: Path) -> None:
    """A demo begins anew; a folder that is none of its own is not touched."""
    marker = folder / ".aircue-demo"
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        raise plan.PlanError(f"{folder} is not empty and no folder of an earlier demo: choose another with --dir")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.touch()


async def _play(town: Town) -> int:
    _stop_on_sigterm()
    _set_up_cloud(town)
    async with _running(town) as nodes:
        await _watch(town)
        result = await _reckon(town)
        result["homes"] = await next_door.play(town.cloud, town.next_door_key, town.story.say)
        if not town.wish.once:
            town.story.say(f"the figures: {json.dumps(result)}")
            await _until_interrupted(town, nodes)
    if town.wish.once:
        sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["lost"] == 0 and result["duplicates"] == 0 and result["unexplained"] == 0 else 1


def _stop_on_sigterm() -> None:
    """As on Ctrl-C: this task is cancelled, and on its way out everything that was started is stopped."""
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)


def _set_up_cloud(town: Town) -> None:
    """Catalogue, shoppers, a trained model and a key for the gateway, all through the cloud's own commands."""
    town.cloud_file.write_text(plan.cloud_toml(town.folder / "cloud", town.cloud_port))
    config = ["--config", str(town.cloud_file)]
    town.story.say("filling the shop with a demo catalogue and simulated shoppers")
    programs.run_showing("aircue-cloud", "demo-data", *config, "--seed", str(town.wish.seed))
    town.story.say("training the recommender")
    programs.run_showing("aircue-cloud", "train", "--budget", "1", *config)
    town.gateway_key = programs.run("aircue-cloud", "gateway", "add", GATEWAY, *config).split()[-1]
    town.next_door_key = programs.run("aircue-cloud", "gateway", "add", NEXT_DOOR, *config).split()[-1]
    text = plan.gateway_toml(
        town.folder / "gateway", town.gateway_port, town.cloud.url, town.gateway_key, town.plan.nodes
    )
    town.gateway_file.write_text(text)


@contextlib.asynccontextmanager
async def _running(town: Town) -> AsyncIterator[list[PoweredNode]]:
    """Cloud, gateway, bench and nodes; all stopped at the end, whatever happens in between."""
    nodes: list[PoweredNode] = []
    try:
        town.story.say("starting the cloud and the gateway")
        town.cloud_program.start()
        await programs.listening(town.cloud_port, town.cloud_program)
        link = await _shopper_link(town)
        town.gateway_program.start()
        await programs.listening(town.gateway_port, town.gateway_program)
        town.rules = [Rule(**row) for row in town.cloud.rules(town.gateway_key)]
        await town.bench.start()
        town.story.world_us = town.bench.world_us
        _tell_where(town, link)
        nodes.extend(_nodes(town))
        for node in nodes:
            await node.power_on()
        _introduce(town)
        yield nodes
    finally:
        for node in nodes:
            await node.power_off()
        await town.bench.stop()
        town.gateway_program.stop()
        town.cloud_program.stop()


def _nodes(town: Town) -> list[PoweredNode]:
    interpreter = micropython.find()
    return [_node(town, node, interpreter) for node in town.plan.nodes]


def _node(town: Town, node: plan.Node, interpreter: Path) -> PoweredNode:
    storage = town.folder / "nodes" / node.id
    storage.mkdir(parents=True)
    settings = node.settings(town.bench.node_port(node.id), town.plan.scale, town.plan.bench.wifi)
    (storage / "settings.json").write_text(settings)
    unix = UnixNode(
        micropython=[str(interpreter)],
        program=FIRMWARE,
        storage=storage,
        environment=town.bench.environment(node.id),
        log=town.folder / f"{node.id}.log",
        heap=_NODE_HEAP,
    )
    return PoweredNode(unix, before_cut=lambda: town.bench.cut_power(node.id))


async def _shopper_link(town: Town) -> str:
    """Signs the demo's shopper in, once; an earlier one ends."""
    said = ("person", "link", plan.SHOPPER, "--config", str(town.cloud_file))
    return (await asyncio.to_thread(programs.run, "aircue-cloud", *said)).strip()


def _tell_where(town: Town, link: str) -> None:
    town.story.say(f"console at {town.cloud.url}/console")
    town.story.say(f"shop as {plan.SHOPPER} sees it, a link that works once: {link}")


def _introduce(town: Town) -> None:
    minutes = town.wish.seconds * town.plan.scale / 60
    town.story.say(
        f"three virtual nodes in MicroPython, their sensors simulated on the bus ({town.plan.air}); "
        f"{minutes / 60:.1f} hours pass in {town.wish.seconds:.0f} s"
    )


async def _watch(town: Town) -> None:
    """Prints the feed and looks into the inboxes until the homes' time is over."""
    end = time.monotonic() + town.wish.seconds
    while time.monotonic() < end:
        town.cloud_program.check()
        await _look(town)
        await asyncio.sleep(_LOOK_EVERY_S)


async def _look(town: Town) -> None:
    for household in town.plan.households.values():
        pushes = await asyncio.to_thread(town.cloud.inbox, household)
        for push in pushes:
            town.seen.setdefault(push["id"], Seen(push=push, household=household, visible_s=time.time()))
    for row in await asyncio.to_thread(town.cloud.new_feed):
        town.story.tell(row["kind"], row["text"])


async def _until_interrupted(town: Town, nodes: list[PoweredNode]) -> None:
    """The homes' time has caught up with ours: the nodes stop, console and shop stay."""
    for node in nodes:
        await node.power_off()
    town.story.say("the day is over; Ctrl-C ends the demo")
    _tell_where(town, await _shopper_link(town))
    while True:
        await _look(town)
        await asyncio.sleep(1)


async def _reckon(town: Town) -> dict[str, Any]:
    """Waits for what is on its way, then compares the buses with the cloud."""
    last = reckoning.cut(town.bench.witness)
    town.story.say("the homes' time is over; waiting for what is on its way")
    found = await _drained(town, last)
    pushes = list(town.seen.values())
    delays = _delays(town, pushes)
    episodes = await asyncio.to_thread(town.cloud.episodes)
    status = await asyncio.to_thread(town.cloud.status)
    gateway = json.loads(programs.run("aircue-gateway", "status", "--config", str(town.gateway_file)))
    _tell_problems(town, found)
    return {
        "readings_sampled": found.sampled,
        "readings_in_cloud": found.in_cloud,
        "suppressed_by_deadband": found.suppressed,
        "declared_dropped": found.declared_dropped,
        "lost": len(found.lost),
        "duplicates": len(found.stored_twice) + reckoning.doubled(episodes, pushes),
        "redelivered": gateway["counters"]["samples_redelivered"] + status["redelivered_batches"],
        "episodes": len(episodes),
        "pushes": len(pushes),
        "sensor_to_push_s": [None if delay is None else round(delay, 3) for delay in delays],
        "sensor_to_push_max_s": round(max((delay for delay in delays if delay is not None), default=0.0), 3),
        "wall_s": round(town.story.elapsed_s, 1),
        "unexplained": len(found.wrong_value) + len(found.never_measured) + _extra_installations(town),
        "air": town.plan.air,
        "time_scale": town.plan.scale,
    }


def _delays(town: Town, pushes: list[Seen]) -> list[float | None]:
    buses = reckoning.measured(town.bench.witness)
    of_sensors = (seen for seen in pushes if not seen.push["trigger"]["node"].startswith(_NO_NODE))
    return [reckoning.sensor_to_push_s(seen, town.rules, buses) for seen in of_sensors]


def _extra_installations(town: Town) -> int:
    return sum(count - 1 for count in reckoning.installations(town.readings).values())


async def _drained(town: Town, last: dict[tuple[str, int], int]) -> Account:
    """The account, as soon as nothing is missing any more, or when waiting is over."""
    end = time.monotonic() + _DRAIN_WITHIN_S
    while True:
        await _look(town)
        town.readings += await asyncio.to_thread(town.cloud.new_readings)
        town.base.read_new()
        buses, rows = reckoning.measured(town.bench.witness), reckoning.stored(town.readings)
        found = reckoning.reckon(buses, rows, town.base, last)
        if not found.lost or time.monotonic() > end:
            return found
        await asyncio.sleep(0.2)


def _tell_problems(town: Town, found: Account) -> None:
    for what in ("lost", "stored_twice", "wrong_value", "never_measured"):
        keys = getattr(found, what)
        if keys:
            town.story.say(f"{what.replace('_', ' ')}: {len(keys)} readings, the first {keys[:3]}")
