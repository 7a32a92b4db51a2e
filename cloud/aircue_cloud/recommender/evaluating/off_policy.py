"""What another policy would have earned, from the decisions of the one that ran: IPS, SNIPS, DR.

For decision t with reward r_t and the chance p_t with which the policy that ran chose what it did, and q_t that with
which the other one would have, w_t = min(q_t / p_t, clip):

    IPS    mean of w r                         (Horvitz, Thompson 1952)
    SNIPS  sum of w r / sum of w               (Swaminathan, Joachims, NIPS 2015)
    DR     mean of v + w (r - m)               (Dudik, Langford, Li, ICML 2011)

m_t is the reward a model expects of what was done and v_t of what the other policy would do. Each decision carries its
own p_t. Where the effective sample size (sum w)^2 / sum w^2 is under 5 % of the decisions a few of them speak for all,
and no figure is given. Clipping bounds what one decision may say and takes away what lies above it: the share of
clipped decisions is told. Intervals draw households with replacement, whose decisions hang together.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating import bootstrap
from aircue_cloud.recommender.evaluating.bootstrap import Interval

LEAST_SHARE = 0.05
CLIP = 50.0  # one over the smallest propensity the policy may have
_MOST_TOLD = 5
_COLUMNS = ("propensity", "target", "reward")
_MODEL_COLUMNS = ("predicted", "value")

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """All of shape (decisions,). predicted and value: m and v, None where no model was asked."""

    household: npt.NDArray[np.intp] = field(repr=False)
    propensity: Numbers = field(repr=False)
    target: Numbers = field(repr=False)
    reward: Numbers = field(repr=False)
    predicted: Numbers | None = field(default=None, repr=False)
    value: Numbers | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not len(self.reward):
            raise DatasetError("no decisions")
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise DatasetError("a propensity is not over 0 and up to 1: log the chance with which it was chosen")
        if not ((self.target >= 0) & (self.target <= 1)).all():
            raise DatasetError("a target chance is not from 0 to 1")

    def __len__(self) -> int:
        return len(self.reward)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """estimates: by method, none where `refused` says why. logged: the mean reward of the policy that ran. effective:
    sample size, share: of the decisions. clipped: share of decisions."""

    decisions: int
    logged: float
    effective: float
    share: float
    clipped: float
    estimates: Mapping[str, Interval]
    refused: str | None


def evaluate(decisions: Decisions, clip: float = CLIP, draws: int = 2000) -> Estimate:
    raw = decisions.target / decisions.propensity
    w = np.minimum(raw, clip)
    effective = effective_size(w)
    share = effective / len(w)
    refused = None if share >= LEAST_SHARE else _why(effective, len(w))
    return Estimate(
        decisions=len(w),
        logged=float(decisions.reward.mean()),
        effective=effective,
        share=share,
        clipped=float((raw > clip).mean()),
        estimates={} if refused else dict(_estimates(decisions, w, draws)),
        refused=refused,
    )


def effective_size(w: Numbers) -> float:
    """0 where the other policy would have done nothing of what was done."""
    squares = float((w**2).sum())
    return float(w.sum()) ** 2 / squares if squares else 0.0


def _why(effective: float, count: int) -> str:
    return (
        f"effective sample size {effective:.1f} of {count:,} decisions ({effective / count:.1%}, at least"
        f" {LEAST_SHARE:.0%} is needed): the policies differ too much; log more exploration or compare nearer policies"
    )


def _ips(w: Numbers, of: Decisions) -> tuple[Numbers, Numbers]:
    return w * of.reward, np.ones(len(w))


def _snips(w: Numbers, of: Decisions) -> tuple[Numbers, Numbers]:
    return w * of.reward, w


def _dr(w: Numbers, of: Decisions) -> tuple[Numbers, Numbers]:
    assert of.predicted is not None
    assert of.value is not None
    return of.value + w * (of.reward - of.predicted), np.ones(len(w))


# Each as a ratio of two sums over decisions.
METHODS: Mapping[str, Callable[[Numbers, Decisions], tuple[Numbers, Numbers]]] = {
    "ips": _ips,
    "snips": _snips,
    "dr": _dr,
}


def _estimates(decisions: Decisions, w: Numbers, draws: int) -> Iterator[tuple[str, Interval]]:
    _, household = np.unique(decisions.household, return_inverse=True)
    for name, method in METHODS.items():
        if name != "dr" or decisions.predicted is not None:
            above, below = method(w, decisions)
            sums = np.stack([np.bincount(household, above), np.bincount(household, below)], axis=1).astype(np.float64)
            yield name, _interval(float(above.sum() / below.sum()), bootstrap.drawn_means(sums, draws))


def _interval(value: float, drawn: Numbers) -> Interval:
    """drawn: shape (draws, 2), of what a ratio is made of."""
    low, high = np.percentile(drawn[:, 0] / np.maximum(drawn[:, 1], np.finfo(float).tiny), [2.5, 97.5])
    return Interval(value=value, low=float(low), high=float(high))


# The file.


def read_decisions(path: Path) -> Decisions:
    """CSV: propensity,target,reward and, if known, household, predicted, value. DatasetError names line and column."""
    bad: list[str] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = _columns(path, reader.fieldnames or ())
            rows = [_numbers(reader.line_num, row, columns, bad) for row in reader]
            households = _households(path, "household" in (reader.fieldnames or ()), len(rows))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: no CSV in UTF-8 ({error}); save it as one") from error
    if bad or not rows:
        told = "; ".join(bad[:_MOST_TOLD]) or "no decisions"
        raise DatasetError(f"{path}: {told}; mend or remove these lines")
    return Decisions(household=households, **dict(zip(columns, np.array(rows).T, strict=True)))


def _columns(path: Path, found: Sequence[str]) -> tuple[str, ...]:
    missing = [name for name in _COLUMNS if name not in found]
    if missing:
        raise DatasetError(f"{path}: no column {', '.join(missing)}; expected {','.join(_COLUMNS)}[,household]"
                           f"[,{','.join(_MODEL_COLUMNS)}]")  # fmt: skip
    return _COLUMNS + (_MODEL_COLUMNS if set(_MODEL_COLUMNS) <= set(found) else ())


def _households(path: Path, named: bool, count: int) -> npt.NDArray[np.intp]:
    """Numbers of households; without the column each decision stands alone."""
    if not named:
        return np.arange(count)
    with path.open(newline="", encoding="utf-8-sig") as file:
        names = [row["household"] for row in csv.DictReader(file)]
    return np.unique(names, return_inverse=True)[1]


_RANGES: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "propensity": (lambda value: 0 < value <= 1, "a chance over 0 and up to 1"),
    "target": (lambda value: 0 <= value <= 1, "a chance from 0 to 1"),
}


def _numbers(line: int, row: Mapping[str, str | None], columns: tuple[str, ...], bad: list[str]) -> list[float]:
    return [_number(line, name, row.get(name), bad) for name in columns]


def _number(line: int, column: str, text: str | None, bad: list[str]) -> float:
    inside, expected = _RANGES.get(column, (np.isfinite, "a number"))
    try:
        value = float(text or "nan")
    except ValueError:
        value = np.nan
    if not (np.isfinite(value) and inside(value)):
        bad.append(f"line {line}, column {column}: {text!r}, expected {expected}")
    return value


def told(found: Estimate) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{found.decisions:,} decisions, mean reward {found.logged:.4f} under the policy that ran"
    yield f"effective sample size {found.effective:,.1f} ({found.share:.1%}); {found.clipped:.1%} of weights clipped"
    if found.refused is not None:
        yield f"no estimate: {found.refused}"
    for name, one in found.estimates.items():
        yield f"{name:<6}{one.value:>10.4f}   95 % {one.low:.4f} to {one.high:.4f}"
