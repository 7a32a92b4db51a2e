"""A node's simulated day with everything going wrong: 3 Wi-Fi outages, 2 gateway kills, 20 power cuts.

The bench's own record of the buses is held against what the gateway had on disk and sent on. A power cut may cost what
was in RAM alone, at most the journal's stated bound of readings; anything beyond it is lost.

A fan-driven dust sensor speaks every second until it is told not to. What it said before the node's first look at it
is on the buses' record, and a gap in the first sample of a boot: the node throws it away, since nobody knows how long
the fan has been running, and says so. In any later sample such a gap counts as lost.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.stage import Delivered, Plan, RealGateway, Stage, counted, delivered, on_stage, real_gateway
from tests.gateway.processes import SmallCloud

from aircue_hil.demo import reckoning
from aircue_hil.faults import Act, Fault
from aircue_hil.witness import Measured, account

NODE = "bathroom"
DAY_S = 86_400
WIFI_OUTAGES, GATEWAY_KILLS, POWER_CUTS = 3, 2, 20
_CUTS_IN_OUTAGES = 8
_DRAIN_WITHIN_S = 120
_QUIET_S = 6
_FIRST = 1
_QUIET_END = 0.9  # no fault after this part of the day


@dataclass(frozen=True, kw_only=True)
class Result:
    """Counts of readings. lost: in no batch, not declared, and beyond what a power cut may cost. not_believed: gaps of
    the boots' first samples, whose values the buses saw. at_cuts: what each power cut cost. resets: boots that ended
    without one; what such a boot lost is lost. erases: of the simulated flash, all day."""

    readings: int
    lost: int
    not_believed: int
    duplicates: int
    wrong: int
    declared: int
    at_cuts: tuple[int, ...]
    resets: int
    erases: int


def script(seconds: float, seed: int) -> tuple[Fault, ...]:
    """The day's faults, by seed: some of the power cuts fall into the outages, where the journal is all there is."""
    rng = random.Random(seed)
    outages = [Fault(at_s=seconds * at, what="wifi-outage", for_s=seconds * 0.06) for at in (0.12, 0.42, 0.71)]
    kills = [Fault(at_s=seconds * at, what="gateway-kill", for_s=seconds * 0.03) for at in (0.27, 0.58)]
    inside = [
        one.at_s + one.for_s * (0.2 + 0.6 * rng.random()) for one in (outages * _CUTS_IN_OUTAGES)[:_CUTS_IN_OUTAGES]
    ]
    outside = [seconds * _QUIET_END * (0.03 + 0.97 * rng.random()) for _ in range(POWER_CUTS - len(inside))]
    cuts = [
        Fault(at_s=at, what="power-cut", for_s=0.2 + 0.3 * rng.random(), node=NODE)
        for at in _apart(sorted(inside + outside), 1.5)
    ]
    return (*outages, *kills, *cuts)


def _apart(moments: Sequence[float], least_s: float) -> list[float]:
    """The same moments, moved back where two come closer than a boot takes."""
    found: list[float] = []
    for moment in moments:
        found.append(moment if not found else max(moment, found[-1] + least_s))
    return found


def run(folder: Path, firmware: Path, scale: int, bound: int, seed: int = 1) -> Result:
    seconds = DAY_S / scale
    return asyncio.run(
        _play(
            Plan(folder=folder, firmware=firmware, scale=scale, seed=seed, faults=script(seconds, seed)), seconds, bound
        )
    )


async def _play(plan: Plan, seconds: float, bound: int) -> Result:
    stages: list[Stage] = []
    cut: set[int] = set()
    async with real_gateway(plan) as gateway, on_stage(plan, gateway.port, _acts(gateway, stages, cut)) as stage:
        stages.append(stage)
        await stage.nodes[NODE].power_on()
        await asyncio.sleep(seconds)
        last = reckoning.cut(stage.bench.witness)
        await _drained(gateway.sink, last)
        buses = reckoning.until(reckoning.measured(stage.bench.witness), last)
        boots = stage.bench.boot(NODE)
    found = delivered(gateway.sink)
    found = replace(found, stored=tuple(reckoning.until(found.stored, last)))
    return reckon(buses, found, bound, cut, boots, counted(stage.flash_of(NODE)).erases)


def _acts(gateway: RealGateway, stages: list[Stage], cut: set[int]) -> dict[str, Act]:
    """cut: gets the boots that a power cut ended."""

    async def power(node: str, begins: bool) -> None:
        board = stages[0].nodes[node]
        if begins:
            cut.add(stages[0].bench.boot(node))
        await (board.power_off() if begins else board.power_on())

    async def restart(_: str, begins: bool) -> None:
        if begins:
            await asyncio.to_thread(gateway.program.kill)
        else:
            gateway.program.start()

    return {"power-cut": power, "gateway-kill": restart}


async def _drained(sink: SmallCloud, last: dict[tuple[str, int], int]) -> None:
    """Until the newest whole sample is delivered and no older one came for a while; what is missing then is lost."""
    node, boot = newest = max(last)
    count, same = 0, 0
    for _ in range(_DRAIN_WITHIN_S):
        await asyncio.sleep(1)
        keys = {row.key[:3] for row in reckoning.until(delivered(sink).stored, last)}
        same = same + 1 if len(keys) == count and (node, boot, last[newest]) in keys else 0
        count = len(keys)
        if same == _QUIET_S:
            return


def reckon(
    buses: Sequence[Measured], found: Delivered, bound: int, cut: Collection[int], boots: int, erases: int
) -> Result:
    """bound: readings that one power cut may cost. cut: the boots that one ended, of so many boots in all."""
    result = account(buses, found.stored, set(found.suppressed), found.dropped)
    not_believed = {key for key in result.lost if key[2] == _FIRST and key in found.gaps}
    lost = [key for key in result.lost if key not in not_believed]
    missing = Counter(key[1] for key in lost)
    at_cuts = {boot: min(missing[boot], bound) for boot in sorted(missing) if boot in cut}
    return Result(
        readings=result.sampled,
        lost=len(lost) - sum(at_cuts.values()),
        not_believed=len(not_believed),
        duplicates=len(result.stored_twice) + (found.installations - 1),
        wrong=len(result.wrong_value) + len(result.never_measured),
        declared=result.declared_dropped,
        at_cuts=tuple(at_cuts.values()),
        resets=boots - 1 - len(cut),
        erases=erases,
    )
