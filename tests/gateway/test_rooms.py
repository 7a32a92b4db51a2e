"""Several sensors of one quantity in a room: merged for the rules, for Home Assistant and for the local views."""

import json
from pathlib import Path

import pytest
from tests.gateway.operations.snapshots import NOW_MS
from tests.gateway.recorded_disk import MemoryDisk
from tests.gateway.samples import BEGAN_S, BOOT, CHANNELS

from aircue_gateway.alerts import decode_rules
from aircue_gateway.config import CleaningConfig, ConfigError, Node, RoomConfig, load
from aircue_gateway.daemon import Daemon
from aircue_gateway.intake import Intake
from aircue_gateway.message import Message
from aircue_gateway.operations.vitals import Vitals
from aircue_gateway.spool.spool import Spool
from aircue_gateway.window import Stored, Window
from aircue_node import contract

ROOM = RoomConfig(name="bath", site="home-1", nodes=("shelf", "door", "window"))
RULE = {
    "need": "damp-air", "quantity": "humidity", "direction": "above", "enter": 80, "exit": 78, "dwell_s": 60,
    "keep_s": 60, "max_gap_s": 1800, "on_start": "fire",
}  # fmt: skip
EVERY_S = 30


def birth_of(boot: int = BOOT) -> bytes:
    return contract.encode_birth("0", "unix", 1, boot, 30_000, "", list(CHANNELS), [("a", "ok")], [])


class Home:
    """The three nodes of a room, each told its air."""

    def __init__(self, **rule: object) -> None:
        rules = decode_rules(json.dumps({"version": "1", "rules": [{**RULE, **rule}]}))
        self.vitals = Vitals.of(Stored())
        self.intake = Intake(CleaningConfig(), Stored(rules=rules), rooms=(ROOM,))
        for node in (*ROOM.nodes, "attic"):
            self.take(node, "birth", birth_of())

    def take(self, node: str, leaf: str, payload: bytes) -> Window:
        topic = contract.topic("home-1", node, leaf)
        self.intake.take(Message(Node(id=node, site="home-1", key=""), topic, leaf, payload), BEGAN_S * 1000)
        window = self.intake.swap()
        self.vitals.committed(window)
        return window

    def sample(
        self, node: str, number: int, temperature: float, humidity: float, leaf: str = "samples", boot: int = BOOT
    ) -> Window:
        at_s = number * EVERY_S
        one = (number, at_s * 1000, BEGAN_S + at_s, [round(temperature * 100), round(humidity * 100)])
        encoded = contract.encode_sample(1, boot, one)
        return self.take(node, leaf, encoded if leaf == "samples" else contract.encode_backlog(1, boot, [one]))

    def say(self, numbers: range, **humidity: float) -> list[Window]:
        return [self.sample(node, number, 21.0, value) for number in numbers for node, value in humidity.items()]

    @property
    def shown(self) -> dict[str, tuple[float, list[str]]]:
        (room,) = self.vitals.rooms([ROOM])
        return {row["quantity"]: (round(row["value"], 1), row["apart"]) for row in room["values"]}


def test_two_sensors_that_agree_outvote_the_one_that_strays_and_it_is_named() -> None:
    home = Home()
    home.say(range(1, 20), shelf=60.0, door=60.4, window=85.0)
    value, apart = home.shown["humidity"]
    assert 60 <= value <= 60.6
    assert apart == ["window"]


def test_the_rules_run_on_the_room_as_on_a_node() -> None:
    """One sensor beside the shower says damp; the room is not. Then it is."""
    home = Home()
    windows = home.say(range(1, 12), shelf=60.0, door=60.4, window=85.0)
    states = {key: state.phase for window in windows for key, state in window.states.items()}
    assert states["damp-air", "window"] == "firing"
    assert states["damp-air", "bath"] == "idle"
    windows = home.say(range(12, 30), shelf=84.0, door=84.6, window=85.0)
    states = {key: state.phase for window in windows for key, state in window.states.items()}
    assert states["damp-air", "bath"] == "firing"
    assert any(window.urgent for window in windows)


def test_what_is_derived_follows_from_the_merged_air() -> None:
    home = Home(quantity="dew_point", enter=17.5, exit=16, dwell_s=0)
    home.say(range(1, 12), shelf=60.0, door=60.4, window=60.2)
    assert home.intake.airs["bath"].latest["dew_point"][1] == pytest.approx(12.97, abs=0.1)


