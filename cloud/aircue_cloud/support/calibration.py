"""How sure is sure enough: learnt from questions that a matcher had not seen, and from questions of intents that it had
never heard of. Nothing of it looks at what is tested afterwards.

Several measures of novelty were tried on training folds alone; docs/shop-support.md has the table. The margin between
the best and the second intent did best of all and needs no second model.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from aircue_cloud.support.matching import Fit, Scores

ROUNDS = 4
PRECISION = 0.95
_SEED = 1
_LEAST_TO_LEARN = 3  # intents, so that one is held back and two are left to tell apart


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """Rows that no matcher had seen: how sure it was, whether it was right, whether the intent was foreign to it."""

    sureness: Scores
    right: NDArray[np.bool_]
    foreign: NDArray[np.bool_]


def groups(intents: Sequence[str], count: int) -> list[frozenset[str]]:
    """The intents dealt into so many hands, the same ones each time."""
    names = np.random.default_rng(_SEED).permutation(sorted(set(intents)))
    return [frozenset(str(name) for name in names[place::count]) for place in range(count)]


def rehearse(fit: Fit, texts: Sequence[str], intents: Sequence[str], rounds: int = ROUNDS) -> Rehearsed:
    """In each round a matcher is fitted without one fold of the questions and without one group of the intents.

    Rows of an intent with a single question take part as foreign ones alone. ValueError for fewer than two intents, or
    where no intent has two questions.
    """
    found = list(_rounds(fit, np.asarray(texts), np.asarray(intents), rounds))
    sureness, right, foreign = (np.concatenate(part) for part in zip(*found, strict=True))
    return Rehearsed(sureness=sureness, right=right, foreign=foreign)


def _rounds(
    fit: Fit, texts: NDArray[np.str_], intents: NDArray[np.str_], rounds: int
) -> Iterator[tuple[Scores, NDArray[np.bool_], NDArray[np.bool_]]]:
    counts = Counter(intents.tolist())
    if len(counts) < 2:
        raise ValueError("at least two intents are needed, so that there is something to tell apart")
    hands = min(rounds, len(counts))
    held = groups(list(counts), hands) if len(counts) >= _LEAST_TO_LEARN else [frozenset()] * hands
    for (seen, unseen), away in zip(_folds(intents, counts, hands), held, strict=True):
        foreign = np.isin(intents, sorted(away))
        learnt = seen[~foreign[seen]]
        if len(set(intents[learnt])) < 2:
            continue
        known = unseen[~foreign[unseen] & np.isin(intents[unseen], intents[learnt])]
        asked = np.concatenate([known, np.flatnonzero(foreign)])
        matcher = fit(texts[learnt].tolist(), intents[learnt].tolist())
        scores = matcher.scores(texts[asked].tolist())
        best = np.asarray(matcher.intents)[scores.argmax(axis=1)]
        yield matcher.sureness(scores), best == intents[asked], foreign[asked]


def _folds(
    intents: NDArray[np.str_], counts: Counter[str], rounds: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Each with every intent in it, as far as there are questions enough."""
    if max(counts.values()) < 2:
        raise ValueError("some intent needs two questions or more, so that one can be asked of the other")
    splitting = StratifiedKFold(rounds, shuffle=True, random_state=_SEED)
    shared = np.array([name if counts[name] >= rounds else "" for name in intents])
    if Counter(shared.tolist())[""] in range(1, rounds):
        shared[shared == ""] = shared[shared != ""][0] if (shared != "").any() else ""
    yield from splitting.split(np.zeros(len(intents)), shared)


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """From how sure a matcher is to the chance that it is right, and the two lines drawn over it. least: below it, the
    question is not answered. least_precise: what is answered from there on was right 95 times in 100."""

    slope: float
    offset: float
    least: float
    least_precise: float

    def chance(self, sureness: Scores) -> Scores:
        """Of being right, where one question in two or so is one that no article answers."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.slope * sureness + self.offset, -60, 60))))


def calibrated(rehearsed: Rehearsed) -> Calibrated:
    good = rehearsed.right & ~rehearsed.foreign
    slope, offset = _logistic(rehearsed.sureness, good)
    return Calibrated(
        slope=slope,
        offset=offset,
        least=dividing(rehearsed.sureness[good], rehearsed.sureness[~good]),
        least_precise=precise(rehearsed.sureness[~rehearsed.foreign], rehearsed.right[~rehearsed.foreign]),
    )


def _logistic(sureness: Scores, good: NDArray[np.bool_]) -> tuple[float, float]:
    """Platt's scaling; certain of nothing where all was right, or all wrong."""
    if good.all() or not good.any():
        return 0.0, 3.0 if good.any() else -3.0
    fitted = LogisticRegression(C=100.0, class_weight="balanced").fit(sureness.reshape(-1, 1), good)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def dividing(good: Scores, bad: Scores) -> float:
    """The line from which on most of the good and least of the bad lies, as shares of each; halfway between the two
    values it falls between. Everything is answered where nothing was bad.

    >>> dividing(np.array([0.25, 0.75, 1.0]), np.array([0.125, 0.375, 0.5]))
    0.625
    """
    if not len(bad) or not len(good):
        return float("-inf")
    values = np.unique(np.concatenate([good, bad]))
    lines = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2])
    kept = 1 - np.searchsorted(np.sort(good), lines) / len(good)
    refused = np.searchsorted(np.sort(bad), lines) / len(bad)
    return float(lines[int(np.argmax(kept + refused))])


def precise(sureness: Scores, right: NDArray[np.bool_], wanted: float = PRECISION) -> float:
    """The lowest line from which on so large a share was right; inf where there is none.

    >>> precise(np.array([0.9, 0.8, 0.3, 0.2]), np.array([True, True, False, True]), 1.0)
    0.8
    """
    order = np.argsort(-sureness, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    lasts = np.append(np.diff(sureness[order]) != 0, True)
    good = np.flatnonzero((shares >= wanted) & lasts)
    return float(sureness[order][good[-1]]) if len(good) else float("inf")
