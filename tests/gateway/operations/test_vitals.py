"""What the gateway shows of itself: only what is on disk, the newest of it, from every node."""

from typing import Any

from tests.gateway.samples import BEGAN_S, BOOT, CHANNELS, NODE, backlog, birth, live, message

from aircue_gateway.config import CleaningConfig, DeadbandConfig, Node
from aircue_gateway.intake import Intake
from aircue_gateway.operations.vitals import Vitals
from aircue_gateway.window import Stored
from aircue_node import contract

NOW_MS = (BEGAN_S + 1000) * 1000
KNOWN = {NODE.id: NODE}


def seen(*messages: tuple[str, bytes], config: CleaningConfig | None = None) -> Vitals:
    """After each message was committed by itself."""
    intake, vitals = Intake(config or CleaningConfig(), Stored()), Vitals.of(Stored())
    for leaf, payload in (("birth", birth()), *messages):
        intake.take(message(leaf, payload, retain=leaf == "status"), NOW_MS)
        vitals.committed(intake.swap())
    return vitals


def only(vitals: Vitals) -> dict[str, Any]:
    (node,) = vitals.nodes(KNOWN)
    return node


def air(vitals: Vitals) -> dict[str, tuple[float | None, str]]:
    return {row["quantity"]: (row["value"], row["status"]) for row in only(vitals)["values"]}


def test_a_node_shows_its_newest_sample() -> None:
    node = only(seen(("samples", live(1)), ("samples", live(2))))
    assert (node["samples"], node["sequence"], node["boot"], node["site"]) == (2, 2, BOOT, NODE.site)
    assert node["measured_at_ms"] == (BEGAN_S + 60) * 1000
    assert node["received_at_ms"] == NOW_MS


def test_values_are_shown_in_their_unit() -> None:
    assert air(seen(("samples", live(1, wire=[2150, None])))) == {
        "temperature": (21.5, "ok"),
        "humidity": (None, "gap"),
    }


def test_a_draining_backlog_counts_and_leaves_the_newest_in_its_place() -> None:
    node = only(seen(("samples", live(9)), ("backlog", backlog([1, 2, 3]))))
    assert (node["samples"], node["sequence"]) == (4, 9)


def test_what_the_deadband_held_back_is_shown_as_the_value_before_it() -> None:
    still = CleaningConfig(deadband=DeadbandConfig(width={"temperature": 1.0}))
    vitals = seen(("samples", live(1, wire=[2150, 5500])), ("samples", live(2, wire=[2160, 5600])), config=still)
    assert air(vitals) == {"temperature": (21.5, "ok"), "humidity": (56.0, "ok")}


def test_a_configured_node_that_was_never_heard_is_shown_as_such() -> None:
    silent = Node(id="attic", site="home-2", key="12345678")
    row = Vitals.of(Stored()).nodes({silent.id: silent})[0]
    assert (row["node"], row["site"], row["configured"], row["received_at_ms"]) == ("attic", "home-2", True, None)


def test_a_node_that_left_the_configuration_still_shows_what_it_sent() -> None:
    (row,) = seen(("samples", live(1))).nodes({})
    assert (row["node"], row["site"], row["configured"]) == (NODE.id, NODE.site, False)


def test_a_node_is_online_until_its_last_will() -> None:
    up = contract.encode_status(1, BOOT, 5, 1000, 0, [], {})
    down = contract.encode_will(1, BOOT)
    assert only(seen(("status", up)))["online"] is True
    assert only(seen(("status", up), ("status", down)))["online"] is False


def test_what_the_spool_remembers_is_shown_after_a_restart() -> None:
    intake = Intake(CleaningConfig(), Stored())
    intake.take(message("birth", birth(channels=CHANNELS)), NOW_MS)
    window = intake.swap()
    assert only(Vitals.of(Stored(births=tuple(window.births))))["boot"] == BOOT
