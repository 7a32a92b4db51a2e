"""What a day's context says of a day's volume beyond its season: the ablation of one series, day by day.

    log volume of day d  =  level  +  weekday  +  season (one yearly wave)  +  environment (deviations)  +  noise

each stage a ridge regression on the days before the split, its loss the squared error of log volume on the days from
it. recent is the mean of the fourteen days before a day, seen on that day. Placebos trade the deviations' days, all of
them or within a month, and run through the same.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating import bootstrap
from aircue_cloud.recommender.evaluating.bootstrap import Interval
from aircue_cloud.recommender.evaluating.context_log import EVERYBODY, Context, day_of, day_text, waves
from aircue_cloud.recommender.interactions import DAY_S

STAGES = ("level", "recent", "+ weekday", "+ season", "+ environment")
PLACEBOS = 199
_RECENT_D = 14
_RIDGE = 1.0  # days of evidence that no effect counts for

Numbers = npt.NDArray[np.float64]
Days = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """error: root mean squared, of log volume. gain: of squared error on the stage before."""

    name: str
    error: float
    gain: Interval | None


@dataclass(frozen=True, kw_only=True)
class Demand:
    """gain: of squared error, environment over season. placebos: such gains by kind. coefficients: change of log volume
    a standard deviation of each column."""

    stages: tuple[Stage, ...]
    gain: Interval
    placebos: Mapping[str, tuple[float, ...]]
    coefficients: Mapping[str, float]
    days: int

    @property
    def claimed(self) -> bool:
        return self.gain.low > 0 and all(self.rank(name) <= 0.05 for name in self.placebos)

    def rank(self, placebo: str) -> float:
        """The chance of so large a gain under the placebo, by rank."""
        gains = self.placebos[placebo]
        return (1 + sum(gain >= self.gain.value for gain in gains)) / (1 + len(gains))


def ablate(
    volume: Mapping[int, float], context: Context, test_from: int, placebos: int = PLACEBOS, seed: int = 7
) -> Demand:
    """volume: by day since 1970-01-01, over 0. DatasetError where there is too little on either side of the split."""
    day = np.array(sorted(set(volume) & set(context.day.tolist())), dtype=np.int64)
    known = day < test_from
    if known.sum() < 2 * _RECENT_D or (~known).sum() < _RECENT_D:
        raise DatasetError(
            f"{known.sum()} days with volume and context before {day_text(test_from)} and {(~known).sum()} from it: at"
            f" least {2 * _RECENT_D} and {_RECENT_D} are needed"
        )
    y = np.log([volume[one] for one in day.tolist()])
    z = context.deviations(test_from)
    steps = [np.ones((len(day), 1)), _recent(day, y), _weekdays(day), waves(day)[:, 1:]]
    designs = [steps[0], *(np.hstack(steps[: place + 1]) for place in range(1, len(steps)))]
    fits = [_fit(x, y, known) for x in [*designs, np.hstack([designs[-1], _at(z, day)])]]
    losses = [squares for squares, _ in fits]
    gains = [None, *(bootstrap.mean(before - after) for before, after in pairwise(losses))]
    return Demand(
        stages=tuple(
            Stage(name=name, error=float(np.sqrt(loss.mean())), gain=gain)
            for name, loss, gain in zip(STAGES, losses, gains, strict=True)
        ),
        gain=bootstrap.mean(losses[-2] - losses[-1]),
        placebos=_placebos(designs[-1], z, day, y, known, losses[-2], placebos, seed),
        coefficients=dict(zip(context.columns, fits[-1][1][-len(context.columns) :].tolist(), strict=True)),
        days=int((~known).sum()),
    )


def _fit(x: Numbers, y: Numbers, known: npt.NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """Squared errors on the days that are not known, and the coefficients; the level is not penalised."""
    penalty = np.diag([0.0] + [_RIDGE] * (x.shape[1] - 1))
    level = y[known].mean()
    beta = np.linalg.solve(x[known].T @ x[known] + penalty, x[known].T @ (y[known] - level))
    return (y[~known] - level - x[~known] @ beta) ** 2, beta


def _recent(day: Days, y: Numbers) -> Numbers:
    """Mean of the days before, minus the mean of all such means, shape (days, 1); the first days have none."""
    found = np.array([y[(day < one) & (day >= one - _RECENT_D)].mean() if one > day[0] else np.nan for one in day])
    return np.asarray(np.nan_to_num(found - np.nanmean(found)))[:, None]


def _weekdays(day: Days) -> Numbers:
    return np.asarray(np.eye(7)[day % 7])


def _at(z: Context, day: Days) -> Numbers:
    return z.at([EVERYBODY] * len(day), day)


def _placebos(
    x: Numbers, z: Context, day: Days, y: Numbers, known: npt.NDArray[np.bool_], season: Numbers, count: int, seed: int
) -> dict[str, tuple[float, ...]]:
    values = _at(z, day)
    kinds: dict[str, Callable[[int], int]] = {"shuffled dates": lambda one: 0, "dates shuffled within a month": _month}
    found = {}
    for name, group in kinds.items():
        random = np.random.default_rng(seed)
        orders = (_traded(day, group, random) for _ in range(count))
        found[name] = tuple(
            float((season - _fit(np.hstack([x, values[order]]), y, known)[0]).mean()) for order in orders
        )
    return found


def _traded(day: Days, group: Callable[[int], int], random: np.random.Generator) -> npt.NDArray[np.intp]:
    places = [list(own) for _, own in groupby(range(len(day)), lambda place: group(int(day[place])))]
    return np.concatenate([random.permutation(own) for own in places]).astype(np.intp)


def _month(day: int) -> int:
    at = datetime.fromtimestamp(day * DAY_S, UTC)
    return at.year * 12 + at.month


def read_volume(path: Path) -> dict[int, float]:
    """CSV: date,volume. DatasetError names line, column and what was expected."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"date", "volume"} <= set(reader.fieldnames or ()):
            raise DatasetError(f"{path}: expected the columns date,volume, found {', '.join(reader.fieldnames or ())}")
        return dict(_parsed(path, reader))


def _parsed(path: Path, reader: "csv.DictReader[str]") -> Iterator[tuple[int, float]]:
    for row in reader:
        try:
            day, volume = day_of(date.fromisoformat(row["date"])), float(row["volume"])
            if not (np.isfinite(volume) and volume > 0):
                raise ValueError("column volume: expected a number over 0")
        except (ValueError, TypeError) as error:
            raise DatasetError(f"{path}: line {reader.line_num}, {error}; mend or remove it") from error
        yield day, volume


def told(found: Demand, columns: Sequence[str]) -> Iterator[str]:
    """A table and sentences for a terminal."""
    yield f"{found.days} test days; root mean squared error of log volume"
    yield f"{'model':<16}{'error':>8}   gain of squared error on the line above, 95 %"
    for stage in found.stages:
        yield f"{stage.name:<16}{stage.error:>8.4f}" + ("" if stage.gain is None else f"   {_gain(stage.gain)}")
    for name in found.placebos:
        yield f"placebo, {name}: best gain {max(found.placebos[name]):+.5f}; rank of ours p = {found.rank(name):.3f}"
    for name, effect in found.coefficients.items():
        yield f"{name}: {np.expm1(effect):+.1%} volume a standard deviation above its season"
    says = "predicts a day's volume beyond the season" if found.claimed else "no effect beyond the season is shown"
    yield f"{', '.join(columns)}: {says} ({_gain(found.gain)})"


def _gain(one: Interval) -> str:
    return f"{one.value:+.5f} ({one.low:+.5f} to {one.high:+.5f})"
