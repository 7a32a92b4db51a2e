"""Sends sealed batches until the cloud has them, and fetches its rules when they changed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Protocol

from aircue_gateway import log
from aircue_gateway.alerts import Rules, RulesError, decode_rules
from aircue_gateway.spool.spool import Sealed, SpoolUnavailable
from aircue_gateway.spool.thread import SpoolThread
from aircue_gateway.uplink.http import Answer, Refused, TryAgain, refused, verdict

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


class Batches(Protocol):
    def next_batch(self, now_ms: int) -> Sealed | None: ...
    def delivered(self, sequence: int) -> None: ...
    def refused(self, sequence: int, detail: str) -> None: ...
    def put_rules(self, document: str) -> None: ...


class Api(Protocol):
    """A way to the cloud; every call is one attempt, and blocks."""

    def send(self, sealed: Sealed) -> Answer: ...
    def get_rules(self) -> Answer: ...
    def close(self) -> None: ...


class Uplink:
    """rules_version: of the rules that run now. new_rules: called with those that shall run from now on.
    backlog_per_s: batches that go out one right after the other are those that had to wait; the cloud gets no more of
    them a second. A batch that is sealed meanwhile is not held up by that. fared: called with the trouble of every try
    that failed, and with "" for a batch delivered."""

    def __init__(
        self,
        *,
        spool: Batches,
        thread: SpoolThread,
        cloud: Api,
        rules_version: Callable[[], str],
        new_rules: Callable[[Rules], None],
        now_ms: Callable[[], int],
        random: Random,
        backlog_per_s: float,
        fared: Callable[[str], None] = lambda _trouble: None,
    ) -> None:
        self._spool = spool
        self._thread = thread
        self._cloud = cloud
        self._rules_version = rules_version
        self._new_rules = new_rules
        self._fared = fared
        self._now_ms = now_ms
        self._random = random
        self._backlog_per_s = backlog_per_s
        self._rules_wanted = True
        self._offered = ""  # version of the rules that the cloud last spoke of
        self._declined = ""  # version of rules that this gateway cannot run
        self._failures = 0
        self._ready = asyncio.Event()

    def wake(self) -> None:
        """There is something to send."""
        self._ready.set()

    def close(self) -> None:
        """Lets go of the connections; what is being sent fails and is kept."""
        self._cloud.close()

    def change_cloud(self, cloud: Api, backlog_per_s: float) -> None:
        """For the next try, which is made at once."""
        self._cloud.close()
        self._cloud, self._backlog_per_s = cloud, backlog_per_s
        self._rules_wanted = True
        self.wake()

    async def run(self) -> None:
        """For ever: batch after batch, then at rest until there is another."""
        while True:
            self._ready.clear()
            try:
                busy = await self._round()
            except TryAgain as error:
                await self._pause(error.reason, error.remedy, error.after_s)
                continue
            except SpoolUnavailable as error:
                await self._pause(str(error), "the batch is sent again; the cloud knows it by its id")
                continue
            self._failures = 0
            await self._rest(busy)

    async def _rest(self, busy: bool) -> None:
        """Until there is something new; after a batch only until the next of a backlog may go."""
        apart_s = self._random.uniform(0.5, 1.5) / self._backlog_per_s
        with suppress(TimeoutError):
            async with asyncio.timeout(apart_s if busy else None):  # wait_for may swallow a cancellation (3.11)
                await self._ready.wait()

    async def _round(self) -> bool:
        """Whether there was something to send."""
        sealed = await self._thread.run(self._spool.next_batch, self._now_ms())
        if sealed is not None:
            await self._send(sealed)
        if self._rules_wanted:
            await self._fetch_rules()
        return sealed is not None

    async def _send(self, sealed: Sealed) -> None:
        answer = await asyncio.to_thread(self._cloud.send, sealed)
        outcome = verdict(answer, sealed.id)
        if isinstance(outcome, Refused):
            log.error("batch_refused", batch=sealed.id, reason=outcome.detail, remedy=_REFUSED_REMEDY)
            await self._thread.run(self._spool.refused, sealed.sequence, outcome.detail)
            return
        await self._thread.run(self._spool.delivered, sealed.sequence)
        self._fared("")
        log.event("batch_delivered", batch=sealed.id, bytes=len(sealed.body))
        self._offered = outcome.rules
        self._rules_wanted = self._rules_wanted or outcome.rules not in (self._rules_version(), self._declined)

    async def _fetch_rules(self) -> None:
        answer = await asyncio.to_thread(self._cloud.get_rules)
        refusal = refused(answer)
        try:
            if refusal is not None:
                raise RulesError(refusal.detail)
            rules = decode_rules(answer.body)
        except RulesError as error:
            log.error("rules_refused", reason=error, remedy="the rules of before stay in force; update this gateway")
            self._declined, self._rules_wanted = self._offered, False
            return
        await self._thread.run(self._spool.put_rules, answer.body.decode())
        self._new_rules(rules)
        self._rules_wanted = False
        log.event("rules", version=rules.version, needs=",".join(rule.need for rule in rules.rules))

    async def _pause(self, reason: str, remedy: str, after_s: float = 0.0) -> None:
        seconds = after_s * self._random.uniform(1.0, 1.2) + pause_s(self._failures, self._random)
        self._failures += 1
        self._fared(reason)
        log.warning("uplink_waits", reason=reason, remedy=remedy, pause_s=round(seconds, 2))
        await asyncio.sleep(seconds)


_REFUSED_REMEDY = "it is kept in the spool; the batches behind it go on"


def pause_s(failures: int, random: Random) -> float:
    """How long to wait after so many failures in a row: exponential, with full jitter so that gateways spread out."""
    longest = min(_FIRST_PAUSE_S * 2.0 ** min(failures, 16), _LONGEST_PAUSE_S)
    return random.uniform(longest / 10, longest)
