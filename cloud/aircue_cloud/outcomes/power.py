"""What an experiment can see: the smallest effect it finds four times in five, and the units that another takes. Pure.

    smallest effect = (z_(1-a/2) + z_(1-b)) se

with se the standard error that it has or will have. `before_after.users_per_arm` plans one from scratch.
"""

from math import ceil

from scipy.stats import norm

from aircue_cloud.outcomes.uplift import LEVEL

POWER = 0.8


def detectable(standard_error: float, level: float = LEVEL, power: float = POWER) -> float:
    return float(norm.ppf(1 - level / 2) + norm.ppf(power)) * standard_error


def power_at(effect: float, standard_error: float, level: float = LEVEL) -> float:
    """The chance to find an effect of this size, on either side of 0.

    >>> round(power_at(0.0, 1.0), 3), round(power_at(detectable(2.0), 2.0), 3)
    (0.05, 0.8)
    """
    if standard_error == 0:
        return 1.0 if effect else level
    z = float(norm.ppf(1 - level / 2))
    return float(norm.sf(z - effect / standard_error) + norm.cdf(-z - effect / standard_error))


def units_for(effect: float, units: int, standard_error: float, level: float = LEVEL, power: float = POWER) -> int:
    """How many units, split as these are, find an effect of this size. ValueError where there is none to find."""
    if effect == 0:
        raise ValueError("an effect of 0 takes any number of units: name the smallest one worth finding")
    return ceil(units * (detectable(standard_error, level, power) / effect) ** 2)
