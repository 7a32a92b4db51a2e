"""Questions as vectors: tf-idf of words and pairs of words, beside tf-idf of runs of two to five characters, which
typing errors and Chinese leave standing. Both halves weigh the same."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from aircue_cloud.support import words

PAIRS = (1, 2)
CHARACTERS = (2, 5)


class Features:
    """Rows have length 1 where both halves know something of the text, and are shorter where one does not."""

    def __init__(self) -> None:
        self._words = TfidfVectorizer(
            tokenizer=words.terms, token_pattern=None, lowercase=False, ngram_range=PAIRS, sublinear_tf=True
        )
        self._characters = TfidfVectorizer(
            preprocessor=words.plain, analyzer="char_wb", ngram_range=CHARACTERS, sublinear_tf=True
        )

    def fit(self, texts: Sequence[str]) -> Any:
        """The CSR matrix of the texts. ValueError where none of them holds a word."""
        return _side_by_side(self._words.fit_transform(texts), self._characters.fit_transform(texts))

    def of(self, texts: Sequence[str]) -> Any:
        return _side_by_side(self._words.transform(texts), self._characters.transform(texts))


def _side_by_side(*halves: Any) -> Any:
    return sparse.csr_matrix(sparse.hstack(halves)) / np.sqrt(len(halves))
