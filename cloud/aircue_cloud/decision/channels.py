"""Through which channels a push goes, and in which order: what each one has earned, less what it costs. Pure.

A channel's engagement is how often a push through it was turned to, pooled with the mean of all channels, as if every
channel had had PRIOR pushes of that mean: (turned to + PRIOR x mean) / (received + PRIOR). From it goes the channel's
cost, and FATIGUE for each push that the person had through it in the last seven days. The in-app inbox is always one:
it is stored with the decision and disturbs nobody. What is tried first is the best of the others that is worth more
than 0; the next ones stand in where it fails for good.
"""

from collections.abc import Iterable, Mapping
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
    """Of one person or, where they have little, of everybody. recent: pushes to the person in the last seven days."""

    channel: str
    received: int
    turned_to: int
    recent: int = 0


def order(reachable: Iterable[str], engagement: Iterable[Engagement] = ()) -> tuple[str, ...]:
    """Of the channels that reach the person and that they agree to; the inbox last, for it is there in any case.

    >>> order(["email", "web-push"])
    ('web-push', 'email', 'in-app')
    """
    reachable = list(reachable)
    if not reachable:
        return (INBOX,)
    known = {one.channel: one for one in engagement}
    received = sum(one.received for one in known.values())
    mean = (sum(one.turned_to for one in known.values()) + PRIOR * USUAL) / (received + PRIOR)
    values = {channel: value(channel, known.get(channel), mean) for channel in reachable if channel != INBOX}
    worth = (channel for channel, worth in values.items() if worth > 0)
    return (*sorted(worth, key=lambda channel: (-values[channel], channel)), INBOX)


def value(channel: str, known: Engagement | None, mean: float) -> float:
    if known is None:
        return mean - COSTS.get(channel, _USUAL_COST)
    shrunk = (known.turned_to + PRIOR * mean) / (known.received + PRIOR)
    return shrunk - COSTS.get(channel, _USUAL_COST) - FATIGUE * known.recent
