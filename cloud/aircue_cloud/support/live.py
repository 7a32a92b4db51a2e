"""Waiting for a conversation to change, as shoppers wait for their offers (delivery/live.py)."""

import time
from collections.abc import Callable

from sqlalchemy import Engine

from aircue_cloud import db
from aircue_cloud.delivery.live import LOOK_S
from aircue_cloud.support import conversations


def changed(
    engine: Engine, conversation: str, seen: str, wait_s: float, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Returns when the conversation differs from what was seen, or the time is over."""
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        with db.reading(engine) as connection:
            if conversations.version(connection, conversation) != seen:
                return
        sleep(min(LOOK_S, max(0.0, end - time.monotonic())))
