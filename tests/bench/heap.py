"""How much of its heap a node uses: with four sensors, journal and uplink, through an outage and the backlog after it,
commands, and over a simulated day.

MicroPython's unix port, whose objects are about twice as large as a board's. The heap is capped, so a node that needed
more at any moment would have said so and is not taken: at CAP and what the bench's stand-ins for a board's own modules
(pins, radio, flash chip, timers) take of it, which is measured in an interpreter that has them alone. What is used is
told without them. The program lies in a folder with a short name, as on a board: each module holds its path.
"""

import asyncio
import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.stage import Plan, Stage, key_of, on_stage
from tests.node.fakes import AckingGateway

from aircue_hil.backends.unix import POWER_ON
from aircue_node import command_codec, contract

NODE = "bathroom"
CAP = 160 * 1024
DAY_MS = 86_400_000
_SETTLED = 0.1  # the first part of a day: tables and buffers still grow to their size
_OUTAGE_S = 8.0
# By number: what changes nothing that is measured. Their modules are loaded anew for each.
_COMMANDS: tuple[tuple[str, dict[str, object]], ...] = (
    ("interval", {"ms": 30_000}),
    ("deadband", {"smell": 1}),
    ("deadband", {}),
    ("identify", {"seconds": 1}),
)
_STAND_INS = """
import gc, os
gc.collect()
before = gc.mem_alloc()
import flash, machine, network, ntptime, power_on
held = flash.Flash(os.getenv("AIRCUE_BENCH_FLASH")).filesystem(), machine.WDT(timeout=60000), machine.Timer(0)
held[2].init(period=60000, callback=print)
gc.collect()
print(gc.mem_alloc() - before)
"""


@dataclass(frozen=True, kw_only=True)
class Result:
    """used: heap bytes in use after a collection, the most of all status messages, without the stand-ins' own. drift:
    bytes a simulated day, by least squares over the day's statuses, and its standard error."""

    used: int
    stand_ins: int
    statuses: int
    drift: float
    drift_error: float


def run(folder: Path, firmware: Path, scale: int, seed: int = 1) -> Result:
    with tempfile.TemporaryDirectory(prefix="") as short:
        shutil.copytree(firmware.parent, short, dirs_exist_ok=True)
        program = Path(short) / firmware.name
        plan = Plan(folder=folder, firmware=program, scale=scale, seed=seed, settings={"status_s": 1})
        return asyncio.run(_measure(plan, DAY_MS / 1000 / scale))


async def _measure(plan: Plan, seconds: float) -> Result:
    async with AckingGateway() as gateway:
        async with on_stage(plan, gateway.port) as stage:
            stand_ins = await _weigh_stand_ins(stage)
        heap = CAP + stand_ins
        async with on_stage(replace(plan, heap=str(heap)), gateway.port) as stage:
            await _play(stage, gateway, seconds)
        rows = [json.loads(payload) for payload in gateway.of(contract.STATUS)]
    return _result([(row["u"] / DAY_MS, CAP - row["free"]) for row in rows], stand_ins)


async def _weigh_stand_ins(stage: Stage) -> int:
    """Bytes of heap that they take where nothing else is."""
    node = stage.nodes[NODE].node
    process = await asyncio.create_subprocess_exec(
        *node.micropython, "-c", _STAND_INS, env=node.variables(POWER_ON), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return int(said)


async def _play(stage: Stage, gateway: AckingGateway, seconds: float) -> None:
    """One outage and the commands in the settling part, so that the journal has been on flash, and everything has been
    loaded once, before anything is compared."""
    node = stage.nodes[NODE]
    await node.power_on()
    await gateway.until(lambda: len(gateway.of(contract.STATUS)) > 0)
    stage.bench.cut_wifi()
    await asyncio.sleep(_OUTAGE_S)
    connects = len(gateway.connects)
    stage.bench.restore_wifi()
    await gateway.until(lambda: len(gateway.connects) > connects)
    backlog = len(gateway.of(contract.BACKLOG))
    await gateway.until(lambda: len(gateway.of(contract.BACKLOG)) > backlog)
    for number, (command, args) in enumerate(_COMMANDS, 1):
        await _command(gateway, number, command, args)
    await asyncio.sleep(seconds)
    assert not node.exit_codes, f"the node restarted by itself, {node.exit_codes}: {stage.log_of(NODE)}"
    assert node.running, stage.log_of(NODE)
    assert "memory" not in stage.log_of(NODE), stage.log_of(NODE)


async def _command(gateway: AckingGateway, number: int, command: str, args: dict[str, object]) -> None:
    """Done as told, or refused for what was wrong with it: not for want of memory."""
    installation = json.loads(gateway.of(contract.BIRTH)[-1])["i"]
    key = key_of(NODE).encode()
    gateway.send(contract.COMMAND, command_codec.encode_command(key, str(number), command, args, installation, number))
    await gateway.until(lambda: len(gateway.of(contract.REPLY)) == number)
    reply = json.loads(gateway.of(contract.REPLY)[-1])
    assert reply["ok"] or "unknown quantity" in reply["error"], reply


def _result(points: list[tuple[float, int]], stand_ins: int) -> Result:
    settled = [(day, used) for day, used in points if day >= _SETTLED]
    slope, error = slope_of(settled)
    used = max(used for _, used in points)
    return Result(used=used, stand_ins=stand_ins, statuses=len(points), drift=slope, drift_error=error)


def slope_of(points: list[tuple[float, int]]) -> tuple[float, float]:
    """The least-squares slope and its standard error; needs three points or more.

    >>> slope_of([(0.0, 10), (1.0, 12), (2.0, 14)])
    (2.0, 0.0)
    """
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    residual = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return slope, (residual / (count - 2) / spread) ** 0.5
