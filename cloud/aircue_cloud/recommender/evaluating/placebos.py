"""Placebos of an ablation: contexts and effects that cannot be there, in the place of the real ones."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import groupby

import numpy as np

from aircue_cloud.recommender.evaluating.chances import Chain, Fit, Seen
from aircue_cloud.recommender.evaluating.context_log import EVERYBODY, Context
from aircue_cloud.recommender.evaluating.occasions import Numbers
from aircue_cloud.recommender.interactions import DAY_S

Draws = Callable[[Seen, Context, Chain, np.random.Generator, int], Iterator[Numbers]]


def kinds(context: Context) -> dict[str, Draws]:
    kinds: dict[str, Draws] = {
        "shuffled dates": _shuffled(lambda day: 0),
        "dates shuffled within a month": _shuffled(_month),
        "unrelated products": _unrelated,
    }
    if any(user != EVERYBODY for user in context.user):
        kinds["another user's context"] = _exchanged
    return kinds


def _month(day: int) -> int:
    at = datetime.fromtimestamp(day * DAY_S, UTC)
    return at.year * 12 + at.month


def _shuffled(group: Callable[[int], int]) -> Draws:
    """Deviations are taken first, and then trade days."""

    def draws(seen: Seen, context: Context, chain: Chain, random: np.random.Generator, count: int) -> Iterator[Numbers]:
        z = context.deviations(seen.period.begin)
        days = sorted({int(day) for day in z.day})
        for _ in range(count):
            moved: dict[int, int] = {}
            for _, some in groupby(days, group):
                own = list(some)
                moved |= dict(zip(own, random.permutation(own).tolist(), strict=True))
            yield seen.with_context(z.moved(moved), chain)

    return draws


def _unrelated(
    seen: Seen, context: Context, chain: Chain, random: np.random.Generator, count: int
) -> Iterator[Numbers]:
    fit = seen.fit(context.deviations(seen.period.begin), chain)
    for _ in range(count):
        theta = fit.theta.copy()
        theta[:, 2:] = theta[random.permutation(len(theta)), 2:]
        yield seen.losses(Fit(theta=theta, x=fit.x))


def _exchanged(
    seen: Seen, context: Context, chain: Chain, random: np.random.Generator, count: int
) -> Iterator[Numbers]:
    z = context.deviations(seen.period.begin)
    names = sorted(set(z.user) - {EVERYBODY})
    for _ in range(count):
        users = dict(zip(names, random.permutation(names).tolist(), strict=True)) | {EVERYBODY: EVERYBODY}
        yield seen.with_context(z.renamed(users), chain)
