"""The script of faults: order, and a clear no to what cannot be played."""

import pytest

from aircue_hil.faults import Fault, refuse_unplayable, steps


async def nothing(_node: str, _begins: bool) -> None: ...


def test_beginnings_and_ends_come_in_order() -> None:
    script = (
        Fault(at_s=5.0, what="wifi-outage", for_s=10.0, node="bath"),
        Fault(at_s=7.0, what="gateway-kill", for_s=1.0),
    )
    assert [(step.at_s, step.what, step.begins) for step in steps(script)] == [
        (5.0, "wifi-outage", True),
        (7.0, "gateway-kill", True),
        (8.0, "gateway-kill", False),
        (15.0, "wifi-outage", False),
    ]


def test_a_fault_that_nobody_plays_is_refused() -> None:
    with pytest.raises(ValueError, match="fault 'gateway-kill' cannot be played here; these can: wifi-outage"):
        refuse_unplayable([Fault(at_s=1.0, what="gateway-kill")], {"wifi-outage": nothing})
