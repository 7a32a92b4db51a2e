"""What every channel is: a name, what it promises, and one way to hand a notice over.

Handed    it took the notice
Gone      for certain not: nobody is at this address any more; the address ends, the next channel is tried
Refused   for certain not, and never will: the next channel is tried
Failed    for certain not now: tried again later
Unwanted  for certain not: it was not wanted any more when it came to it, or not before an instant
Unknown   nobody knows: tried again where the channel may get it twice, otherwise in doubt for ever
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias

from aircue_cloud.delivery.notice import Notice

EXACTLY_ONCE = "exactly once"
AT_LEAST_ONCE = "at least once"  # with an id that stays the same, by which the receiver knows it again
AT_MOST_ONCE = "at most once"

# By channel, also where it is switched off.
GUARANTEES: Mapping[str, str] = {
    "in-app": EXACTLY_ONCE,
    "web-push": AT_LEAST_ONCE,
    "webhook": AT_LEAST_ONCE,
    "mqtt": AT_LEAST_ONCE,
    "email": AT_MOST_ONCE,
    "apprise": AT_MOST_ONCE,
    "sns": AT_MOST_ONCE,
}


@dataclass(frozen=True, kw_only=True)
class _Result:
    """detail: for the operator; it names nobody."""

    detail: str = ""


class Handed(_Result):
    pass


class Gone(_Result):
    pass


class Refused(_Result):
    pass


@dataclass(frozen=True, kw_only=True)
class Failed(_Result):
    """wait: how long the receiver asked us to wait."""

    wait: timedelta | None = None


class Unknown(_Result):
    pass


@dataclass(frozen=True, kw_only=True)
class Unwanted(_Result):
    """until: from when on it may be asked again; None: never."""

    until: datetime | None = None


Result: TypeAlias = Handed | Gone | Refused | Failed | Unwanted | Unknown
Address: TypeAlias = Mapping[str, Any]


class Channel(Protocol):
    """May be used by many threads at once. It answers within a few seconds, and raises only for a fault of ours."""

    @property
    def name(self) -> str: ...

    @property
    def guarantee(self) -> str: ...

    def amiss(self, address: Address) -> str | None:
        """Why this is no address of the channel; None where it is one."""

    def hand_over(self, notice: Notice, address: Address, now: datetime) -> Result: ...

    def close(self) -> None: ...
