"""A log by occasions: each user's day and what they turned to on it, and how popular things were on the day."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating.context_log import Context, day_text
from aircue_cloud.recommender.interactions import DAY_S, Interactions

_UNSEEN = 0.1  # events that an item counts for before it has any

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Days = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class EventDays:
    """Each user's day and item once. day: since 1970-01-01; first: the log's."""

    log: Interactions
    user: Places
    day: Days
    item: Places
    first: int

    @classmethod
    def of(cls, log: Interactions) -> "EventDays":
        kept = log.weight > 0
        triples = np.stack([log.user[kept], (log.at[kept] // DAY_S), log.item[kept]]).astype(np.int64)
        user, day, item = np.unique(triples, axis=1)
        return cls(log=log, user=user, day=day, item=item, first=int(day.min()))

    @cached_property
    def counts(self) -> Numbers:
        """Shape (days, items)."""
        found = np.zeros((int(self.day.max()) - self.first + 1, self.log.shape[1]))
        np.add.at(found, (self.day - self.first, self.item), 1.0)
        return found

    def popular(self, half_life_d: float) -> Numbers:
        """Shape (days, items), rows sum to 1: what counts before each day say."""
        kept = 2.0 ** (-1 / half_life_d)
        found, state = np.empty_like(self.counts), np.zeros(self.log.shape[1])
        for day, today in enumerate(self.counts):
            found[day] = state
            state = kept * (state + today)
        found += _UNSEEN
        return np.asarray(found / found.sum(axis=1, keepdims=True))


@dataclass(frozen=True, kw_only=True)
class Period:
    """Occasions, and the events in them: occasion: an event's. begin: the first day, before which all is known."""

    begin: int
    user: Places
    day: Days
    occasion: Places
    item: Places

    @classmethod
    def of_days(cls, days: EventDays, begin: int, end: float) -> "Period":
        inside = (days.day >= begin) & (days.day < end)
        pairs, occasion = np.unique(np.stack([days.user, days.day])[:, inside], axis=1, return_inverse=True)
        return cls(begin=begin, user=pairs[0], day=pairs[1], occasion=occasion.ravel(), item=days.item[inside])

    @classmethod
    def of(cls, days: EventDays, begin: float, end: float) -> "Period":
        found = cls.of_days(days, int(begin // DAY_S), end / DAY_S)
        if not len(found.item) or found.begin <= days.first:
            raise DatasetError(
                f"from {day_text(found.begin)}: nothing before it or nothing in the period; move the dates into the log"
            )
        return found


def uncovered(context: Context, period: Period) -> float:
    """The share of occasions the context says nothing about."""
    missing = float(np.mean(~np.isin(period.day, context.day)))
    if missing > 0.5:
        span = f"from {day_text(int(context.day.min()))} to {day_text(int(context.day.max()))}"
        raise DatasetError(
            f"the context knows {1 - missing:.0%} of the period's occasions: it runs {span}; add the rest"
        )
    return missing
