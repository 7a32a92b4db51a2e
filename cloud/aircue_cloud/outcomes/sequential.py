"""An interval that may be looked at whenever one likes, and acted on. Pure.

An interval of 95 % is one for a single look, planned beforehand: who looks every week and stops at the first effect
finds one in every fourth experiment without any. The bounds here hold for all looks together: an asymptotic confidence
sequence with Robbins' normal mixture (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: Time-uniform central limit theory
and asymptotic confidence sequences, Annals of Statistics 52(6), 2024). With se the standard error after n units and
e = n r^2,

    half width = se sqrt((e + 1) / e  log((e + 1) / a^2)),

a the level. r is chosen so that it is narrowest at a number of units that is fixed before the first look:

    r^2 = (-2 log a + log(-2 log a) + 1) / planned.

It holds for any `planned` that does not come from the data; a bad one only makes it wider. It is asymptotic, so there
is none before the smaller arm has LEAST units.
"""

from math import log, sqrt

from aircue_cloud.outcomes.uplift import LEVEL
from aircue_cloud.recommender.evaluating.bootstrap import Interval

PLANNED = 10_000
LEAST = 100


def widening(units: int, planned: int = PLANNED, level: float = LEVEL) -> float:
    """The half width in standard errors: what 1.96 is for a single look.

    >>> round(widening(10_000, planned=10_000), 2)
    3.03
    """
    if units <= 0 or planned <= 0:
        raise ValueError(f"{units} units of {planned} planned: both have to be over 0")
    e = units * _rate(planned, level)
    return sqrt((e + 1) / e * log((e + 1) / level**2))


def interval(
    value: float, standard_error: float, arms: tuple[int, int], planned: int = PLANNED, level: float = LEVEL
) -> Interval | None:
    """arms: their units so far. None while the smaller one has too few."""
    if min(arms) < LEAST:
        return None
    half = widening(sum(arms), planned, level) * standard_error
    return Interval(value=value, low=value - half, high=value + half)


def _rate(planned: int, level: float) -> float:
    twice = -2 * log(level)
    return (twice + log(twice) + 1) / planned
