"""Who lives where and what is measured there, and the files that each program gets."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aircue_hil import traces
from aircue_hil.air import first_above
from aircue_hil.config import Config, Gateway, HomeRow, NodeRow, SensorRow, TraceRow, World
from aircue_hil.faults import Fault
from aircue_hil.radio import Wifi
from aircue_hil.sensors.model import Glitches

GATEWAY = "gateway-1"
NEXT_DOOR = "gateway-next-door"
STROBE_PIN = 15
TRACE_ROOM = "bathroom"
_TRACE = "trace"
_NODE_KEY = "demo-key-of-{}"
_INTERVAL_S = 30
# A winter morning before anybody is up, in the homes' own time.
_MORNING = datetime(2026, 1, 14, 5, 30, tzinfo=UTC)
# A demo on a trace begins this long before the room passes the threshold, and needs it to stay there this long.
_LEAD_S = 20 * 60
_STAYS_S = 25 * 60


class PlanError(Exception):
    """The demo cannot be run as asked; the text says what to change."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A board in a room, with one sensor. air: what the bench gives it to breathe, home/room."""

    id: str
    site: str
    driver: str
    air: str
    glitches: Glitches

    @property
    def key(self) -> str:
        return _NODE_KEY.format(self.id)

    def sensor_row(self) -> SensorRow:
        return SensorRow(driver=self.driver, pin=4 if self.driver == "dht22" else None, glitches=self.glitches)

    def settings(self, port: int, scale: int, wifi: Wifi) -> str:
        """settings.json as it lies on the board."""
        sensor: dict[str, object] = {"driver": self.driver}
        sensor |= {"pin": 4} if self.driver == "dht22" else {"bus": 0}
        return json.dumps(
            {
                "site": self.site,
                "node": self.id,
                "key": self.key,
                "ssid": wifi.ssid,
                "wifi_key": wifi.key,
                "gateway": "127.0.0.1",
                "port": port,
                "interval_ms": _INTERVAL_S * 1000,
                "time_scale": scale,
                "strobe_pin": STROBE_PIN,
                "i2c": [{"id": 0, "scl": 5, "sda": 4}],
                "sensors": [sensor],
            }
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """households: by the site they live at, as the cloud's demo data links them."""

    nodes: tuple[Node, ...]
    households: dict[str, str]
    bench: Config
    air: str

    @property
    def scale(self) -> int:
        return self.bench.world.scale


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked for on the command line. seconds: how long the homes are watched, real time."""

    once: bool
    faults: bool
    trace: Path | None
    seed: int
    scale: int
    seconds: float


def make(wish: Wish, transactions: Path, gateway_port: int) -> Plan:
    nodes = _nodes(wish)
    wifi = Wifi()
    start = _MORNING if wish.trace is None else _before_the_damp(wish.trace)
    config = Config(
        nodes=tuple(
            NodeRow(id=node.id, air=node.air, sensors=(node.sensor_row(),), strobe_pin=STROBE_PIN) for node in nodes
        ),
        world=World(scale=wish.scale, seed=wish.seed, start=start, run_s=wish.seconds),
        wifi=wifi,
        gateway=Gateway(port=gateway_port),
        homes={"fern": HomeRow(), "birch": HomeRow()},
        traces={} if wish.trace is None else {_TRACE: TraceRow(file=wish.trace, layout=_layout(wish.trace))},
        faults=_faults(wish),
        transactions=transactions,
    )
    air = "two simulated homes" if wish.trace is None else f"{wish.trace.name} and two simulated homes"
    return Plan(nodes=nodes, households={"home-1": "fern", "home-2": "birch"}, bench=config, air=air)


def _nodes(wish: Wish) -> tuple[Node, ...]:
    """Noise is always there; glitches are what real sensors of each kind do now and then."""
    bathroom = "fern/bathroom" if wish.trace is None else f"{_TRACE}/{TRACE_ROOM}"
    on_i2c = Glitches(nack=0.002, crc=0.002, spike=0.002)
    on_line = Glitches(crc=0.004, short=0.004, spike=0.002)
    return (
        Node(id="bathroom", site="home-1", driver="sht4x", air=bathroom, glitches=on_i2c),
        Node(id="bedroom", site="home-1", driver="scd4x", air="fern/bedroom", glitches=on_i2c),
        Node(id="shower-room", site="home-2", driver="dht22", air="birch/bathroom", glitches=on_line),
    )


def _faults(wish: Wish) -> tuple[Fault, ...]:
    """In the middle: the gateway is killed, later the Wi-Fi of all nodes is gone for a while."""
    if not wish.faults:
        return ()
    return (
        Fault(at_s=wish.seconds * 0.3, what="gateway-kill", for_s=1.5),
        Fault(at_s=wish.seconds * 0.6, what="wifi-outage", for_s=5.0),
    )


def _layout(trace: Path) -> str:
    """UCI's house has its own columns; anything else is a row a reading."""
    return "home_climate" if trace.name.startswith("house.csv") else traces.LONG


def _before_the_damp(path: Path) -> datetime:
    """Shortly before the trace's bathroom first stays above 80 %."""
    trace = traces.load(path, _layout(path))
    if TRACE_ROOM not in trace.rooms:
        raise PlanError(f"{path}: no room {TRACE_ROOM}; rooms are {', '.join(trace.rooms)}")

    def humidity(at: int) -> float | None:
        air = trace.air(TRACE_ROOM, at)
        return None if air is None else air.humidity_pct

    begin = trace.first + _LEAD_S * 1_000_000
    found = first_above(humidity, threshold=80, for_s=_STAYS_S, start=begin, end=trace.last)
    if found is None:
        raise PlanError(f"{path}: the {TRACE_ROOM} never stays above 80 % for {_STAYS_S // 60} minutes")
    return datetime.fromtimestamp(found / 1e6 - _LEAD_S, UTC)


def cloud_toml(folder: Path, port: int) -> str:
    """Offers whatever the hour, of the best remedy, for a need each, since a day passes in minutes: the homes' time is
    not ours, and a trace may be years old. Of the homes one is in the usual holdout (aircue_cloud.demo.neighbours)."""
    always_h = 24 * 365 * 100
    return (
        f'host = "127.0.0.1"\nport = {port}\ndata_dir = "{folder}"\npush_ttl_h = {always_h}\nlinger_h = {always_h}\n'
        'quiet_hours = ""\ncap_day = 6\ncap_week = 6\ncap_apart_h = 0.0\n'
        "holdout = 0.1\nneed_holdout = 0.0\nexplore = false\n"
        "[payment.sandbox]\n"  # whoever tries the shop pays, and nobody is charged
    )


def gateway_toml(folder: Path, port: int, cloud_url: str, key: str, nodes: tuple[Node, ...]) -> str:
    """As an installer would write it, but for the short batch window: the world is fast."""
    rows = [f'[[nodes]]\nid = "{node.id}"\nsite = "{node.site}"\nkey = "{node.key}"\n' for node in nodes]
    return (
        f'name = "{GATEWAY}"\ndata_dir = "{folder}"\n\n'
        f'[listener]\nhost = "127.0.0.1"\nport = {port}\n\n'
        f'[uplink]\nurl = "{cloud_url}"\nkey = "{key}"\nbatch_window_s = 2.0\n\n'
        "[cleaning.deadband]\nheartbeat_s = 300.0\n"
        "[cleaning.deadband.width]\ntemperature = 0.05\nco2 = 10.0\n\n" + "\n".join(rows)
    )
