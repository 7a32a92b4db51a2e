"""What the estimators of an effect are worth, on simulated experiments whose true lift is known.

Every figure but the forecast's is simulated: homes that order at rates of their own, arms by the product's hash, a
holdout of a tenth. `python -m tests.bench.push_outcomes` prints them alone; `make -s bench-push` with the rest.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aircue_cloud.errors import CommandError
from aircue_cloud.needs import forecast_evaluation, home_climate, needs
from aircue_cloud.outcomes.simulation import experiments, loop
from aircue_cloud.outcomes.simulation.experiments import Rate, Trial, World, rate

WORLD = World()
EXPERIMENTS = 1000
PEEKED = 400
LOOKS = 10
MONTHS = 12
MOST_LIFT = 0.4  # true lifts are drawn evenly from 0 to this
SEED = 2026
HOMES, DAYS = 1500, 240
LIFTS = {"dehumidifier": 1.2, "dryer": 3.0, "moisture-absorber": 2.0}  # true; the rules say 2.0, 1.5, 1.3


def null_false_positive_rate(world: World = WORLD, count: int = EXPERIMENTS, seed: int = SEED) -> Mapping[str, Any]:
    """The share of experiments without an effect in which one is found; nominal 0.05."""
    found = list(experiments.trials(world, [0.0] * count, seed))
    told = rate([one.significant for one in found])
    broken = sum(one.broken for one in found)
    return {**_figures("null_false_positive_rate", told), "null_experiments": count, "splits_called_broken": broken}


def lift_coverage95(world: World = WORLD, count: int = EXPERIMENTS, seed: int = SEED + 1) -> Mapping[str, Any]:
    """The share of true lifts inside their 95 % intervals; an experiment whose split was called broken has none."""
    lifts = np.random.default_rng(seed).uniform(0, MOST_LIFT, count).tolist()
    found = [one for one in experiments.trials(world, lifts, seed) if not one.broken]
    return {**_figures("lift_coverage95", rate([one.covers for one in found])), "lift_bias": _bias(found)}


def _bias(found: Sequence[Trial]) -> float:
    """Of the mean true difference."""
    truth = np.array([one.truth for one in found])
    return float((np.array([one.value for one in found]) - truth).mean() / truth.mean())


def peeking(count: int = PEEKED, looks: int = LOOKS, months: int = MONTHS, seed: int = SEED + 2) -> Mapping[str, Any]:
    """The share of experiments without an effect that are ever called one, looking again and again: by the sequence,
    which is to keep under 0.05, and by the interval for one look, which does not."""
    comers_world, homes = experiments.smallest_world(looks), World(homes=2000)
    comers = [experiments.peeking(comers_world, 0.0, looks, seed, number) for number in range(count)]
    monthly = [experiments.peeking_by_month(homes, 0.0, months, seed, number) for number in range(count)]
    figures: dict[str, Any] = {}
    for name, found in (("arriving_homes", comers), ("month_by_month", monthly)):
        figures |= _figures(f"null_sequential_rate_{name}", rate([one.always for one in found]))
        figures[f"null_peeked_rate_{name}"] = rate([one.once for one in found]).value
    return figures


def policy_regret(homes: int = HOMES, days: int = DAYS, seed: int = SEED + 3) -> Mapping[str, Any]:
    """Of the loop with the real policy on simulated homes: purchases that the best decision would have added, less
    those that the one taken did, in the first and the last fifth of the days; and what the rules alone come to."""
    need = needs.load().by_name["damp-air"]
    terms = loop.Terms(need=need, lifts=LIFTS, homes=homes, days=days, seed=seed)
    learning, fixed = (loop.course(loop.run(one), days) for one in (terms, replace(terms, learning=False)))
    return {
        "policy_regret_first": learning.fifths[0],
        "policy_regret_last": learning.fifths[-1],
        "policy_regret_fall": learning.fall,
        "policy_regret_last_rules_alone": fixed.fifths[-1],
        "policy_regret_decisions": learning.decisions,
    }


def forecast_brier_ratio() -> Mapping[str, Any]:
    """Real data: one house's needs forecast 60 minutes ahead. The figure is of damp air in its bathroom; null, and why,
    without the data."""
    found: dict[str, Any] = {"forecast_brier_ratio": None, "forecast_brier_ratio_high": None}
    try:
        rooms = {name: home_climate.courses(need.rule.quantity) for name, need in needs.load().by_name.items()}
    except CommandError as error:
        return {**found, "forecast_why_null": str(error)}
    for name, courses in rooms.items():
        for room, course in courses.items():
            one = forecast_evaluation.evaluate(course, needs.load().by_name[name].rule)
            if one is not None:
                found[f"forecast_{name}_{room}"] = [one.ratio.value, one.ratio.low, one.ratio.high]
    value, _, high = found.get("forecast_damp-air_bathroom", (None, None, None))
    return {**found, "forecast_brier_ratio": value, "forecast_brier_ratio_high": high}


def _figures(name: str, found: Rate) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def run() -> dict[str, Any]:
    """Every figure by name; those of forecasts are of real data, all others simulated."""
    return {**null_false_positive_rate(), **lift_coverage95(), **peeking(), **policy_regret(), **forecast_brier_ratio()}


def main() -> int:
    sys.stdout.write(json.dumps(run()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
