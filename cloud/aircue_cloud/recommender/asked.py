"""What a question to the recommender may bring along, beyond the ids of people and products."""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Act:
    """What somebody did with a product. at: epoch seconds. weight: signed, as aircue_cloud.recommender.acts has it."""

    product: str
    at: float
    weight: float


@dataclass(frozen=True, kw_only=True)
class Described:
    """A product as its maker describes it: what is known of one that nobody has turned to yet."""

    id: str
    category: str
    price_minor: int
    attributes: Mapping[str, str | float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Told:
    """now: epoch seconds. did: what people did since the training, all of it of those who are not in the model.
    newcomers: products that are not. withheld: people whose behaviour may not be used; they are answered like
    strangers."""

    now: float = 0.0
    did: Mapping[str, Sequence[Act]] = field(default_factory=dict)
    newcomers: Sequence[Described] = ()
    withheld: Set[str] = frozenset()


NOTHING = Told()


@dataclass(frozen=True, kw_only=True)
class Context:
    """A need that holds, and the prior lift of each category that remedies it."""

    need: str
    remedies: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The needs that hold in a home. They are not multiplied: damp air and a risk of mould are one occasion to buy a
    dehumidifier."""

    needs: tuple[Context, ...] = ()


Surroundings = Context | Environment


@dataclass(frozen=True, kw_only=True)
class AllBut:
    """Every product may be recommended except these."""

    products: Set[str]


Eligible = Collection[str] | AllBut
