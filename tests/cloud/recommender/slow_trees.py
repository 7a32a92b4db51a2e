"""What a part of trees scores, written out the slow way, as the documentation of a model's files has it."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.artefact import MET, Artefact
from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.ranked_part import RankedPart

Vector = npt.NDArray[np.float64]


def leaf(part: RankedPart, root: int, x: Vector) -> float:
    grown, node = part.grown, root
    while grown.feature[node] >= 0:
        goes_left = x[grown.feature[node]] <= grown.threshold[node]
        node = int(grown.left[node] if goes_left else grown.right[node])
    return float(grown.value[node])


def scores(whole: Artefact, part: RankedPart, row: int, said: Mapping[int, Vector]) -> Vector:
    """said: the scores of the panel's parts, by their place in it."""
    scaled = [one / one.std() if one.std() > 0 else one * 0 for _, one in sorted(said.items())]
    panel = sum(weight * one for (weight, _), one in zip(part.panel, scaled, strict=True))
    assert isinstance(panel, np.ndarray)
    if not len(part.grown):
        return np.asarray(panel)
    met = set(whole.profiles[MET].toarray()[row].nonzero()[0].tolist()) if part.new else set()
    order = sorted(range(len(panel)), key=lambda item: (item in met, -panel[item], item))
    among = order[: part.candidates]
    odds = {}
    for item in among:
        ranks = [
            sum(one[other] > one[item] or (one[other] == one[item] and at < among.index(item))
                for at, other in enumerate(among))
            for one in scaled
        ]  # fmt: skip
        x = [*(one[item] for one in scaled), *ranks, *part.of_items[item], *part.of_each[row]]
        if not part.new:
            known = [table.toarray()[row, item] for table in part.pairs]
            x += [known[0], known[1] - 1, known[2] - 1, known[3] - 1]
            x += [whole.profiles[Weighting(half_life_d=days)].toarray()[row, item] for days in (20, 60, 180)]
        trees = sum(leaf(part, int(root), np.array(x, dtype=np.float32)) for root in part.grown.roots)
        odds[item] = part.grown.start + trees + part.trust * panel[item]
    others = [panel[item] for item in range(len(panel)) if item not in odds]
    return np.array(
        [
            odds[item] - min(odds.values()) if item in odds else part.trust * (panel[item] - max(others))
            for item in range(len(panel))
        ]
    )
