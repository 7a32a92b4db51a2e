"""The worker of the outbox: takes what is due, hands it over, and records what became of it.

One transaction between two rounds records what ended and takes as many rows as there are free hands: they are asked
about together, taken, and handed over at once. So between the question and the hand-over lies the rest of one
transaction, with AT_ONCE rows at most; each hand looks once more, right before it hands over, whether anything was said
in between. A slow receiver keeps one hand busy and nobody waiting.
"""

import logging
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, bindparam, select

from aircue_cloud import db, tables
from aircue_cloud.background import Repeated
from aircue_cloud.delivery import addresses, outbox
from aircue_cloud.delivery.buttons import Links
from aircue_cloud.delivery.channel import Address, Channel, Failed, Gone, Result, Unknown, Unwanted
from aircue_cloud.delivery.notice import Notice
from aircue_cloud.delivery.outbox import Asked, Taken

log = logging.getLogger(__name__)
POLL_S = 0.25
GLANCE_S = 0.02  # at what is under way, while there are free hands
GATHER_S = 0.005
RETRY_S = 2.0
DUE_EVERY = timedelta(seconds=5)
LEASE = timedelta(seconds=30)
AT_ONCE = 16

Due: TypeAlias = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one hand has to do; address None where it is gone."""

    taken: Taken
    notice: Notice | None
    address: Address | None


class Deliverer(Repeated):
    """One worker; any number of them may run, in any number of processes."""

    def __init__(
        self,
        engine: Engine,
        channels: Mapping[str, Channel],
        links: Links,
        asked: Asked,
        clock: Callable[[], datetime],
        *,
        at_once: int = AT_ONCE,
        lease: timedelta = LEASE,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._engine, self._channels, self._links, self._asked = engine, channels, links, asked
        self._clock, self._at_once, self._lease, self._chance = clock, at_once, lease, chance
        self.name = str(uuid.uuid4())
        self._under_way: dict[Future[Result], Taken] = {}
        self._decided_at: datetime | None = None
        self._renewed_at = clock()
        self._hands: ThreadPoolExecutor | None = None
        failed = "the outbox could not be worked on; it is tried again"
        super().__init__(
            self._work, "delivery", every=lambda: POLL_S, failed=failed, log=log, at_once=True, retry_s=RETRY_S,
            last=self.finish,
        )  # fmt: skip

    def stop(self) -> None:
        """Returns when what is under way is handed over and recorded."""
        super().stop()
        self.join()

    def _work(self) -> float | None:
        """While there is something to do, nobody waits."""
        self.decide_again()
        idle = self.round() == 0 and not self._under_way
        return None if idle else 0.0

    def finish(self) -> None:
        """Waits for what is under way, records it, and lets go of the channels."""
        while self._under_way:
            self.round(most=0)
        if self._hands is not None:
            self._hands.shutdown()
            self._hands = None
        for channel in self._channels.values():
            channel.close()

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        return bool(self._under_way)

    def decide_again(self) -> None:
        """What was deferred and is due, now and then."""
        now = self._clock()
        if self._asked.due is None or (self._decided_at is not None and now - self._decided_at < DUE_EVERY):
            return
        self._decided_at = now
        try:
            self._asked.due()
        except Exception:
            log.exception("what was deferred could not be decided again; it is tried again")

    def round(self, most: int | None = None) -> int:
        """Records what ended, takes up what is due; how many rows were taken."""
        if not self._channels:
            return 0
        ended = self._ended()
        free = self._at_once - len(self._under_way) if most is None else most
        now = self._clock()
        if not ended and not self._must_renew(now) and not (free and self._finds_work(now)):
            return 0
        with outbox.turn(self._engine) as connection:
            if ended:
                outbox.record(connection, ended, now, self._chance)
            if self._under_way:
                outbox.renew(connection, self.name, now, self._lease)
            self._renewed_at = now
            jobs = self._taken(connection, now, free)
        for job in jobs:
            self._under_way[self._pool().submit(self._hand_over, job)] = job.taken
        return len(jobs)

    def _must_renew(self, now: datetime) -> bool:
        return bool(self._under_way) and now - self._renewed_at >= self._lease / 3

    def _finds_work(self, now: datetime) -> bool:
        """Asked without the right to write, so that an idle worker is in nobody's way."""
        with db.reading(self._engine) as connection:
            return outbox.has_work(connection, sorted(self._channels), now)

    def _ended(self) -> list[tuple[Taken, Result]]:
        """Of what is under way; waits a moment for the first, and a shorter one for those right behind it, since a
        transaction costs the same for one row as for many."""
        if not self._under_way:
            return []
        full = len(self._under_way) >= self._at_once
        done, _ = wait(self._under_way, timeout=POLL_S if full else GLANCE_S, return_when=FIRST_COMPLETED)
        if done:
            done, _ = wait(self._under_way, timeout=GATHER_S)
        return [(self._under_way.pop(future), future.result()) for future in done]

    def _taken(self, connection: Connection, now: datetime, most: int) -> list[Job]:
        if most <= 0:
            return []
        names = sorted(self._channels)
        taken = outbox.take(connection, self.name, names, self._asked, now, self._lease, most)
        return jobs(connection, taken, self._links, now)

    def _pool(self) -> ThreadPoolExecutor:
        if self._hands is None:
            self._hands = ThreadPoolExecutor(self._at_once, thread_name_prefix="handing-over")
        return self._hands

    def _hand_over(self, job: Job) -> Result:
        """Never raises: a fault of ours leaves open what became of the notice."""
        if job.address is None or job.notice is None:
            return Gone(detail="the address was removed")
        channel = self._channels[job.taken.channel]
        try:
            said = self._said_since(job.taken)
        except Exception:
            log.exception("what was said since a push was taken could not be read; it is tried again")
            return Failed(detail="it could not be asked whether it is still wanted")
        if said is not None:
            return said
        try:
            return channel.hand_over(job.notice, job.address, self._clock())
        except Exception as error:
            log.exception("channel %s failed", channel.name)
            return Unknown(detail=f"our fault: {type(error).__name__}")

    def _said_since(self, taken: Taken) -> Unwanted | None:
        """The last moment: after this, the push goes."""
        with db.reading(self._engine) as connection:
            return outbox.changed(connection, taken, self._asked, self._clock())


_PUSHES = select(tables.pushes).where(tables.pushes.c.id.in_(bindparam("ids", expanding=True)))


def jobs(connection: Connection, taken: Sequence[Taken], links: Links, now: datetime) -> list[Job]:
    """With everything that is needed to hand them over, so that no hand asks the database."""
    if not taken:
        return []
    found = {row.id: row for row in connection.execute(_PUSHES, {"ids": sorted({one.push for one in taken})})}
    known = addresses.in_use(connection, [one.address for one in taken])
    return [_job(one, found.get(one.push), known.get(one.address), links, now) for one in taken]


def _job(taken: Taken, push: Any, address: Any, links: Links, now: datetime) -> Job:
    if push is None or address is None:
        return Job(taken=taken, notice=None, address=None)
    names = ("need", "episode", "product", "title", "text", "reason", "created_at")
    notice = Notice(
        id=taken.id,
        push=push.id,
        expires_at=taken.expires_at,
        home=links.home,
        links=links.of_push(push.id, address.person, now),
        unsubscribe=links.unsubscribing(address.id, address.person, now),
        **{name: getattr(push, name) for name in names},
    )
    return Job(taken=taken, notice=notice, address=address.address)
