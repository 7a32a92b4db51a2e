"""What a trained model is served from: parts, each of one kind, that score all items for whoever asks.

A part needs no more than a profile r_u, the row of what a person did, weighted its own way; so somebody the training
never saw is scored like everybody else once it is known what they did. The kinds:

    counts    the same for everybody: how much each item was turned to
    own       r_u itself: what one turns to again
    linear    r_u W, with W shape (items, items), dense or sparse
    factors   x_u . y_i, where x_u was learnt, or is folded in from r_u

Each kind says of a score what it is made of; the pieces add up to the score.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from aircue_cloud.recommender.factor_file import Array
from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models.als import Als
from aircue_cloud.recommender.models.contract import Model, Scores
from aircue_cloud.recommender.models.factors import Factored, Factors
from aircue_cloud.recommender.models.fold_in import UserFoldIn
from aircue_cloud.recommender.models.linear import ItemItem, Linear
from aircue_cloud.recommender.models.own_frequency import OwnFrequency
from aircue_cloud.recommender.models.popularity import Popularity
from aircue_cloud.recommender.models.svd import Svd

Arrays = Mapping[str, Array]
Rows = npt.NDArray[np.intp]


Amounts = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """What a person's scores of some items are made of. own: items the person had to do with, shape (own,); by_own:
    their pieces, shape (own, items); everybody: what popularity gives, taste: what learnt factors hold beyond the items
    they were learnt from, shape (items,)."""

    own: npt.NDArray[np.integer]
    by_own: Amounts
    everybody: Amounts | None = None
    taste: Amounts | None = None


_NONE = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, kw_only=True, eq=False)
class Part(ABC):
    """family and params: the recipe it was made by. weighting: of the profile."""

    kind: ClassVar[str]
    family: str
    params: Mapping[str, Any] = field(default_factory=dict)
    weighting: Weighting = field(default_factory=Weighting)

    @abstractmethod
    def scores(self, r: csr_array, rows: Rows | None) -> Scores:
        """Shape (users, items) of profiles r, shape (users, items). rows: where the training knew these users; None:
        it did not."""

    @abstractmethod
    def pieces(self, r: csr_array, rows: Rows | None, items: Rows) -> Pieces:
        """What the scores of these items are made of, for the one user of r, shape (1, items)."""

    @property
    def folds(self) -> bool:
        """Whether a profile alone is enough; if not, who is asked for has to be a row of the training."""
        return True

    def of_users(self, rows: Sequence[int]) -> "Part":
        """The same for these users alone; only what has a row for each user differs."""
        return self

    @abstractmethod
    def arrays(self) -> Arrays:
        """What is stored."""

    def header(self) -> dict[str, Any]:
        """What is stored as JSON beside the arrays and the weighting."""
        return {"kind": self.kind, "family": self.family, "params": dict(self.params)}


@dataclass(frozen=True, kw_only=True, eq=False)
class CountsPart(Part):
    """sums: shape (items,)."""

    kind: ClassVar[str] = "counts"
    sums: Scores = field(repr=False)

    def scores(self, r: csr_array, rows: Rows | None) -> Scores:
        return np.tile(self.sums, (r.shape[0], 1))

    def pieces(self, r: csr_array, rows: Rows | None, items: Rows) -> Pieces:
        return Pieces(own=_NONE, by_own=np.zeros((0, len(items))), everybody=self.sums[items].astype(np.float64))

    def arrays(self) -> Arrays:
        return {"sums": self.sums}


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnPart(Part):
    kind: ClassVar[str] = "own"

    def scores(self, r: csr_array, rows: Rows | None) -> Scores:
        return np.asarray(r.toarray(), dtype=np.float32)

    def pieces(self, r: csr_array, rows: Rows | None, items: Rows) -> Pieces:
        itself = r.indices[:, None] == items
        return Pieces(own=r.indices, by_own=itself * r.data[:, None].astype(np.float64))

    def arrays(self) -> Arrays:
        return {}


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearPart(Part):
    """w[i, j]: what one unit of interest in i says for j."""

    kind: ClassVar[str] = "linear"
    w: ItemItem = field(repr=False)

    def scores(self, r: csr_array, rows: Rows | None) -> Scores:
        found: Any = r @ self.w
        return np.asarray(found if isinstance(found, np.ndarray) else found.toarray(), dtype=np.float32)

    def pieces(self, r: csr_array, rows: Rows | None, items: Rows) -> Pieces:
        links: Any = self.w[r.indices][:, items]
        dense = links if isinstance(links, np.ndarray) else links.toarray()
        return Pieces(own=r.indices, by_own=dense * r.data[:, None].astype(np.float64))

    def arrays(self) -> Arrays:
        return {"w": self.w} if isinstance(self.w, np.ndarray) else csr_to_arrays("w", self.w)


@dataclass(frozen=True, kw_only=True, eq=False)
class FactorsPart(Part):
    """x: shape (users, f); y: shape (items, f). fold: how a profile becomes factors, a key of FOLDS. alpha, l2: of the
    ridge fold."""

    kind: ClassVar[str] = "factors"
    x: Factors = field(repr=False)
    y: Factors = field(repr=False)
    fold: str = "none"
    alpha: float = 0.0
    l2: float = 0.0

    def scores(self, r: csr_array, rows: Rows | None) -> Scores:
        return np.asarray(self.users(r, rows) @ self.y.T, dtype=np.float32)

    def users(self, r: csr_array, rows: Rows | None) -> Factors:
        """x_u, shape (users, f)."""
        if rows is not None:
            return self.x[rows]
        return FOLDS[self.fold].of(self, r)

    def pieces(self, r: csr_array, rows: Rows | None, items: Rows) -> Pieces:
        by_own = FOLDS[self.fold].because(self, r, items)
        whole = self.y[items].astype(np.float64) @ self.users(r, rows)[0].astype(np.float64)
        return Pieces(own=r.indices, by_own=by_own, taste=whole - by_own.sum(axis=0))

    @property
    def folds(self) -> bool:
        return self.fold != "none"

    def of_users(self, rows: Sequence[int]) -> Part:
        return replace(self, x=self.x[list(rows)])

    def arrays(self) -> Arrays:
        return {"x": self.x, "y": self.y}

    def header(self) -> dict[str, Any]:
        return {**super().header(), "fold": self.fold, "alpha": self.alpha, "l2": self.l2}

    @cached_property
    def ridge(self) -> UserFoldIn:
        return UserFoldIn(self.y, self.alpha, self.l2)

    @cached_property
    def gram(self) -> npt.NDArray[np.float64]:
        """Y^T Y + lambda I."""
        y = self.y.astype(np.float64)
        return np.asarray(y.T @ y + self.l2 * np.eye(y.shape[1]))


@dataclass(frozen=True, kw_only=True)
class Fold:
    """of: factors from profiles; because: the pieces of x_u . y_i by own item, of the one user of r, shape (own,
    items)."""

    of: Callable[[FactorsPart, csr_array], Factors]
    because: Callable[[FactorsPart, csr_array, Rows], Amounts]


def _ridge(part: FactorsPart, r: csr_array) -> Factors:
    spans = zip(r.indptr[:-1], r.indptr[1:], strict=True)
    found = [part.ridge.of(r.indices[begin:end], r.data[begin:end]) for begin, end in spans]
    return np.asarray(found, dtype=np.float32).reshape(r.shape[0], part.y.shape[1])


def _ridge_because(part: FactorsPart, r: csr_array, items: Rows) -> Amounts:
    """x_u . y_i = sum over liked j of s_ij c_j with s_ij = y_i^T (Y^T C Y + lambda I)^-1 y_j (Hu, Koren, Volinsky 2008,
    section 5)."""
    own = part.y[r.indices].astype(np.float64)
    extra = part.alpha * np.abs(r.data.astype(np.float64))
    system = cho_factor(part.gram + own.T @ (extra[:, None] * own))
    towards = cho_solve(system, part.y[items].astype(np.float64).T)
    return np.asarray((own @ towards) * ((1 + extra) * (r.data > 0))[:, None])


def _projection(part: FactorsPart, r: csr_array) -> Factors:
    return np.asarray(r @ part.y, dtype=np.float32)


def _projection_because(part: FactorsPart, r: csr_array, items: Rows) -> Amounts:
    own = part.y[r.indices].astype(np.float64)
    return np.asarray(r.data[:, None] * (own @ part.y[items].T))


def _nothing(part: FactorsPart, r: csr_array) -> Factors:
    return np.zeros((r.shape[0], part.y.shape[1]), dtype=np.float32)


def _no_reason(part: FactorsPart, r: csr_array, items: Rows) -> Amounts:
    return np.zeros((r.nnz, len(items)))


FOLDS: Mapping[str, Fold] = MappingProxyType(
    {
        "ridge": Fold(of=_ridge, because=_ridge_because),  # ALS
        "projection": Fold(of=_projection, because=_projection_because),  # SVD
        "none": Fold(of=_nothing, because=_no_reason),  # BPR: there is no closed form
    }
)


# From a fitted model.


def servable(model: Model) -> bool:
    """Whether a model, fitted or not, is of a kind that can be stored and served."""
    return any(isinstance(model, kind) for kind, _ in _FROM)


def of_model(model: Model, family: str, params: Mapping[str, Any]) -> Part:
    """ValueError where a model is of no kind that can be served."""
    for kind, make in _FROM:
        if isinstance(model, kind):
            return make(model, {"family": family, "params": dict(params)})
    raise ValueError(f"family {family!r}: {type(model).__name__} is of no kind that can be stored and served")


def _factors(model: Any, said: dict[str, Any]) -> Part:
    """x and y are C-ordered float32; solvers hand them out as they come."""
    x, y = (np.ascontiguousarray(part, dtype=np.float32) for part in (model.x, model.y))
    return FactorsPart(x=x, y=y, weighting=model.weighting, **_fold(model), **said)


def _fold(model: Any) -> dict[str, Any]:
    if isinstance(model, Als):
        return {"fold": "ridge", "alpha": model.alpha, "l2": model.l2}
    return {"fold": "projection" if isinstance(model, Svd) else "none"}


_FROM: tuple[tuple[type[Model], Callable[[Any, dict[str, Any]], Part]], ...] = (
    (Popularity, lambda model, said: CountsPart(sums=model.scores([0])[0], weighting=model.weighting, **said)),
    (OwnFrequency, lambda model, said: OwnPart(weighting=model.weighting, **said)),
    (Linear, lambda model, said: LinearPart(w=model.w, weighting=model.profile, **said)),
    (Factored, _factors),
)


# To and from arrays.


def csr_to_arrays(name: str, matrix: csr_array) -> Arrays:
    return {
        f"{name}.indptr": matrix.indptr.astype(np.int64),
        f"{name}.indices": matrix.indices.astype(np.int32),
        f"{name}.data": matrix.data.astype(np.float32),
    }


def csr_of(name: str, arrays: Arrays, shape: tuple[int, int]) -> csr_array:
    """ValueError where the arrays are no such matrix."""
    parts = (arrays[f"{name}.data"], arrays[f"{name}.indices"], arrays[f"{name}.indptr"])
    found = csr_array(parts, shape=shape)
    found.check_format(full_check=True)
    return found


def of_arrays(header: Mapping[str, Any], weighting: Weighting, arrays: Arrays, shape: tuple[int, int]) -> Part:
    """shape: (users, items). KeyError, ValueError where header or arrays are not those of a part."""
    return _READERS[header["kind"]](header, arrays, shape, weighting)


def _said(header: Mapping[str, Any], weighting: Weighting) -> dict[str, Any]:
    return {"family": header["family"], "params": header["params"], "weighting": weighting}


def _read_counts(header: Mapping[str, Any], arrays: Arrays, shape: tuple[int, int], weighting: Weighting) -> Part:
    return CountsPart(sums=_shaped(arrays["sums"], (shape[1],)), **_said(header, weighting))


def _read_own(header: Mapping[str, Any], arrays: Arrays, shape: tuple[int, int], weighting: Weighting) -> Part:
    return OwnPart(**_said(header, weighting))


def _read_linear(header: Mapping[str, Any], arrays: Arrays, shape: tuple[int, int], weighting: Weighting) -> Part:
    square = (shape[1], shape[1])
    w = _shaped(arrays["w"], square) if "w" in arrays else csr_of("w", arrays, square)
    return LinearPart(w=w, **_said(header, weighting))


def _read_factors(header: Mapping[str, Any], arrays: Arrays, shape: tuple[int, int], weighting: Weighting) -> Part:
    f = arrays["y"].shape[1]
    fold = {name: header[name] for name in ("fold", "alpha", "l2")}
    if fold["fold"] not in FOLDS:
        raise ValueError(f"fold {fold['fold']!r}: expected one of {', '.join(FOLDS)}")
    x, y = _shaped(arrays["x"], (shape[0], f)), _shaped(arrays["y"], (shape[1], f))
    return FactorsPart(x=x, y=y, **fold, **_said(header, weighting))


_READERS: Mapping[str, Callable[[Mapping[str, Any], Arrays, tuple[int, int], Weighting], Part]] = MappingProxyType(
    {"counts": _read_counts, "own": _read_own, "linear": _read_linear, "factors": _read_factors}
)


def _shaped(array: Array, shape: tuple[int, ...]) -> Array:
    if array.shape != shape or array.dtype != np.float32:
        raise ValueError(f"an array is {array.dtype} of shape {array.shape}, expected float32 of shape {shape}")
    return array
