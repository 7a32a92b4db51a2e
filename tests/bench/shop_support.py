"""How well the shop's support tells questions apart, on support_intents, beside a plain classifier of the same run.

Five folds; thresholds are chosen on training folds alone, and every intent is held back once. The peer is tf-idf of
words with logistic regression, as it comes, which abstains below the same kind of line: chosen by its own probability
in the same rehearsals.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from aircue_cloud.support import evaluating
from aircue_cloud.support.matching import Scores

FILE = Path("support_intents") / "utterances.csv.gz"


@dataclass(frozen=True)
class Plain:
    """The peer."""

    intents: Sequence[str]
    pipeline: Pipeline

    def scores(self, texts: Sequence[str]) -> Scores:
        return np.asarray(self.pipeline.predict_proba(texts))

    def sureness(self, scores: Scores) -> Scores:
        return np.asarray(scores.max(axis=1))


def plain(texts: Sequence[str], intents: Sequence[str]) -> Plain:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)).fit(texts, intents)
    return Plain([str(name) for name in pipeline[-1].classes_], pipeline)


def measured() -> dict[str, Any]:
    """KeyError where AIRCUE_DATA does not say where the data sets lie."""
    asked, intents = evaluating.read(Path(os.environ["AIRCUE_DATA"]) / FILE)
    ours, peer = evaluating.evaluate(asked, intents), evaluating.evaluate(asked, intents, plain)
    figures: dict[str, Any] = {"support_questions": ours.questions}
    for name, found in (("support", ours), ("support_peer", peer)):
        figures[f"{name}_accuracy"] = _rounded(found.accuracy)
        figures[f"{name}_coverage_at_p95"] = _rounded(found.coverage_at_p95)
        figures[f"{name}_abstention_recall"] = _rounded(found.abstention_recall)
        figures[f"{name}_kept_while_abstaining"] = _rounded(found.kept)
    return figures


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
