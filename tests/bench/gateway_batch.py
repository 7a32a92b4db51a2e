"""What a reading costs on the way to the cloud: `python -m tests.bench.gateway_batch`; its last line is a JSON object.

Two sets, each sealed every 5 minutes, each batch whole: envelope, SHA-256, names, times, statuses.

pi_dht22   three Raspberry Pis with DHT22 and MQ-2, 9,995 real messages at their real times (AIRCUE_DATA, see
           docs/data-sets.md); times to the millisecond. Temperature and humidity in tenths, as a DHT22 gives them. The
           estimates of carbon monoxide, LPG and smoke are three functions of the one resistance that an MQ-2 has; they
           are counted in two ways: all three (5 quantities), and carbon monoxide alone (3 quantities), which is what a
           gateway sends that derives nothing; the worse of the two counts. Unit % as in the set. The scale is a choice,
           and the figure hangs on it: 10^6, a hundredth of a ppm, keeps 112 of 113, 192 of 205 and 278 of 607 different
           readings of the three devices apart; 10^7 keeps 113, 200 and 405, and costs more than 1.5. Both are printed.
home       a simulated day: four rooms of a simulated home, each with simulated SHT4x, SCD4x and PMS5003 and their
           noise at bus level, 4 quantities every 30 s at the contract's scales; wake-ups some milliseconds late.

The same batches in four other encodings beside it.
"""

import gzip
import json
import os
import random
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.contract import batch1

from aircue_gateway import batch
from aircue_gateway.batch import Batch, Channel, Group, Sample, Status
from aircue_gateway.clock import Clock
from aircue_hil.air import Air
from aircue_hil.homes import ROOMS, Home
from aircue_hil.sensors.model import Glitches
from aircue_hil.sensors.pms5003 import Pms5003
from aircue_hil.sensors.scd4x import Scd4x
from aircue_hil.sensors.sht4x import Sht4x
from aircue_node import quantities

WINDOW_MS = 300_000
BACKLOG_SAMPLES = 20_000
_DAY_S = 86_400
_START_S = 1_763_683_200  # a midnight, UTC
_INTERVAL_S = 30
_PI_ESTIMATES = ("co", "lpg", "smoke")
_PI_ESTIMATE_SCALE = 10**6
_PI_SCALES_BESIDE = (10**5, 10**6, 10**7)


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node's day: samples in the order of time."""

    name: str
    channels: tuple[Channel, ...]
    samples: tuple[Sample, ...]
    installation: int
    boot: int


def pi_nodes(file: Path, estimates: Sequence[str], scale: int = _PI_ESTIMATE_SCALE) -> list[Node]:
    """The devices of pi_dht22, with temperature, humidity and these estimates. scale: of the estimates."""
    by_device: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for message in json.loads(gzip.decompress(file.read_bytes())):
        by_device[message["device"]].append(message)
    rng = random.Random("pi_dht22")
    scales = dict.fromkeys(estimates, scale)
    return [_pi_node(name, rows, scales, rng) for name, rows in sorted(by_device.items())]


def _pi_node(name: str, rows: list[dict[str, Any]], scales: dict[str, int], rng: random.Random) -> Node:
    """As the gateway numbers a device of another make: sequence from 1, uptime from its first message."""
    channels = {
        "temp": Channel(quantity="temperature", unit="Cel", scale=10),
        "humidity": Channel(quantity="humidity", unit="%RH", scale=10),
        **{estimate: Channel(quantity=estimate, unit="%", scale=scale) for estimate, scale in scales.items()},
    }
    began_ms = round(rows[0]["ts"] * 1000)
    samples = []
    for sequence, row in enumerate(rows, start=1):
        at_ms = round(row["ts"] * 1000)
        values = tuple(round(row["data"][field] * channel.scale) for field, channel in channels.items())
        samples.append(_sample(sequence, at_ms - began_ms, at_ms, values, rng))
    flagged = _flagged(samples)
    return Node(name=name, channels=tuple(channels.values()), samples=flagged, installation=rng.getrandbits(32), boot=1)


