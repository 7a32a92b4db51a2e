"""The lifts of a need as a page shows them: what the rule says, what was seen, and what both say together. Pure."""

from collections.abc import Sequence

from aircue_cloud.outcomes.learned_lift import OBSERVED, RANDOMISED, RULE, Learned
from aircue_cloud.rights.small_groups import K
from aircue_cloud.web.intervals import Estimate

GROUNDS = {
    RULE: "the rule alone",
    OBSERVED: "what goes together, not what brings about",
    RANDOMISED: "arms that were drawn",
}


def estimates(found: Sequence[Learned]) -> list[Estimate]:
    """Of 90 %."""
    return [
        Estimate(
            name=one.category,
            value=one.posterior.value,
            low=one.posterior.low,
            high=one.posterior.high,
            told=f"{one.posterior.value:.2f} [{one.posterior.low:.2f}, {one.posterior.high:.2f}]",
            before=one.prior,
        )
        for one in found
    ]


def evidence(one: Learned) -> str:
    """In words."""
    if one.comparison is not None:
        seen = one.comparison
        held = f"{seen.bought_held} by {seen.households_held} held out"
        return f"{seen.bought} purchases by {seen.households} households with pushes, {held}"
    if one.observed is None or one.expected is None:
        return f"fewer than {K} homes had the need"
    return f"{one.observed:g} purchases where {one.expected:.1f} were to be expected"
