"""Who is held out of an experiment: by a hash of the unit's name, so that everybody finds the same answer again. Pure.

The hash is GrowthBook's second version (growthbook.io, SDK specification):

    n = fnv32a(str(fnv32a(seed + value))) % 10000 / 10000

with the experiment's name as the seed. One that is held out has n under the holdout's share, so a share that grows
keeps everybody it held out already; `enrolment` keeps them where it shrinks as well.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

GLOBAL = "global"  # held out of everything
GLOBAL_HOLDOUT = 0.1  # the share of households
NEED_HOLDOUT = 0.1  # of the rest, for each need's own experiment
TREATMENT: Literal["treatment"] = "treatment"
HOLDOUT: Literal["holdout"] = "holdout"

Arm = Literal["treatment", "holdout"]


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """holdout: the share that held when the unit was assigned."""

    arm: Arm
    holdout: float


Arms = Callable[[str, Collection[str]], Mapping[str, Assigned]]  # of an experiment's households

_OFFSET, _PRIME, _MASK = 2166136261, 16777619, 0xFFFFFFFF
_BUCKETS = 10_000


def arm(unit: str, experiment: str, holdout: float) -> Arm:
    """holdout: the share held out, 0 to 1. ValueError for another.

    >>> arm("household-1", GLOBAL, 0.0), arm("household-1", GLOBAL, 1.0)
    ('treatment', 'holdout')
    """
    if not 0 <= holdout <= 1:
        raise ValueError(f"experiment {experiment}: holdout is {holdout!r}, expected a share from 0 to 1")
    return HOLDOUT if place(experiment, unit) < holdout else TREATMENT


def need_experiment(need: str) -> str:
    """The name of the randomisation of one need's triggers."""
    return f"need:{need}"


def propensity(given: Arm, holdout: float) -> float:
    """The chance with which a unit comes into the arm it was given."""
    return holdout if given == HOLDOUT else 1 - holdout


@lru_cache(maxsize=1 << 14)  # a decision asks for a home's place more than once
def place(seed: str, value: str) -> float:
    """Where a unit stands between 0 and 1, in steps of 1/10000.

    >>> place("seed", "a")
    0.0505
    """
    return fnv32a(str(fnv32a(seed + value))) % _BUCKETS / _BUCKETS


def fnv32a(text: str) -> int:
    """FNV-1a of 32 bits over the text's code points (Fowler, Noll, Vo). Of texts in ASCII this is the usual one over
    bytes; of others GrowthBook's libraries take code points as well.

    >>> hex(fnv32a("foobar"))
    '0xbf9cf968'
    """
    found = _OFFSET
    for letter in text.encode() if text.isascii() else map(ord, text):
        found = ((found ^ letter) * _PRIME) & _MASK
    return found
