"""The log: one line an event, whatever is in it."""

import logging

import pytest

from aircue_gateway import log


def test_a_stranger_cannot_forge_a_line_or_a_field(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "aircue.gateway"):
        log.event("refused", node='x"\nevent=batch_delivered', code=5)
    assert caplog.messages == ['event=refused node="x\\"\\nevent=batch_delivered" code=5']
