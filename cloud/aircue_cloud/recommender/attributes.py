"""Products as numbers: category, words and numbers of their attributes, and price; what a newcomer has before anybody
turns to it.

A word (or a category) is a column that is 0 or 1. A number is a column of its own, less the catalogue's mean and over
its standard deviation, 0 where a product does not say; the price enters by its logarithm.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, log1p
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.asked import Described


@dataclass(frozen=True, kw_only=True)
class Column:
    """word: None for a number. mean, spread: of the number, over the products that say it."""

    name: str
    word: str | None = None
    mean: float = 0.0
    spread: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    columns: tuple[Column, ...] = ()

    @classmethod
    def of(cls, products: Sequence[Described]) -> "Vocabulary":
        words: set[tuple[str, str]] = set()
        numbers: dict[str, list[float]] = {}
        for product in products:
            for name, value in _said(product):
                if isinstance(value, str):
                    words.add((name, value))
                else:
                    numbers.setdefault(name, []).append(value)
        spelt = [Column(name=name, word=word) for name, word in sorted(words)]
        return cls(columns=(*spelt, *(_number(name, values) for name, values in sorted(numbers.items()))))

    def matrix(self, products: Iterable[Described]) -> npt.NDArray[np.float32]:
        """Shape (products, columns)."""
        rows = [self._row(product) for product in products]
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(self.columns))

    def _row(self, product: Described) -> list[float]:
        said = dict(_said(product))
        return [_value(column, said.get(column.name)) for column in self.columns]

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(column) for column in self.columns]

    @classmethod
    def of_json(cls, columns: Sequence[Mapping[str, Any]]) -> "Vocabulary":
        return cls(columns=tuple(Column(**column) for column in columns))


def _said(product: Described) -> Iterator[tuple[str, str | float]]:
    yield "category", product.category
    yield "price", log1p(max(product.price_minor, 0))
    for name, value in product.attributes.items():
        if isinstance(value, str):
            yield f"attribute {name}", value
        elif isfinite(value):
            yield f"attribute {name}", float(value)


def _number(name: str, values: Sequence[float]) -> Column:
    spread = float(np.std(values))
    return Column(name=name, mean=float(np.mean(values)), spread=spread if spread > 0 else 1.0)


def _value(column: Column, said: str | float | None) -> float:
    if column.word is not None:
        return float(said == column.word)
    return (said - column.mean) / column.spread if isinstance(said, float) else 0.0
