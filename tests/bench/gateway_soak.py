"""The gateway's faults over and over, for hours: `make soak`. Each round says how it went, the last line is JSON.

    python -m tests.bench.gateway_soak [--hours 8] [--seed 1]

A round: a story cut at every write (simulated disk), an outage of the cloud with a kill of the daemon inside (real
processes), and a load on one daemon that lives through all rounds, in some of them without a cloud. It ends with the
round in which its time is up, or at the first round that found something, with status 1.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import gateway_outage
from tests.bench.gateway_outage import Sink, free_port, load, rss_mb, slope
from tests.gateway.processes import Gateway
from tests.gateway.recorded_disk import RecordedDisk
from tests.gateway.spool_story import cut_everywhere

_SAMPLES = 5_000  # of a round's load
_MESSAGES, _AWAY_S = 2_000, 15.0  # of a round's outage
_STEPS = 60  # of a round's story
_DELIVERED_WITHIN_S = 300.0


@dataclass(kw_only=True)
class Found:
    """rss: by samples that the long-lived daemon had taken, MB."""

    rounds: int = 0
    power_cut_points: int = 0
    power_cut_violations: int = 0
    lost: int = 0
    duplicates: int = 0
    undelivered: int = 0
    rss: list[tuple[int, float]] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return self.power_cut_violations + self.lost + self.duplicates + self.undelivered

    def told(self) -> dict[str, Any]:
        second_half = self.rss[len(self.rss) // 2 :]
        steep = slope(second_half) * 1e6 / len(gateway_outage.FOUR) if len(second_half) > 1 else None
        fields = {name: value for name, value in vars(self).items() if name != "rss"}
        rss = round(self.rss[-1][1], 1) if self.rss else None
        return {
            **fields,
            "rss_mb": rss,
            "rss_slope_mb_per_million_readings": None if steep is None else round(steep, 2),
        }


class LongLived:
    """A daemon that is never restarted, and its cloud, which is away in some rounds."""

    def __init__(self, folder: Path) -> None:
        self._sink, self._port = Sink(keep=False), free_port()
        self._gateway: Gateway = gateway_outage.daemon(folder, self._sink, self._port, 2.0, commit_window_ms=50)
        self._taken = 0

    def start(self) -> None:
        self._sink.come()
        self._gateway.start()

    def stop(self) -> None:
        self._gateway.stop()
        self._sink.go()

    def round(self, away: bool, found: Found) -> None:
        if away:
            self._sink.go()
        load(self._gateway, self._port, _SAMPLES, after=self._taken)
        self._taken += _SAMPLES
        if away:
            self._sink.come()
        deadline = time.monotonic() + _DELIVERED_WITHIN_S
        while self._sink.samples < self._taken and time.monotonic() < deadline:
            time.sleep(0.2)
        found.undelivered = self._taken - self._sink.samples
        found.rss.append((self._taken, rss_mb(self._gateway)))


def soak(hours: float, seed: int) -> Found:
    rng, found, until = random.Random(seed), Found(), time.monotonic() + hours * 3600
    with tempfile.TemporaryDirectory(prefix="aircue-soak-") as scratch:
        daemon = LongLived(Path(scratch))
        daemon.start()
        try:
            while time.monotonic() < until and not found.faults:
                _round(rng, daemon, found)
                left_s = max(0.0, until - time.monotonic())
                say(f"round {found.rounds}, {left_s / 3600:.2f} h left: {json.dumps(found.told())}")
        finally:
            daemon.stop()
    return found


def _round(rng: random.Random, daemon: LongLived, found: Found) -> None:
    found.rounds += 1
    story, outage = rng.randrange(2**32), rng.randrange(2**32)
    cuts = cut_everywhere(RecordedDisk(), story, steps=_STEPS, samples=1)
    found.power_cut_points += cuts.points
    found.power_cut_violations += len(cuts.violations)
    for one in cuts.violations[:3]:
        say(f"story {story}: {one}")
    lost, duplicates = gateway_outage.outage(outage, _MESSAGES, _AWAY_S)
    if lost or duplicates:
        say(f"outage {outage}: {lost} lost, {duplicates} duplicates")
    found.lost += lost
    found.duplicates += duplicates
    daemon.round(rng.random() < 0.5, found)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    found = soak(options.hours, options.seed)
    print(json.dumps({"soak_hours": round((time.monotonic() - began) / 3600, 2), "seed": options.seed, **found.told()}))
    return int(found.faults > 0)


if __name__ == "__main__":
    sys.exit(main())
