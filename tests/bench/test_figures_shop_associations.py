"""The bench of associations in short, and that it sees a peer that finds something else or does not end."""

from typing import Any

import numpy as np
import pytest
from tests.bench import shop_associations

from aircue_cloud.associations import mining
from aircue_cloud.associations.mining import Sets

KEYS = {"associations_s", "associations_peer_s", "associations_same_sets", "associations_sure_in_shuffled_baskets"}


def content() -> shop_associations.Lines:
    random = np.random.default_rng(1)
    rows = [(f"b{n}", f"p{item}") for n in range(300) for item in np.flatnonzero(random.random(12) < 0.25)]
    rows += [(f"b{n}", item) for n in range(60) for item in ("p0", "p1", "p2")]
    return [one for one, _ in rows], [item for _, item in rows]


def test_both_find_the_same_sets() -> None:
    pytest.importorskip(shop_associations.PEER, reason="pip install efficient-apriori")
    found = shop_associations.compared(content(), 25, 60.0)
    assert found.keys() >= KEYS
    assert found["associations_same_sets"] is True
    assert found["associations_triples"] > 0
    assert found["associations_sure"]["pair"] >= 3


def test_a_set_that_is_missing_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(shop_associations.PEER, reason="pip install efficient-apriori")
    whole = mining.frequent_pairs

    def missing(*arguments: Any) -> Sets:
        found = whole(*arguments)
        return Sets(items=found.items[1:], count=found.count[1:])

    monkeypatch.setattr(mining, "frequent_pairs", missing)
    assert shop_associations.compared(content(), 25, 60.0)["associations_same_sets"] is False


def test_a_peer_that_does_not_end_is_told_as_null_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(shop_associations.PEER, reason="pip install efficient-apriori")
    found = shop_associations.compared(content(), 25, 0.0)
    assert found["associations_peer_s"] is None
    assert found["associations_peer_why"] == "it did not end in 0 s"


def test_without_the_data_the_figures_are_null_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRCUE_DATA", raising=False)
    found = shop_associations.measured()
    assert found["associations_s"] is None
    assert "AIRCUE_DATA" in found["associations_why"]
