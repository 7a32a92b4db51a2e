"""Stand-ins for the disk and the cloud that do as the test says."""

import json
import threading
from random import Random

from aircue_gateway.spool.spool import Sealed
from aircue_gateway.uplink.http import Answer, TryAgain
from aircue_gateway.window import Window


class SlowSpool:
    """A disk that takes each window only when the test lets it."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.may = threading.Event()
        self.windows: list[Window] = []
        self.seals: list[bool] = []
        self.errors: list[Exception] = []

    def commit(self, window: Window) -> None:
        self.asked.set()
        assert self.may.wait(10)
        if self.errors:
            raise self.errors.pop(0)
        self.windows.append(window)

    def seal(self, now_ms: int, urgent: bool) -> int:
        self.seals.append(urgent)
        return 0


class Outbox:
    """The side of a spool that the uplink sees."""

    def __init__(self, *sequences: int) -> None:
        self.waiting = list(sequences)
        self.done: list[int] = []
        self.set_aside: dict[int, str] = {}
        self.rules: list[str] = []

    def next_batch(self, now_ms: int) -> Sealed | None:
        return Sealed(sequence=self.waiting[0], id=f"gw-1/e/{self.waiting[0]}", body=b"") if self.waiting else None

    def delivered(self, sequence: int) -> None:
        self.waiting.remove(sequence)
        self.done.append(sequence)

    def refused(self, sequence: int, detail: str) -> None:
        self.waiting.remove(sequence)
        self.set_aside[sequence] = detail

    def put_rules(self, document: str) -> None:
        self.rules.append(document)


class ScriptedCloud:
    """Gives the answers of a list, one a batch, then takes everything. None: unreachable."""

    def __init__(self, outbox: Outbox, *answers: Answer | None, version: str = "1") -> None:
        self._outbox = outbox
        self._answers = list(answers)
        self.version = version
        self.rules = json.dumps({"version": version, "rules": []}).encode()
        self.asked_for_rules = 0
        self.posts = 0

    def send(self, sealed: Sealed) -> Answer:
        self.posts += 1
        answer = self._answers.pop(0) if self._answers else self._receipt()
        if answer is None:
            raise TryAgain("no route", "is the cloud up?")
        return answer

    def _receipt(self) -> Answer:
        body = {"batch": f"gw-1/e/{self._outbox.waiting[0]}", "rules": self.version}
        return Answer(200, json.dumps(body).encode())

    def get_rules(self) -> Answer:
        self.asked_for_rules += 1
        return Answer(200, self.rules)

    def close(self) -> None:
        """Nothing is held."""


class NoPause(Random):
    """Jitter without waiting."""

    def uniform(self, a: float, b: float) -> float:
        return 0.0