def _sample(sequence: int, uptime_ms: int, at_ms: int, values: tuple[int, ...], rng: random.Random) -> Sample:
    """Received 20 to 200 ms later (simulated)."""
    return Sample(
        sequence=sequence,
        uptime_ms=uptime_ms,
        measured_at_ms=at_ms,
        received_at_ms=at_ms + rng.randrange(20, 200),
        clock="node",
        values=values,
        statuses=(Status.OK,) * len(values),
    )


def _flagged(samples: list[Sample]) -> tuple[Sample, ...]:
    """A temperature or humidity 5 and more from both its neighbours is a spike, so that flags are paid for as well."""
    found = [samples[0]]
    for before, one, after in zip(samples, samples[1:], samples[2:], strict=False):
        lone = [min(abs(one.values[n] - other.values[n] or 0) for other in (before, after)) >= 50 for n in (0, 1)]
        statuses = [Status.SPIKE if spike else Status.OK for spike in lone]
        found.append(replace(one, statuses=(*statuses, *one.statuses[2:])))
    return (*found, samples[-1])


def home_nodes(seconds: int = _DAY_S, seed: str = "bench") -> list[Node]:
    """A node in each room of a simulated home, all on the same air."""
    home = Home(seed=seed, start=_START_S * 1_000_000)
    parts = {room: _Part(room, seed) for room in ROOMS}
    for at_s in range(_START_S, _START_S + seconds, _INTERVAL_S):
        for room, part in parts.items():
            part.measure(home.air(room, at_s * 1_000_000), at_s)
    return [part.node() for part in parts.values()]


