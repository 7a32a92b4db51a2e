"""Pushes to hand over, and channels that do as they are told."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import Connection, select
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, tables
from aircue_cloud.delivery import addresses, outbox
from aircue_cloud.delivery.channel import GUARANTEES, Address, Handed, Result
from aircue_cloud.delivery.inbox import Push
from aircue_cloud.delivery.notice import Notice
from aircue_cloud.delivery.outbox import Asked, Marks
from aircue_cloud.delivery.worker import Deliverer, Due
from aircue_cloud.needs.needs import Message

HOUR = timedelta(hours=1)
LEASE = timedelta(seconds=30)


@dataclass
class FakeChannel:
    """answers: by the number of the hand-over, from 0; the last one holds from then on."""

    name: str = "webhook"
    answers: Sequence[Result | Exception] = (Handed(),)
    got: list[tuple[Notice, Address]] = field(default_factory=list)
    closed: bool = False
    lock: Lock = field(default_factory=Lock)

    @property
    def guarantee(self) -> str:
        return GUARANTEES[self.name]

    def amiss(self, address: Address) -> str | None:
        return None if "to" in address else "expected to"

    def hand_over(self, notice: Notice, address: Address, now: datetime) -> Result:
        with self.lock:
            self.got.append((notice, address))
            answer = self.answers[min(len(self.got), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


AskedOfOne = Callable[[Connection, str, str, datetime], str | None]


def wanted(_: Connection, __: str, ___: str, ____: datetime) -> str | None:
    return None


def others(answer: AskedOfOne = wanted, marks: Marks = lambda *_: {}, due: Due | None = None) -> Asked:
    """answer: of one push and channel."""

    def asked(connection: Connection, rows: Sequence[tuple[str, str]], now: datetime) -> list[str | None]:
        return [answer(connection, *row, now) for row in rows]

    return Asked(still_wanted=asked, marks=marks, due=due)


class Deferred(str):
    """As whoever is asked says that it is too early."""

    until: datetime = NOW


def deferred(until: datetime) -> Deferred:
    made = Deferred("quiet hours")
    made.until = until
    return made


@dataclass
class Post:
    """A cloud with people to reach, and workers that stand still unless they are told to go on."""

    cloud: Cloud

    def reach(self, channel: str, person: str = "ada-1", **address: Any) -> str:
        with db.writing(self.cloud.engine) as connection:
            return addresses.add(connection, person, channel, address or {"to": channel}, NOW)

    def push(self, *channels: str, number: int = 1, life: timedelta = HOUR, person: str | None = None) -> Push:
        """Decided on and stored."""
        push = self.decided(number, life, person)
        with db.writing(self.cloud.engine) as connection:
            assert outbox.enqueue(connection, push, channels, self.cloud.clock())
        return push

    def decided(self, number: int = 1, life: timedelta = HOUR, person: str | None = None) -> Push:
        push = simulated_push(number, "ada", self.cloud.clock(), life, person)
        self.cloud.add(tables.episodes, episode_row(push.episode, push.created_at))
        return push

    def worker(
        self,
        *channels: FakeChannel,
        still_wanted: AskedOfOne = wanted,
        marks: Marks = lambda *_: {},
        due: Due | None = None,
        at_once: int = 4,
        chance: Callable[[], float] = lambda: 1.0,
    ) -> Deliverer:
        return Deliverer(
            self.cloud.engine,
            {channel.name: channel for channel in channels},
            self.cloud.services.links,
            others(still_wanted, marks, due),
            self.cloud.clock,
            at_once=at_once,
            lease=LEASE,
            chance=chance,
        )

    def states(self, push: Push | None = None) -> dict[str, list[str]]:
        """Of the rows, by channel."""
        found: dict[str, list[str]] = defaultdict(list)
        for row in self.rows():
            if push is None or row["push"] == push.id:
                found[row["channel"]].append(row["state"])
        return {channel: sorted(states) for channel, states in found.items()}

    def rows(self, channel: str | None = None) -> list[dict[str, Any]]:
        query = select(tables.outbox).order_by(tables.outbox.c.place, tables.outbox.c.id)
        with db.reading(self.cloud.engine) as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [row for row in rows if channel in (None, row["channel"])]

    def attempts(self) -> list[str]:
        with db.reading(self.cloud.engine) as connection:
            query = select(tables.attempts.c.outcome).order_by(tables.attempts.c.id)
            return list(connection.execute(query).scalars())


def simulated_push(
    number: int, household: str, now: datetime, life: timedelta = HOUR, person: str | None = None
) -> Push:
    """The same for the same number; of an episode that is simulated with it."""
    return Push(
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"push {number}")),
        household=household,
        person=person,
        need="damp-air",
        episode=str(uuid.uuid5(uuid.NAMESPACE_OID, f"episode {number}")),
        product="drymax",
        category="dehumidifier",
        message=Message(title=f"Offer {number}", text="A dehumidifier.", reason="Above 80 % for 15 minutes."),
        trigger={},
        created_at=now,
        expires_at=now + life,
    )


def episode_row(id_: str, now: datetime) -> dict[str, Any]:
    said = {"need": "damp-air", "site": "home-1", "node": "bathroom", "quantity": "humidity"}
    confirmed = {"confirmed_installation": 1, "confirmed_boot": 1, "confirmed_sequence": 1}
    times = {"started_at": now - HOUR, "confirmed_at": now, "ended_at": None}
    return {"id": id_, **said, **confirmed, **times, "peak": 85.0, "open": True, "withdrawn": False}


def settle(*workers: Deliverer) -> None:
    """Until nobody finds anything to do."""
    busy = True
    while busy:
        busy = sum(worker.round() + worker.is_busy for worker in workers) > 0


def notice(**changed: Any) -> Notice:
    """One to hand over without a cloud."""
    known = {
        "id": "0e6a1b52-7d3f-5a54-9a58-1f1a9be05f3c",
        "push": "p-1",
        "need": "damp-air",
        "episode": "e-1",
        "product": "drymax",
        "title": "Dry air for your bathroom",
        "text": "Drymax takes 12 litres a day out of the air.",
        "reason": "Your bathroom has been above 80 % humidity for 15 minutes (now 84.5 %).",
        "created_at": NOW,
        "expires_at": NOW + HOUR,
        "home": "https://air.example/me",
        "links": {"buy": "https://air.example/offers/main.b", "stop": "https://air.example/offers/main.s"},
        "unsubscribe": "https://air.example/unsubscribe/main.u",
    }
    return Notice(**{**known, **changed})
