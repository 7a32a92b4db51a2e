"""What a trained model is served from: parts, each of one kind, that score all items for whoever asks.

A part needs no more than a profile r_u, the row of what a person did, weighted its own way; so somebody the training
never saw is scored like everybody else once it is known what they did. The kinds:

    counts    the same for everybody: how much each item was turned to
    own       r_u itself: what one turns to again
    linear    r_u W, with W shape (items, items), dense or sparse
    factors   x_u . y_i, where x_u was learnt, or is folded in from r_u
    trees     boosted trees over other parts, see aircue_cloud.recommender.ranked_part

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
from aircue_cloud.recommender.interactions import Interactions, Weighting
from aircue_cloud.recommender.models.contract import Scores
from aircue_cloud.recommender.models.factors import Factors
from aircue_cloud.recommender.models.fold_in import UserFoldIn
from aircue_cloud.recommender.models.linear import ItemItem

Arrays = Mapping[str, Array]
Rows = npt.NDArray[np.intp]


Amounts = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """What a person's scores of some items are made of. own: items the person had to do with, shape (own,); by_own:
    their pieces, shape (own, items); everybody: what popularity gives, taste: what was learnt beyond the items a person
    had to do with, average: what every candidate has alike, each of shape (items,)."""

    own: npt.NDArray[np.integer]
    by_own: Amounts
    everybody: Amounts | None = None
    taste: Amounts | None = None
    average: Amounts | None = None

    def sizes(self) -> "Pieces":
        """The pieces without their signs."""
        beside = [None if one is None else np.abs(one) for one in (self.everybody, self.taste, self.average)]
        return Pieces(own=self.own, by_own=np.abs(self.by_own), everybody=beside[0], taste=beside[1], average=beside[2])


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """Whoever is asked about. profiles: r_u by weighting, shape (people, items). rows: where the training knew them;
    None: it did not, and `log` is what they did before `now` (epoch seconds), its users in the order of the profiles'
    rows and its items those of the model. later: the profiles hold what they did after the training too."""

    profiles: Mapping[Weighting, csr_array]
    rows: Rows | None = None
    log: Interactions | None = None
    now: float = 0.0
    later: bool = False


_NONE = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, kw_only=True, eq=False)
class Part(ABC):
    """family and params: the recipe it was made by. weighting: of the profile."""

    kind: ClassVar[str]
    family: str
    params: Mapping[str, Any] = field(default_factory=dict)
    weighting: Weighting = field(default_factory=Weighting)

    @property
    def weightings(self) -> frozenset[Weighting]:
        """Of all profiles that are looked at."""
        return frozenset({self.weighting})

    @property
    def over(self) -> tuple["Part", ...]:
        """The parts that this one looks at."""
        return ()

    @abstractmethod
    def scores(self, people: People) -> Scores:
        """Shape (people, items)."""

    @abstractmethod
    def pieces(self, people: People, items: Rows) -> Pieces:
        """What the scores of these items are made of, for people of whom there is one."""

    def of_users(self, rows: Sequence[int], over: Sequence["Part"] = ()) -> "Part":
        """The same for these users alone; only what has a row for each user differs. over: those of `over`, so cut."""
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

    def scores(self, people: People) -> Scores:
        return np.tile(self.sums, (people.profiles[self.weighting].shape[0], 1))

    def pieces(self, people: People, items: Rows) -> Pieces:
        return Pieces(own=_NONE, by_own=np.zeros((0, len(items))), everybody=self.sums[items].astype(np.float64))

    def arrays(self) -> Arrays:
        return {"sums": self.sums}


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnPart(Part):
    kind: ClassVar[str] = "own"

    def scores(self, people: People) -> Scores:
        return np.asarray(people.profiles[self.weighting].toarray(), dtype=np.float32)

    def pieces(self, people: People, items: Rows) -> Pieces:
        r = people.profiles[self.weighting]
        itself = r.indices[:, None] == items
        return Pieces(own=r.indices, by_own=itself * r.data[:, None].astype(np.float64))

    def arrays(self) -> Arrays:
        return {}


def block(w: ItemItem, rows: npt.NDArray[np.integer], columns: Rows) -> Amounts:
    """w[rows][:, columns], dense. columns differ. SciPy makes two matrices on the way, which costs ten times as much
    for the few of a request."""
    if isinstance(w, np.ndarray):
        return np.asarray(w[np.ix_(rows, columns)], dtype=np.float64)
    found = np.zeros((len(rows), len(columns)))
    if not found.size:
        return found
    lengths = w.indptr[rows + 1] - w.indptr[rows]
    row = np.repeat(np.arange(len(rows)), lengths)
    behind = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    entry = np.repeat(w.indptr[rows], lengths) + behind
    order = np.argsort(columns)
    place = np.minimum(np.searchsorted(columns, w.indices[entry], sorter=order), len(columns) - 1)
    asked = columns[order[place]] == w.indices[entry]
    found[row[asked], order[place[asked]]] = w.data[entry[asked]]
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearPart(Part):
    """w[i, j]: what one unit of interest in i says for j."""

    kind: ClassVar[str] = "linear"
    w: ItemItem = field(repr=False)

    def scores(self, people: People) -> Scores:
        found: Any = people.profiles[self.weighting] @ self.w
        return np.asarray(found if isinstance(found, np.ndarray) else found.toarray(), dtype=np.float32)

    def pieces(self, people: People, items: Rows) -> Pieces:
        r = people.profiles[self.weighting]
        return Pieces(own=r.indices, by_own=block(self.w, r.indices, items) * r.data[:, None])

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

    def scores(self, people: People) -> Scores:
        return np.asarray(self.users(people) @ self.y.T, dtype=np.float32)

    def users(self, people: People) -> Factors:
        """x_u, shape (people, f). What was learnt of a person stands until they do something else, or for good where
        no profile can be folded in."""
        if people.rows is not None and (self.fold == "none" or not people.later):
            return self.x[people.rows]
        return FOLDS[self.fold].of(self, people.profiles[self.weighting])

    def pieces(self, people: People, items: Rows) -> Pieces:
        r = people.profiles[self.weighting]
        by_own = FOLDS[self.fold].because(self, r, items)
        whole = self.y[items].astype(np.float64) @ self.users(people)[0].astype(np.float64)
        return Pieces(own=r.indices, by_own=by_own, taste=whole - by_own.sum(axis=0))

    def of_users(self, rows: Sequence[int], over: Sequence[Part] = ()) -> Part:
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


def shaped(array: Array, shape: tuple[int, ...]) -> Array:
    if array.shape != shape or array.dtype != np.float32:
        raise ValueError(f"an array is {array.dtype} of shape {array.shape}, expected float32 of shape {shape}")
    return array
