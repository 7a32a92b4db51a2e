"""What each customer is expected to spend from now on, by the two models of segments/lifetime.py. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from aircue_cloud.segments import lifetime
from aircue_cloud.segments.lifetime import Returning, Spending
from aircue_cloud.segments.rfm import Customer

_WEEK = 7.0  # days: the models' unit of time here


@dataclass(frozen=True, kw_only=True)
class Worth:
    """By customer, in their order: days of buying to expect, the chance that they come again at all, and the minor
    units that they are expected to spend."""

    customers: Sequence[Customer] = field(repr=False)
    returning: Returning
    spending: Spending
    days: npt.NDArray[np.float64] = field(repr=False)
    alive: npt.NDArray[np.float64] = field(repr=False)
    minor: npt.NDArray[np.float64] = field(repr=False)


def worth(found: Sequence[Customer], today: date, ahead_days: float) -> Worth:
    """Of customers of one currency. CommandError where too few came back to fit a model to."""
    x = np.array([one.days - 1 for one in found], dtype=np.float64)
    t_x = np.array([(one.last - one.first).days / _WEEK for one in found])
    T = np.array([(today - one.first).days / _WEEK for one in found])  # noqa: N806  # the paper's symbol
    mean = np.array([one.minor / one.days for one in found])
    returning = lifetime.fit_returning(x, t_x, np.maximum(T, t_x))
    spending = lifetime.fit_spending(x, mean)
    days = lifetime.expected_days(returning, ahead_days / _WEEK, x, t_x, T)
    return Worth(
        customers=found,
        returning=returning,
        spending=spending,
        days=days,
        alive=lifetime.alive(returning, x, t_x, T),
        minor=days * lifetime.expected_spent(spending, x, mean),
    )
