"""Through which channels a push goes, and in which order: what each one has earned, less what it costs. Pure.

A channel's engagement is how often a push through it was turned to. It is shrunk twice: everybody's through this
channel towards the mean of all channels, as if the channel had had PRIOR pushes of that mean, and the person's own
towards everybody's, as if they had had PRIOR pushes of that:

    of the channel   c = (turned to + PRIOR x mean) / (received + PRIOR)
    of the person    (own turned to + PRIOR x c) / (own received + PRIOR)

From it goes the channel's cost, and FATIGUE for each push that the person had through it in the last seven days. The
in-app inbox is always one: it is stored with the decision and disturbs nobody. What is tried first is the best of the
others that is worth more than 0; the next ones stand in where it fails for good.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

INBOX = "in-app"
PRIOR = 20.0
USUAL = 0.05  # of pushes that are turned to, where nothing is known at all
FATIGUE = 0.02
COSTS: Mapping[str, float] = MappingProxyType(
    {INBOX: 0.0, "mqtt": 0.005, "webhook": 0.005, "web-push": 0.01, "apprise": 0.015, "email": 0.02, "sns": 0.04}
)
_USUAL_COST = 0.02


@dataclass(frozen=True, kw_only=True)
class Engagement:
    """Pushes that were received through a channel, and those of them that were turned to; of everybody."""

    channel: str
    received: int = 0
    turned_to: int = 0


@dataclass(frozen=True, kw_only=True)
class Own(Engagement):
    """Of one person. recent: received in the last seven days."""

    recent: int = 0


@dataclass(frozen=True, kw_only=True)
class Valued:
    """What a channel is worth to a person, and what that was reckoned from."""

    channel: str
    value: float
    engagement: float
    cost: float
    everybody: tuple[int, int]  # received, turned to
    own: tuple[int, int]
    recent: int


def order(reachable: Iterable[str], everybody: Iterable[Engagement] = (), own: Iterable[Own] = ()) -> tuple[str, ...]:
    """Of the channels that reach the person and that they agree to; the inbox last, for it is there in any case.

    >>> order(["email", "web-push"])
    ('web-push', 'email', 'in-app')
    """
    return through(valued(reachable, everybody, own))


def through(found: Sequence[Valued]) -> tuple[str, ...]:
    return (*(one.channel for one in found if one.value > 0), INBOX)


def valued(reachable: Iterable[str], everybody: Iterable[Engagement] = (), own: Iterable[Own] = ()) -> list[Valued]:
    """All beside the inbox, best first."""
    wanted = {channel for channel in reachable if channel != INBOX}
    if not wanted:
        return []
    known, mine = {one.channel: one for one in everybody}, {one.channel: one for one in own}
    usual = _shrunk(sum(one.received for one in known.values()), sum(one.turned_to for one in known.values()), USUAL)
    found = (
        _valued(known.get(name, Engagement(channel=name)), mine.get(name, Own(channel=name)), usual) for name in wanted
    )
    return sorted(found, key=lambda one: (-one.value, one.channel))


def _valued(known: Engagement, mine: Own, usual: float) -> Valued:
    cost = COSTS.get(known.channel, _USUAL_COST)
    of_channel = _shrunk(known.received, known.turned_to, usual)
    engagement = _shrunk(mine.received, mine.turned_to, of_channel)
    return Valued(
        channel=known.channel,
        value=engagement - cost - FATIGUE * mine.recent,
        engagement=engagement,
        cost=cost,
        everybody=(known.received, known.turned_to),
        own=(mine.received, mine.turned_to),
        recent=mine.recent,
    )


def _shrunk(received: int, turned_to: int, towards: float) -> float:
    return (turned_to + PRIOR * towards) / (received + PRIOR)
