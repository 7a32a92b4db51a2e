"""What goes well with a product, as it may be shown: on sale, in stock, by what showing it is expected to earn.

A product that others go with is bought by a share of those who buy it, the rule's confidence; of these the share that
all buyers show would have come anyway. So a suggestion is worth the margin of one piece times the difference; of a
bundle, the margins of all in it. The ranking is the same for everybody, and so are all prices.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from aircue_cloud import tables
from aircue_cloud.associations import stored
from aircue_cloud.associations.findings import DEVICE, PAIR, TRIPLE, Rule
from aircue_cloud.decision.candidates import MARGIN

_P = tables.products.c


@dataclass(frozen=True, kw_only=True)
class Offer:
    """worth: minor units of currency that showing it is expected to earn for each buyer of the antecedent."""

    rule: Rule
    products: tuple[str, ...]
    names: tuple[str, ...]
    currency: str
    price_minor: int
    worth: float


def goes_with(connection: Connection, product: str, most: int) -> list[Offer]:
    """Single products, each by the rule that makes most of it; nothing of what is sold no longer, or sold out."""
    found = connection.execute(select(_P.category).where(_P.id == product)).scalar_one_or_none()
    if found is None:
        return []
    rules = [
        rule
        for rule in stored.rules_of(connection, [product, found])
        if (rule.kind, rule.antecedent) in ((PAIR, product), (DEVICE, found)) and rule.consequent != (product,)
    ]
    return _first_of_each(offers(connection, rules))[:most]


def bundles(connection: Connection, product: str, most: int) -> list[Offer]:
    """Two products that go with it together."""
    rules = [rule for rule in stored.rules_of(connection, [product]) if rule.kind == TRIPLE]
    return offers(connection, rules)[:most]


def _first_of_each(found: Iterable[Offer]) -> list[Offer]:
    best: dict[tuple[str, ...], Offer] = {}
    for one in found:
        best.setdefault(one.products, one)
    return list(best.values())


def offers(connection: Connection, rules: Sequence[Rule]) -> list[Offer]:
    """Those that can be bought, the most worth first."""
    wanted = sorted({product for rule in rules for product in rule.consequent})
    columns = (_P.id, _P.name, _P.price_minor, _P.currency, _P.attributes)
    query = select(*columns).where(_P.id.in_(wanted), _P.stock > 0, _P.retired_at.is_(None))
    sold = {row.id: row for row in connection.execute(query)}
    found = [_offer(rule, [sold[one] for one in rule.consequent]) for rule in rules if {*rule.consequent} <= {*sold}]
    return sorted((one for one in found if one is not None), key=lambda one: (-one.worth, one.products))


def _offer(rule: Rule, rows: Sequence[Any]) -> Offer | None:
    """None where the prices are of several currencies: they do not add up."""
    if len({row.currency for row in rows}) != 1 or rule.lift <= 1:
        return None
    return Offer(
        rule=rule,
        products=rule.consequent,
        names=tuple(row.name for row in rows),
        currency=rows[0].currency,
        price_minor=sum(row.price_minor for row in rows),
        worth=(rule.confidence - rule.usual) * sum(_margin(row.price_minor, row.attributes) for row in rows),
    )


def _margin(price_minor: int, attributes: Mapping[str, Any]) -> float:
    share = attributes.get("margin", MARGIN)
    return price_minor * (share if isinstance(share, int | float) else MARGIN)
