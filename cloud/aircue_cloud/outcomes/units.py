"""What is known of the units of an experiment, one row a unit: the arm it was given, and what it did."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from aircue_cloud.errors import CommandError

Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LEAST = 2  # units in an arm: a spread needs two


@dataclass(frozen=True, kw_only=True)
class Units:
    """All of shape (units,). treated: what a unit was given, whatever became of it (intent to treat). outcome, pre:
    in the experiment's span and in an equally long one before it. cost: what was spent on a unit; margin: what was
    earned by it, before that cost; both in one currency. None: not known."""

    treated: Mask = field(repr=False)
    outcome: Numbers = field(repr=False)
    pre: Numbers | None = field(default=None, repr=False)
    cost: Numbers | None = field(default=None, repr=False)
    margin: Numbers | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("treatment", "holdout"):
            if self.count(name) < LEAST:
                raise CommandError(f"{self.count(name)} units in {name}: at least {LEAST} are needed to compare arms")

    def count(self, arm: str) -> int:
        return int((self.treated == (arm == "treatment")).sum())

    def __len__(self) -> int:
        return len(self.outcome)
