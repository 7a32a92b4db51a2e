"""The kinds of parts: which one a fitted model becomes, and how each is read from a model's files."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models.als import Als
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.factors import Factored
from aircue_cloud.recommender.models.linear import Linear
from aircue_cloud.recommender.models.own_frequency import OwnFrequency
from aircue_cloud.recommender.models.popularity import Popularity
from aircue_cloud.recommender.models.ranker import Ranker
from aircue_cloud.recommender.models.svd import Svd
from aircue_cloud.recommender.parts import (
    FOLDS,
    Arrays,
    CountsPart,
    FactorsPart,
    LinearPart,
    OwnPart,
    Part,
    csr_of,
    shaped,
)
from aircue_cloud.recommender.ranked_part import MET, RankedPart

# From a fitted model.


def servable(model: Model) -> bool:
    """Whether a model, fitted or not, is of a kind that can be stored and served."""
    return any(isinstance(model, kind) for kind, _ in _FROM)


def of_model(model: Model, family: str, params: Mapping[str, Any], over: Sequence[Part] = ()) -> Part:
    """over: the parts that the models of a panel became. ValueError where a model is of no kind that can be served."""
    for kind, make in _FROM:
        if isinstance(model, kind):
            return make(model, {"family": family, "params": dict(params)}, over)
    raise ValueError(f"family {family!r}: {type(model).__name__} is of no kind that can be stored and served")


def _factors(model: Any, said: dict[str, Any], over: Sequence[Part]) -> Part:
    """x and y are C-ordered float32; solvers hand them out as they come."""
    x, y = (np.ascontiguousarray(part, dtype=np.float32) for part in (model.x, model.y))
    return FactorsPart(x=x, y=y, weighting=model.weighting, **_fold(model), **said)


def _fold(model: Any) -> dict[str, Any]:
    if isinstance(model, Als):
        return {"fold": "ridge", "alpha": model.alpha, "l2": model.l2}
    return {"fold": "projection" if isinstance(model, Svd) else "none"}


def _ranked(model: Any, said: dict[str, Any], over: Sequence[Part]) -> Part:
    now = model.now
    return RankedPart(
        panel=tuple((float(weight), part) for (weight, _), part in zip(model.panel, over, strict=True)),
        grown=model.grown, new=model.new, candidates=model.candidates, trust=model.trust,
        of_items=now.of_items, of_each=now.of_users,
        pairs=() if now.pairs is None else tuple(now.pairs.tables),
        weighting=MET, **said,
    )  # fmt: skip


_Make = Callable[[Any, dict[str, Any], Sequence[Part]], Part]
_FROM: tuple[tuple[type[Model], _Make], ...] = (
    (Popularity, lambda model, said, _: CountsPart(sums=model.scores([0])[0], weighting=model.weighting, **said)),
    (OwnFrequency, lambda model, said, _: OwnPart(weighting=model.weighting, **said)),
    (Linear, lambda model, said, _: LinearPart(w=model.w, weighting=model.profile, **said)),
    (Factored, _factors),
    (Ranker, _ranked),
)


# From files.


_Shape = tuple[int, int]


def of_arrays(
    header: Mapping[str, Any], weighting: Weighting, arrays: Arrays, shape: _Shape, over: Sequence[Part] = ()
) -> Part:
    """shape: (users, items). over: the parts that the header says it looks at. KeyError, ValueError where header or
    arrays are not those of a part."""
    said = {"family": header["family"], "params": header["params"], "weighting": weighting}
    return _READERS[header["kind"]](header, arrays, shape, over, said)


def _read_counts(header: Mapping[str, Any], arrays: Arrays, shape: _Shape, over: Sequence[Part], said: Any) -> Part:
    return CountsPart(sums=shaped(arrays["sums"], (shape[1],)), **said)


def _read_own(header: Mapping[str, Any], arrays: Arrays, shape: _Shape, over: Sequence[Part], said: Any) -> Part:
    return OwnPart(**said)


def _read_linear(header: Mapping[str, Any], arrays: Arrays, shape: _Shape, over: Sequence[Part], said: Any) -> Part:
    square = (shape[1], shape[1])
    w = shaped(arrays["w"], square) if "w" in arrays else csr_of("w", arrays, square)
    return LinearPart(w=w, **said)


def _read_factors(header: Mapping[str, Any], arrays: Arrays, shape: _Shape, over: Sequence[Part], said: Any) -> Part:
    f = arrays["y"].shape[1]
    fold = {name: header[name] for name in ("fold", "alpha", "l2")}
    if fold["fold"] not in FOLDS:
        raise ValueError(f"fold {fold['fold']!r}: expected one of {', '.join(FOLDS)}")
    x, y = shaped(arrays["x"], (shape[0], f)), shaped(arrays["y"], (shape[1], f))
    return FactorsPart(x=x, y=y, **fold, **said)


_Read = Callable[[Mapping[str, Any], Arrays, _Shape, Sequence[Part], Any], Part]
_READERS: Mapping[str, _Read] = MappingProxyType(
    {
        "counts": _read_counts,
        "own": _read_own,
        "linear": _read_linear,
        "factors": _read_factors,
        "trees": RankedPart.of_arrays,
    }
)
