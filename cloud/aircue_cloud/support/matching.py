"""What a question is about: one score for each intent, from labelled questions.

Two ways, behind one Protocol. `Classifier` learns where intents part, and wants a handful of questions of each.
`Nearest` looks for the passage that says the same, and does with one. How sure either is: how far its best intent
stands before the second.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import bm25s
import numpy as np
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from aircue_cloud.support import words
from aircue_cloud.support.features import Features

Scores: TypeAlias = NDArray[np.float64]
LEARNABLE = 5  # passages of the scarcest intent from which on a classifier does better; with fewer, the nearest passage
HARDNESS = 10.0  # of the machines' margins: docs/shop-support.md has what was tried
_SEED = 1


class Matcher(Protocol):
    @property
    def intents(self) -> Sequence[str]: ...

    def scores(self, texts: Sequence[str]) -> Scores:
        """(texts, intents); higher is nearer, on a scale of the matcher's own."""

    def sureness(self, scores: Scores) -> Scores:
        """(texts,): of the best intent of each row; to be calibrated."""


Fit: TypeAlias = Callable[[Sequence[str], Sequence[str]], Matcher]


def margins(scores: Scores) -> Scores:
    """Between the best and the second of each row.

    >>> margins(np.array([[1.0, 4.0, 2.0]]))
    array([2.])
    """
    ordered = np.sort(scores, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2])


@dataclass(frozen=True)
class Classifier:
    """A linear support vector machine for each intent against all others."""

    intents: Sequence[str]
    features: Features
    machine: Any

    def scores(self, texts: Sequence[str]) -> Scores:
        found = np.asarray(self.machine.decision_function(self.features.of(texts)), dtype=np.float64)
        return np.column_stack([-found, found]) if found.ndim == 1 else found

    def sureness(self, scores: Scores) -> Scores:
        return margins(scores)


def classifier(texts: Sequence[str], intents: Sequence[str]) -> Classifier:
    """ValueError for fewer than two intents."""
    features = Features()
    machine = LinearSVC(C=HARDNESS, random_state=_SEED).fit(features.fit(texts), list(intents))
    return Classifier([str(name) for name in machine.classes_], features, machine)


class Nearest:
    """BM25 over words and the cosine of features, fused; an intent's score is that of its best passage.

    Both lie within 0 and 1: BM25 as a share of what a passage could have at most that holds every word of the question,
    so that words nobody ever wrote count against it.
    """

    def __init__(self, texts: Sequence[str], intents: Sequence[str]) -> None:
        self.intents: Sequence[str] = sorted(set(intents))
        self._features = Features()
        self._passages = self._features.fit(texts)
        told = [words.terms(text) for text in texts]
        self._bm25 = bm25s.BM25(method="lucene")
        self._bm25.index(told, show_progress=False)
        self._weights = _weights(told)
        self._unheard = _weight(0, len(told))
        places = {name: place for place, name in enumerate(self.intents)}
        self._of = np.array([places[name] for name in intents])

    def scores(self, texts: Sequence[str]) -> Scores:
        cosines = np.asarray((self._features.of(texts) @ self._passages.T).todense())
        found = (np.array([self._share(text) for text in texts]) + cosines) / 2
        return np.column_stack([found[:, self._of == place].max(axis=1) for place in range(len(self.intents))])

    def sureness(self, scores: Scores) -> Scores:
        return np.asarray(scores.max(axis=1) + margins(scores))

    def _share(self, text: str) -> Scores:
        asked = words.terms(text)
        if not asked:
            return np.zeros(len(self._of))
        most = sum(self._weights.get(term, self._unheard) for term in asked)
        return np.asarray(self._bm25.get_scores(asked), dtype=np.float64) / most


def _weights(told: Sequence[Sequence[str]]) -> dict[str, float]:
    held = Counter(term for terms in told for term in set(terms))
    return {term: _weight(count, len(told)) for term, count in held.items()}


def _weight(holding: int, passages: int) -> float:
    """Lucene's inverse document frequency, which BM25 multiplies by something under 1."""
    return math.log(1 + (passages - holding + 0.5) / (holding + 0.5))


def fitting(intents: Sequence[str]) -> Fit:
    """The way that suits so many labelled questions."""
    scarcest = min(Counter(intents).values(), default=0)
    return classifier if scarcest >= LEARNABLE else Nearest
