"""Dead letters that are taken in again, as after an update that reads what the gateway before could not. No I/O."""

import json
from collections.abc import Callable
from typing import Any

from aircue_gateway import log
from aircue_gateway.intake import Intake
from aircue_gateway.intakes.behind_broker import OwnNodes
from aircue_gateway.intakes.devices import Devices
from aircue_gateway.ledger import Count
from aircue_gateway.window import DeadLetter

_KEPT = "$aircue/replayed"
_MOST = 10_000  # as many as dead letters are kept


class Replays:
    """done: the numbers of the dead letters that were taken in; each is once. noticed: something came in."""

    def __init__(self, intake: Intake, own: OwnNodes, devices: Devices, noticed: Callable[[], None]) -> None:
        self._intake = intake
        self._own = own
        self._devices = devices
        self._noticed = noticed
        self.done: list[int] = json.loads(intake.retained.get(_KEPT, b"[]"))

    def replay(self, ident: int, letter: DeadLetter, now_ms: int) -> str | None:
        """None, or why it was not taken in."""
        if ident in self.done:
            return "it was replayed before"
        refusal = self._take(letter, now_ms)
        log.event("dead_letter_replayed", id=ident, topic=letter.topic, refusal=refusal or "none")
        if refusal is None:
            self.done = [*self.done[-_MOST + 1 :], ident]
            self._intake.keep(_KEPT, json.dumps(self.done).encode())
            self._intake.count(Count.DEAD_LETTERS_REPLAYED)
            self._intake.hurry()
            self._noticed()
        return refusal

    def _take(self, letter: DeadLetter, now_ms: int) -> str | None:
        if self._own.is_ours(letter.topic):
            return self._own.replay(letter.topic, letter.payload, letter.received_at_ms)
        return self._devices.replay(letter.topic, letter.payload, letter.received_at_ms, now_ms)


def fields_of(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter for the control socket."""
    return {**vars(letter), "payload": letter.payload.hex()}


def letter_of(fields: dict[str, Any]) -> DeadLetter:
    return DeadLetter(**{**fields, "payload": bytes.fromhex(fields["payload"])})
