"""Which push an order is counted under: the last one touched. Associated with the push, not caused by it. Pure.

An order is counted under a push that offered a product of its category, if somebody of the household clicked on the
push within 7 days before it, or got the push within 3 days before it. Of several the one touched last has it; an order
is counted under one push at most, and less what was given back of it. What people would have bought anyway is counted
too: only the holdout tells that apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

CLICKED = timedelta(days=7)
DELIVERED = timedelta(days=3)
LABEL = "associated"


@dataclass(frozen=True, kw_only=True)
class Push:
    """clicks: when somebody of the household clicked on it."""

    id: str
    household: str
    need: str
    category: str
    delivered_at: datetime
    clicks: tuple[datetime, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Order:
    """amount: minor units, net of refunds."""

    household: str
    person: str
    product: str
    category: str
    at: datetime
    amount: int


@dataclass(frozen=True, kw_only=True)
class Return:
    person: str
    product: str
    at: datetime
    amount: int


@dataclass(frozen=True, kw_only=True)
class Attributed:
    """push: None where the order is counted under none."""

    order: Order
    push: Push | None


def attribute(orders: Iterable[Order], pushes: Iterable[Push]) -> list[Attributed]:
    """One row an order, in their order."""
    by_home: dict[tuple[str, str], list[Push]] = {}
    for push in pushes:
        by_home.setdefault((push.household, push.category), []).append(push)
    return [Attributed(order=one, push=_last_touched(one, by_home.get((one.household, one.category), ()))) for one in
            orders]  # fmt: skip


def _last_touched(order: Order, pushes: Sequence[Push]) -> Push | None:
    touched = [(at, push.id, push) for push in pushes if (at := _touch(order, push)) is not None]
    return max(touched, key=lambda one: one[:2])[2] if touched else None


def _touch(order: Order, push: Push) -> datetime | None:
    """The latest moment at which the push was touched that reaches the order."""
    touches = [at for at in push.clicks if timedelta() <= order.at - at <= CLICKED]
    if timedelta() <= order.at - push.delivered_at <= DELIVERED:
        touches.append(push.delivered_at)
    return max(touches, default=None)


def net(orders: Iterable[Order], returns: Iterable[Return]) -> list[Order]:
    """Orders less what came back: a return takes from the latest earlier order of the product by the same person that
    has something left, and then from the one before. What fits none is left out: it was bought before the records
    begin."""
    left = sorted(orders, key=lambda one: (one.at, one.person, one.product))
    amounts = [one.amount for one in left]
    places: dict[tuple[str, str], list[int]] = {}
    for place, one in enumerate(left):
        places.setdefault((one.person, one.product), []).append(place)
    for given_back in sorted(returns, key=lambda one: one.at):
        mine = places.get((given_back.person, given_back.product), [])
        _take(given_back, [place for place in reversed(mine) if left[place].at <= given_back.at], amounts)
    return [_with(one, amount) for one, amount in zip(left, amounts, strict=True)]


def _take(given_back: Return, places: Sequence[int], amounts: list[int]) -> None:
    rest = given_back.amount
    for place in places:
        taken = min(rest, amounts[place])
        amounts[place] -= taken
        rest -= taken


def _with(order: Order, amount: int) -> Order:
    return order if amount == order.amount else Order(**{**vars(order), "amount": amount})
