"""The spool's figures: what it costs an SD card and the processor, what power cuts and outages take, what it weighs.

    python -m tests.bench.gateway_spool [--short]

Figures go to stderr as they come; the last line of stdout is one JSON object. Power cuts are simulated on a recorded
disk, the node and the cloud are small programs on loopback; the daemon, its disk and its kills are real.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import gateway_outage
from tests.gateway.recorded_disk import RecordedDisk
from tests.gateway.spool_story import cut_everywhere

from aircue_gateway.batch import Channel, Status
from aircue_gateway.config import CleaningConfig, Node
from aircue_gateway.episodes import Phase, State
from aircue_gateway.intake import Intake
from aircue_gateway.ledger import Count
from aircue_gateway.message import Message
from aircue_gateway.spool.disk import Disk, RealDisk
from aircue_gateway.spool.spool import Spool
from aircue_gateway.window import BirthRow, Memory, SampleRow, Stored, StreamRow, Window
from aircue_node import contract

NODES, INTERVAL_S, WINDOW_S, BATCH_S, HOUR_S, DAY_S = 50, 30, 5, 300, 3600, 86_400
RULES = ("damp-air", "dry-air", "heat", "cold", "stuffy-air")  # one on each node has its state written with each sample
QUANTITIES = (("temperature", "Cel", 100), ("humidity", "%RH", 100), ("co2", "ppm", 1), ("pm25", "ug/m3", 10))
BLOCK, SECTOR = 4096, 512
MOUNT = "noatime,commit=120"
_BEGAN_MS = 1_763_700_000_000
_IMAGE_BYTES = 1024**3


class CountingDisk:
    """A disk that adds up the 4 KB blocks that each sync has to write."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._touched: dict[str, set[int]] = {}
        self.blocks = self.syncs = 0

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._disk, verb)

    def write(self, name: str, offset: int, data: bytes) -> None:
        touched = self._touched.setdefault(name, set())
        touched.update(range(offset // BLOCK, (offset + len(data) - 1) // BLOCK + 1))
        self._disk.write(name, offset, data)

    def create(self, name: str, size: int) -> None:
        self._touched[name] = set(range(size // BLOCK))
        self._disk.create(name, size)

    def rename(self, old: str, new: str) -> None:
        self._disk.rename(old, new)
        self._touched[new] = self._touched.pop(old, set())

    def sync(self, name: str) -> None:
        self._disk.sync(name)
        self.blocks += len(self._touched.pop(name, ()))
        self.syncs += 1


def births() -> list[BirthRow]:
    channels = tuple(Channel(quantity=quantity, unit=unit, scale=scale) for quantity, unit, scale in QUANTITIES)
    return [
        BirthRow(id=node + 1, site="home-1", node=f"node-{node:02}", installation=2_779_000_000 + node, boot=17,
                 channels=channels)
        for node in range(NODES)
    ]  # fmt: skip


def sample(node: int, sequence: int) -> SampleRow:
    """Calm air whose every sample differs a little."""
    uptime_ms = (sequence * INTERVAL_S * 1000) + node * 37
    at_ms = _BEGAN_MS + uptime_ms
    wiggle = (sequence * 7919 + node * 104_729) % 97
    values = (2150 + wiggle % 11, 5500 + wiggle % 23, 600 + wiggle, 80 + wiggle % 7)
    return SampleRow(node + 1, sequence, uptime_ms, at_ms, at_ms + 40 + wiggle, False, values, (Status.OK,) * 4)


def window(rows: list[SampleRow]) -> Window:
    """As the intake makes it, with the states that five rules leave behind."""
    made = Window(samples=rows)
    for row in rows:
        node = row.birth - 1
        key = (f"node-{node:02}", 2_779_000_000 + node, 17)
        made.streams[key] = StreamRow(ranges=((1, row.sequence),), offset_ms=_BEGAN_MS + node, known=True)
        for need in RULES:
            made.states[need, key[0]] = State(phase=Phase.IDLE, last_at=row.measured_at_ms / 1000)
    made.counts = Counter({Count.SAMPLES_RECEIVED: len(rows), Count.SAMPLES_STORED: len(rows)})
    return made


def learnt() -> Memory:
    """What the filters of all these nodes have learnt after an hour, as the intake writes it down every hour."""
    intake, channels = Intake(CleaningConfig(), Stored()), [[*one, "a"] for one in QUANTITIES]
    for node in range(NODES):
        birth = contract.encode_birth(
            "0", "simulated", 2_779_000_000 + node, 17, INTERVAL_S * 1000, "", channels, [], []
        )
        _told(intake, node, "birth", birth)
        for number in range(1, HOUR_S // INTERVAL_S + 1):
            row = sample(node, number)
            one = (number, row.uptime_ms, row.measured_at_ms // 1000, list(row.values))
            _told(intake, node, "samples", contract.encode_sample(2_779_000_000 + node, 17, one))
    memory = intake.swap().memory
    assert memory is not None
    return memory


def _told(intake: Intake, node: int, leaf: str, payload: bytes) -> None:
    sender = Node(id=f"node-{node:02}", site="home-1", key="")
    intake.take(Message(sender, contract.topic(sender.site, sender.id, leaf), leaf, payload), _BEGAN_MS)


def day_windows() -> Iterator[tuple[int, Window]]:
    """(second, what came in since the window before) of a day at the default commit window."""
    memory = learnt()
    for at_s in range(0, DAY_S, WINDOW_S):
        due = [node for node in range(NODES) if (at_s - node * INTERVAL_S // NODES) % INTERVAL_S < WINDOW_S]
        made = window([sample(node, (at_s - node * INTERVAL_S // NODES) // INTERVAL_S + 2) for node in due])
        made.memory = memory if at_s % HOUR_S == 0 else None
        yield at_s, made


def play_day(disk: Disk, share: float) -> int:
    """A day's commits, seals and deliveries as fast as they go; how many commits. share: of the day, from its start."""
    spool = Spool.on(disk, "gw-1", _BEGAN_MS)
    spool.commit(Window(births=births()))
    commits = 0
    for at_s, made in day_windows():
        if at_s >= DAY_S * share:
            break
        spool.commit(made)
        commits += 1
        if at_s % BATCH_S == BATCH_S - WINDOW_S:
            spool.seal(_BEGAN_MS + at_s * 1000, urgent=False)
            while (ready := spool.next_batch(0)) is not None:
                spool.delivered(ready.sequence)
    spool.close()
    return commits


@contextmanager
def card(options: str) -> Iterator[tuple[Path, Callable[[], int]]]:
    """A loop-mounted ext4 with blocks of 4 KB, and the bytes that were written to it so far. OSError without rights."""
    with tempfile.TemporaryDirectory() as scratch:
        image, mounted = Path(scratch, "card"), Path(scratch, "mounted")
        with image.open("wb") as file:
            file.truncate(_IMAGE_BYTES)
        _ran("mkfs.ext4", "-q", "-F", "-b", str(BLOCK), "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
        loop = _ran("losetup", "-f", "--show", str(image))
        try:
            mounted.mkdir()
            _ran("mount", "-t", "ext4", "-o", options, loop, str(mounted))
            try:
                _ran("sync", "-f", str(mounted))
                yield mounted, lambda: _sectors(Path(loop).name) * SECTOR
            finally:
                _ran("umount", str(mounted))
        finally:
            _ran("losetup", "-d", loop)


def _ran(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def _sectors(device: str) -> int:
    """Written so far: the seventh field of the block layer's own count."""
    return int(Path("/sys/block", device, "stat").read_text().split()[6])


def written_a_day(share: float) -> dict[str, Any]:
    """Bytes a day that the commits themselves write: as the block device counts them, and by own accounting."""
    with tempfile.TemporaryDirectory() as scratch:
        counting = CountingDisk(RealDisk(Path(scratch)))
        commits = play_day(counting, share)
    figures: dict[str, Any] = {
        "sd_commits_per_day": round(commits / share),
        "sd_syncs_per_day": round(counting.syncs / share),
        "sd_bytes_per_day_blocks": round(counting.blocks * BLOCK / share),
    }
    try:
        with card(MOUNT) as (folder, written):
            before = written()
            play_day(RealDisk(folder), share)
            _ran("sync", "-f", str(folder))
            figures["sd_bytes_per_day_commits"] = round((written() - before) / share)
    except OSError as error:
        figures |= {"sd_bytes_per_day_commits": None, "sd_reason": str(error)}
    return figures


def journal_a_day(options: str, seconds: int) -> int | None:
    """What the file system's own journal adds in real time, in bytes a day: it notes the time of each write. Measured
    with one block and one sync each commit window, less those blocks."""
    try:
        with card(options) as (folder, written):
            disk = RealDisk(folder)
            disk.create("segment", BLOCK)
            disk.sync("segment")
            _ran("sync", "-f", str(folder))
            before, rounds = written(), seconds // WINDOW_S
            for at in range(rounds):
                disk.write("segment", 0, at.to_bytes(8, "little") * (BLOCK // 8))
                disk.sync("segment")
                time.sleep(WINDOW_S)
            disk.close()  # or the card cannot be unmounted
            return round((written() - before - rounds * BLOCK) / rounds * (DAY_S / WINDOW_S))
    except OSError:
        return None


def sd(share: float, seconds: int) -> dict[str, Any]:
    """sd_bytes_per_day: what the commits write and what the journal adds, mounted as docs/gateway-spool.md says."""
    figures = written_a_day(share)
    commits = figures["sd_bytes_per_day_commits"]
    mounts = {"": MOUNT, "_default_mount": "noatime"}
    with ThreadPoolExecutor(len(mounts)) as pool:  # in real time, each on a card of its own
        asked = {name: pool.submit(journal_a_day, options, seconds) for name, options in mounts.items()}
    for name, journal in ((name, one.result() if commits is not None else None) for name, one in asked.items()):
        figures[f"sd_journal_bytes_per_day{name}"] = journal
        figures[f"sd_bytes_per_day{name}"] = None if journal is None else commits + journal
    return {**figures, "sd_mount": MOUNT}


def power_cuts(seeds: int, steps: int) -> dict[str, Any]:
    points, violations = 0, []
    for seed in range(seeds):
        cuts = cut_everywhere(RecordedDisk(), seed, steps=steps, samples=2)
        points += cuts.points
        violations += cuts.violations
        say(f"power cuts, story {seed}: {cuts.points} states of {cuts.operations} operations, {dict(cuts.counters)}")
    for one in violations[:5]:
        say(f"violation: {one}")
    return {"power_cut_points": points, "power_cut_violations": len(violations)}


def commit_cost(samples: int, at_once: int) -> dict[str, float]:
    """Processor time a sample for committing it, and for sealing it, in windows of this many."""
    with tempfile.TemporaryDirectory() as scratch:
        spool = Spool.on(RealDisk(Path(scratch)), "gw-1", _BEGAN_MS)
        spool.commit(Window(births=births()))
        made = [window([sample(n % NODES, n // NODES + 1) for n in range(at, at + at_once)])
                for at in range(0, samples, at_once)]  # fmt: skip
        began = cpu_s()
        for one in made:
            spool.commit(one)
        committed = cpu_s()
        spool.seal(_BEGAN_MS, urgent=False)
        sealed = cpu_s()
        spool.close()
    return {
        "commit_cpu_us_per_sample": round((committed - began) / samples * 1e6, 2),
        "seal_cpu_us_per_sample": round((sealed - committed) / samples * 1e6, 2),
    }


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(short: bool = False) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    parts: list[Callable[[], dict[str, Any]]] = [
        lambda: commit_cost(samples=20_000, at_once=1000),
        lambda: sd(share=0.05 if short else 1.0, seconds=20 if short else 240),
        lambda: power_cuts(seeds=1 if short else 12, steps=60 if short else 140),
        lambda: gateway_outage.outages(rounds=1 if short else 20, messages=500 if short else 5000,
                                       away_s=3 if short else 15),
        lambda: gateway_outage.weight(samples=25_000 if short else 250_000),
    ]  # fmt: skip
    for part in parts:
        found = part()
        say(json.dumps(found))
        figures |= found
    return figures


if __name__ == "__main__":
    os.nice(5)
    print(json.dumps(run(short="--short" in sys.argv)))