class _Part:
    """One board: its sensors as they are on the bus, its wake-ups, its clock as the gateway learns it."""

    def __init__(self, room: str, seed: str) -> None:
        quiet = Glitches()
        self._room = room
        self._rng = random.Random(f"{seed}/{room}")
        self._sht = Sht4x(seed=f"{seed}/{room}/sht", glitches=quiet)
        self._scd = Scd4x(seed=f"{seed}/{room}/scd", glitches=quiet)
        self._pms = Pms5003(seed=f"{seed}/{room}/pms", glitches=quiet)
        self._phase_ms = self._rng.randrange(1000, _INTERVAL_S * 1000)
        self._before = self._rng.randrange(100, 200_000)  # samples of this boot before the day
        self._clock = Clock()
        self._samples: list[Sample] = []
        begin = (_START_S - 3600) * 1_000_000
        self._scd.power_on(begin)
        self._sht.power_on(begin)
        self._pms.power_on(begin)
        self._scd.write(bytes.fromhex("21b1"), begin + 2_000_000, Air(temperature_c=20.0, humidity_pct=50.0))

    def measure(self, air: Air, at_s: int) -> None:
        sequence = self._before + len(self._samples) + 1
        late_ms = int(self._rng.expovariate(0.5))
        at_ms = at_s * 1000 + self._phase_ms + late_ms
        uptime_ms = 2100 + sequence * _INTERVAL_S * 1000 + late_ms
        self._clock.note(uptime_ms, at_ms // 1000, at_ms)
        values = tuple(self._read(air, at_ms * 1000))
        self._samples.append(_sample(sequence, uptime_ms, self._clock.at(uptime_ms), values, self._rng))

    def _read(self, air: Air, now: int) -> Iterator[int]:
        self._sht.write(b"\xfd", now, air)
        self._scd.write(bytes.fromhex("ec05"), now, air)
        replies = [self._sht.read(6, now + 10_000), self._scd.read(9, now + 10_000)]
        replies += [reply for _, reply in self._pms.sent(now, air)][-1:]
        measured: dict[str, Decimal] = {}
        for reply in replies:
            for one in reply.measured:
                measured.setdefault(one.quantity, one.value)
        for quantity in ("temperature", "humidity", "co2", "pm25"):
            yield round(measured[quantity] * quantities.QUANTITIES[quantity][1])

    def node(self) -> Node:
        rows = ("temperature", "humidity", "co2", "pm25")
        channels = tuple(
            Channel(quantity=q, unit=quantities.QUANTITIES[q][0], scale=quantities.QUANTITIES[q][1]) for q in rows
        )
        samples = tuple(self._samples)
        return Node(
            name=self._room, channels=channels, samples=samples, installation=self._rng.getrandbits(32), boot=17
        )


def sealed(nodes: Sequence[Node], site: str, window_ms: int = WINDOW_MS) -> list[Batch]:
    """What was received in each window, one group a node; no batch where there was nothing."""
    windows: dict[int, list[Group]] = defaultdict(list)
    for node in nodes:
        cut: dict[int, list[Sample]] = defaultdict(list)
        for sample in node.samples:
            cut[sample.received_at_ms // window_ms].append(sample)
        for window, samples in cut.items():
            windows[window].append(
                Group(
                    site=site,
                    node=node.name,
                    installation=node.installation,
                    boot=node.boot,
                    channels=node.channels,
                    samples=tuple(samples),
                )
            )
    return [
        Batch(
            gateway="gw-1",
            epoch="3f9c21d0",
            sequence=40_000 + number,
            sealed_at_ms=(window + 1) * window_ms + 217,
            groups=tuple(groups),
        )
        for number, (window, groups) in enumerate(sorted(windows.items()))
    ]


def readings(batches: Iterable[Batch]) -> int:
    return sum(
        value is not None for one in batches for group in one.groups for row in group.samples for value in row.values
    )


def _lines(one: Batch) -> bytes:
    rows = []
    for group in one.groups:
        for row in group.samples:
            for channel, value, status in zip(group.channels, row.values, row.statuses, strict=True):
                rows.append(
                    {
                        "site": group.site,
                        "node": group.node,
                        "i": group.installation,
                        "b": group.boot,
                        "s": row.sequence,
                        "q": channel.quantity,
                        "v": None if value is None else value / channel.scale,
                        "flag": status.name,
                        "measured_at": row.measured_at_ms,
                        "received_at": row.received_at_ms,
                    }
                )
    return zlib.compress("\n".join(json.dumps(row, separators=(",", ":")) for row in rows).encode(), 9)


def _columns(one: Batch) -> bytes:
    groups = [
        {
            "site": group.site,
            "node": group.node,
            "i": group.installation,
            "b": group.boot,
            "s": _deltas([row.sequence for row in group.samples]),
            "measured_at": _deltas([row.measured_at_ms for row in group.samples]),
            "received_at": _deltas([row.received_at_ms for row in group.samples]),
            "columns": [
                {
                    "q": channel.quantity,
                    "unit": channel.unit,
                    "scale": channel.scale,
                    "status": [int(row.statuses[n]) for row in group.samples],
                    "v": _deltas([row.values[n] or 0 for row in group.samples]),
                }
                for n, channel in enumerate(group.channels)
            ],
        }
        for group in one.groups
    ]
    return zlib.compress(json.dumps({"id": one.id, "groups": groups}, separators=(",", ":")).encode(), 9)


def _deltas(values: list[int]) -> list[int]:
    return [after - before for before, after in zip([0, *values], values, strict=False)]


ENCODINGS: dict[str, Callable[[Batch], bytes]] = {
    "ndjson+zlib": _lines,
    "columnar json+zlib": _columns,
    "varint+zlib (version 1)": batch1.encode,
    "version 2": batch.encode,
}


def _measured(batches: list[Batch]) -> dict[str, float]:
    count = readings(batches)
    for one in batches:
        _check(one, batch.decode(batch.encode(one)))
    return {name: sum(len(encode(one)) for one in batches) / count for name, encode in ENCODINGS.items()}


def _check(before: Batch, after: Batch) -> None:
    """A figure counts only for batches that come back: everything as it was, received_at_ms to the second."""
    groups = tuple(
        replace(
            group,
            samples=tuple(
                replace(row, received_at_ms=row.received_at_ms - (row.received_at_ms - row.measured_at_ms) % 1000)
                for row in group.samples
            ),
        )
        for group in before.groups
    )
    if replace(before, groups=groups) != after:
        raise AssertionError(f"batch {before.id} did not come back as it was")


def _backlog(samples: int) -> tuple[Batch, float, float]:
    """One batch of so many samples, and the CPU seconds to write and to read it."""
    nodes = home_nodes(samples // len(ROOMS) * _INTERVAL_S, "backlog")
    one = sealed(nodes, "home-1", 10**13)[0]
    began = time.process_time()
    data = batch.encode(one)
    written = time.process_time()
    batch.decode(data)
    return one, written - began, time.process_time() - written


def run_home(seconds: int) -> dict[str, float]:
    """Bytes a reading by encoding, for a part of the simulated day."""
    return _measured(sealed(home_nodes(seconds), "home-1"))


def run(*, seconds: int = _DAY_S, backlog: int = BACKLOG_SAMPLES) -> dict[str, Any]:
    """seconds: of the simulated day. backlog: samples of the large batch. Prints to stderr on the way."""
    found: dict[str, Any] = {}
    sets = {"home (simulated)": sealed(home_nodes(seconds), "home-1")}
    file = Path(os.environ.get("AIRCUE_DATA", "")) / "pi_dht22" / "messages.json.gz"
    if file.is_file():
        sets["pi_dht22, 3 quantities"] = sealed(pi_nodes(file, _PI_ESTIMATES[:1]), "lab")
        sets["pi_dht22, 5 quantities"] = sealed(pi_nodes(file, _PI_ESTIMATES), "lab")
        found["bytes_per_reading_by_mq2_scale"] = _by_scale(file)
    else:
        found["pi_dht22_missing"] = "set AIRCUE_DATA to the data sets of docs/data-sets.md"
    figures = {name: _measured(batches) for name, batches in sets.items()}
    for name, batches in sets.items():
        _say(f"{name}: {len(batches)} batches, {readings(batches)} readings, bytes a reading:")
        for encoding, value in figures[name].items():
            _say(f"  {encoding:26} {value:8.3f}")
    found["bytes_per_reading_by_set"] = {name: round(rows["version 2"], 3) for name, rows in figures.items()}
    whole = len(figures) == 3
    found["bytes_per_reading_uplink"] = max(found["bytes_per_reading_by_set"].values()) if whole else None
    return found | _speed(sets["home (simulated)"], backlog)


def _by_scale(file: Path) -> dict[str, float]:
    """The worse of three and five quantities, in version 2, by the scale of the MQ-2's estimates."""
    found = {}
    for scale in _PI_SCALES_BESIDE:
        sets = [sealed(pi_nodes(file, estimates, scale), "lab") for estimates in (_PI_ESTIMATES[:1], _PI_ESTIMATES)]
        found[str(scale)] = round(max(sum(len(batch.encode(one)) for one in made) / readings(made) for made in sets), 3)
        _say(f"pi_dht22, estimates at scale {scale}: {found[str(scale)]:.3f}")
    return found


def _speed(batches: list[Batch], backlog: int) -> dict[str, Any]:
    began = time.process_time()
    for one in batches:
        batch.encode(one)
    small = (time.process_time() - began) / readings(batches)
    large, write_s, read_s = _backlog(backlog)
    count = readings([large])
    _say(f"CPU: {small * 1e6:.1f} us a reading in small batches; {count} in one: {write_s:.2f} s, read {read_s:.2f} s")
    return {
        "batch_encode_us_per_reading": round(small * 1e6, 2),
        "batch_backlog_readings": count,
        "batch_backlog_encode_s": round(write_s, 2),
        "batch_backlog_decode_s": round(read_s, 2),
    }


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def main() -> int:
    sys.stdout.write(json.dumps(run()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
