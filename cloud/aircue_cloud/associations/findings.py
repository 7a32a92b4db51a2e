"""What was found, as rules: who buys this buys that. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.associations import mining
from aircue_cloud.associations.baskets import Baskets
from aircue_cloud.associations.mining import Mined, Terms, Tested

Ints = npt.NDArray[np.int64]
PAIR, TRIPLE, DEVICE = "pair", "triple", "device"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """baskets: that hold all; people: whose they are. confidence: the share of baskets with the antecedent that hold
    the consequent too; lift: by how much that is more than in all baskets. leverage: share of all baskets beyond what
    chance explains. q: the share of false findings among those at least as sure."""

    kind: str
    antecedent: str
    consequent: tuple[str, ...]
    baskets: int
    people: int
    support: float
    confidence: float
    lift: float
    leverage: float
    p: float
    q: float

    @property
    def usual(self) -> float:
        """The share of all baskets that hold the consequent."""
        return self.confidence / self.lift


@dataclass(frozen=True, kw_only=True)
class Found:
    """tests: how many were made of each kind; sets: how many are frequent; sure: how many are told."""

    rules: tuple[Rule, ...] = field(repr=False)
    baskets: int
    left_out: int
    tests: dict[str, int]
    sets: dict[str, int]
    sure: dict[str, int]


def found(baskets: Baskets, terms: Terms, least_people: int = 1) -> Found:
    """Each pair in both directions, each triple in all three. least_people: who have to stand behind each."""
    mined = mining.mine(baskets.matrix, terms)
    tested = {PAIR: mined.pairs, TRIPLE: mined.triples}
    rules: list[Rule] = []
    sure = dict.fromkeys(tested, 0)
    for kind, one in tested.items():
        for place in one.sure(terms.fdr):
            people = owners(baskets, one.sets.items[place])
            if people >= least_people:
                sure[kind] += 1
                rules += _rules(kind, int(place), people, mined, baskets)
    return Found(
        rules=tuple(rules),
        baskets=len(baskets),
        left_out=baskets.left_out,
        tests={kind: one.tests for kind, one in tested.items()},
        sets={kind: len(one.sets) for kind, one in tested.items()},
        sure=sure,
    )


def owners(baskets: Baskets, items: Sequence[int] | Ints) -> int:
    """How many people have a basket that holds all of them."""
    return len(np.unique(baskets.owner[together([(baskets.matrix, int(item)) for item in items])]))


def together(columns: Sequence[tuple[Any, int]]) -> Ints:
    """Rows that all of these columns of matrices hold."""
    rows = [matrix.indices[matrix.indptr[item] : matrix.indptr[item + 1]] for matrix, item in columns]
    common = rows[0]
    for other in rows[1:]:
        common = np.intersect1d(common, other, assume_unique=True)
    return np.asarray(common, dtype=np.int64)


def _rules(kind: str, place: int, people: int, mined: Mined, baskets: Baskets) -> Iterator[Rule]:
    tested = mined.pairs if kind == PAIR else mined.triples
    items = tested.sets.items[place]
    for one in items:
        rest = np.array([item for item in items if item != one])
        expected = (int(mined.single[one]), _of(rest, mined))
        names = (baskets.items[one], tuple(baskets.items[item] for item in rest))
        yield rule(kind, names, int(tested.sets.count[place]), people, expected, mined.baskets, tested, place)


def _of(items: Ints, mined: Mined) -> int:
    """Baskets that hold these: one, or a pair of a frequent triple."""
    if len(items) == 1:
        return int(mined.single[items[0]])
    [count] = mining.counted(mined.pairs.sets, items[:1], items[1:], len(mined.single))
    return int(count)


def rule(
    kind: str,
    names: tuple[str, tuple[str, ...]],
    both: int,
    people: int,
    each: tuple[int, int],
    total: int,
    tested: Tested,
    place: int,
) -> Rule:
    """each: how many hold the antecedent, and the consequent."""
    first, second = each
    return Rule(
        kind=kind,
        antecedent=names[0],
        consequent=names[1],
        baskets=both,
        people=people,
        support=both / total,
        confidence=both / first,
        lift=both * total / (first * second),
        leverage=both / total - first * second / total**2,
        p=float(tested.p[place]),
        q=float(tested.q[place]),
    )


def of_devices(
    home: Sequence[str], product: Sequence[str], category: Sequence[str], terms: Terms, people: int
) -> Found:
    """What homes that own a device of a category buy besides: one line for each thing that a home has bought and kept.

    people: homes that have to stand behind each.
    """
    from scipy import sparse

    from aircue_cloud.associations.baskets import numbered

    rows, homes = numbered(home)
    columns, products = numbered(product)
    kinds, categories = numbered(category)
    ones = np.ones(len(rows), dtype=np.int32)
    owned = sparse.csc_matrix((ones, (rows, kinds)), shape=(len(homes), len(categories)))
    bought = sparse.csc_matrix((ones, (rows, columns)), shape=(len(homes), len(products)))
    for matrix in (owned, bought):
        matrix.sum_duplicates()
        matrix.data[:] = 1
    apart = np.ones((len(categories), len(products)), dtype=np.bool_)
    apart[kinds, columns] = False
    tested = mining.across(owned, bought, apart, terms)
    sizes = np.diff(owned.indptr), np.diff(bought.indptr)
    rules = []
    for place in tested.sure(terms.fdr):
        device, one = (int(item) for item in tested.sets.items[place])
        both = int(tested.sets.count[place])
        names, each = (categories[device], (products[one],)), (int(sizes[0][device]), int(sizes[1][one]))
        if both >= people:
            rules.append(rule(DEVICE, names, both, both, each, len(homes), tested, int(place)))
    return Found(
        rules=tuple(rules),
        baskets=len(homes),
        left_out=0,
        tests={DEVICE: tested.tests},
        sets={DEVICE: len(tested.sets)},
        sure={DEVICE: len(rules)},
    )