def test_a_flagged_reading_has_little_say() -> None:
    home = Home()
    home.say(range(1, 20), shelf=60.0, door=60.1)
    home.sample("shelf", 20, 21.0, 99.0)
    assert home.shown["humidity"][0] == pytest.approx(60.1, abs=0.3)


def test_a_backlog_says_nothing_of_the_room_as_it_is_now() -> None:
    home = Home()
    home.say(range(10, 20), shelf=60.0, door=60.1)
    before = home.shown
    home.sample("door", 2, 30.0, 10.0, leaf="backlog")
    assert home.shown == before


def test_a_restart_plays_the_live_samples_back_to_the_room_and_no_backlog() -> None:
    """The door's backlog was stored last, and says nothing of the room: neither its values nor its time."""
    home, spool = Home(), Spool.on(MemoryDisk(), "gw-1", BEGAN_S * 1000)
    for node in ROOM.nodes:
        spool.commit(home.take(node, "birth", birth_of(boot=BOOT + 1)))
    for number in range(10, 21):
        for node, humidity in (("shelf", 60.0), ("door", 60.2), ("window", 60.1)):
            spool.commit(home.sample(node, number, 21.0, humidity, boot=BOOT + 1))
    spool.commit(home.sample("door", 9, 30.0, 10.0, leaf="backlog", boot=BOOT + 1))
    home.intake = Intake(CleaningConfig(), spool.load(), rooms=(ROOM,))
    home.sample("shelf", 21, 21.0, 60.0, boot=BOOT + 1)
    assert home.shown["humidity"] == (pytest.approx(60.1, abs=0.1), [])
    door = home.intake._rooms._merges["bath", "humidity"]._sensors["door"]
    assert (door.at, door.value) == (BEGAN_S + 20 * EVERY_S, pytest.approx(60.2))


def test_a_node_of_no_room_is_left_alone() -> None:
    home = Home()
    assert home.sample("attic", 1, 5.0, 50.0).rooms == {}
    assert home.shown == {}


def test_a_room_is_shown_before_it_was_heard_of() -> None:
    (room,) = Vitals.of(Stored()).rooms([ROOM])
    assert (room["room"], room["site"], room["nodes"]) == ("bath", "home-1", ["shelf", "door", "window"])
    assert (room["values"], room["measured_at_ms"]) == ([], None)


TOML = """
name = "gw-1"
data_dir = "spool"
[uplink]
url = "http://127.0.0.1:9"
key = "gateway-key"
[status]
port = 0
[[nodes]]
id = "shelf"
site = "home-1"
key = "12345678"
[[nodes]]
id = "door"
site = "home-1"
key = "12345678"
[[nodes]]
id = "elsewhere"
site = "home-2"
key = "12345678"
"""
BATH = """
[[rooms]]
name = "bath"
site = "home-1"
nodes = ["shelf", "door"]
"""


def written(folder: Path, rooms: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(TOML + rooms)
    return file


def test_rooms_are_configured_by_their_nodes(tmp_path: Path) -> None:
    assert load(written(tmp_path, BATH)).rooms == (RoomConfig(name="bath", site="home-1", nodes=("shelf", "door")),)


@pytest.mark.parametrize(
    ("rooms", "said"),
    [
        (BATH.replace('"door"', '"elsewhere"'), "rooms[1].nodes: expected nodes at site home-1 that are in no other"),
        (BATH.replace('"door"', '"nobody"'), "found nobody"),
        (BATH.replace('"bath"', '"shelf"'), "rooms[1].name = 'shelf': expected a name that no node"),
        (BATH.replace(', "door"', ""), "rooms[1].nodes = ['shelf']: expected a list of two or more nodes"),
        (BATH + BATH.replace('"bath"', '"other"'), "rooms[2].nodes: expected nodes at site home-1"),
        (BATH.replace("site", "place"), "unknown key rooms[1].place"),
    ],
)
def test_a_wrong_room_ends_the_start_with_its_reason(tmp_path: Path, rooms: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, rooms))
    assert said in str(error.value)


def test_the_daemon_merges_and_tells_home_assistant_where_the_room_is(tmp_path: Path) -> None:
    config = load(written(tmp_path, BATH))
    spool = Spool.open(config.data_dir, config.name, NOW_MS)
    daemon = Daemon(config, spool)
    assert daemon._intake._rooms.nodes == {"shelf": "bath", "door": "bath"}
    assert daemon._sites()["bath"] == "home-1"
    daemon._thread.close()
    spool.close()
