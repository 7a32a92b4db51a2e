"""Whether the arms are as large as the randomisation makes them: looked at before anything else. Pure.

Where they are not (a sample ratio mismatch), units went missing from one arm more than from the other, and what is left
differs for reasons of its own: no effect is told. (Fabijan et al.: Diagnosing Sample Ratio Mismatch in Online
Controlled Experiments, KDD 2019.)
"""

from dataclasses import dataclass

from scipy.stats import chi2

BROKEN = 0.001  # under this p the split is not the one that was asked for


@dataclass(frozen=True, kw_only=True)
class SampleRatio:
    """expected: the share of units that should have been in treatment."""

    treatment: int
    holdout: int
    expected: float
    p: float

    @property
    def broken(self) -> bool:
        return self.p < BROKEN

    @property
    def share(self) -> float:
        return self.treatment / (self.treatment + self.holdout)


def check(treatment: int, holdout: int, expected: float) -> SampleRatio:
    """Pearson's chi-square with one degree of freedom. ValueError where `expected` leaves an arm empty.

    >>> check(9000, 1000, 0.9).p, check(9300, 1000, 0.9).broken
    (1.0, False)
    """
    if not 0 < expected < 1:
        raise ValueError(f"treatment is expected to hold {expected!r} of the units: a share between 0 and 1 is needed")
    units = treatment + holdout
    square = (treatment - units * expected) ** 2 / (units * expected * (1 - expected))
    return SampleRatio(treatment=treatment, holdout=holdout, expected=expected, p=float(chi2.sf(square, 1)))
