"""`aircue-cloud evaluate`: models on anybody's log of interactions, split in time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aircue_cloud.errors import CommandError
from aircue_cloud.recommender.evaluating import ablation, comparison, plots
from aircue_cloud.recommender.evaluating.comparison import Measured
from aircue_cloud.recommender.evaluating.context_log import read_context
from aircue_cloud.recommender.evaluating.demand_command import evaluate_demand
from aircue_cloud.recommender.evaluating.open_data_command import write_open_data
from aircue_cloud.recommender.evaluating.policy_command import evaluate_policy
from aircue_cloud.recommender.evaluating.protocol import Protocol, Split
from aircue_cloud.recommender.evaluating.reporting import about, described, say, span, write
from aircue_cloud.recommender.evaluating.reviews_command import evaluate_reviews
from aircue_cloud.recommender.evaluating.study_command import repeat_study
from aircue_cloud.recommender.interactions import DAY_S, Interactions, read_csv
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.table import MODELS, POPULARITY
from aircue_cloud.recommender.tuning import Tuned, tune

TUNED = "tuned-blend"
_DAY = click.DateTime(["%Y-%m-%d"])

Makers = Mapping[str, Callable[[], Model]]


@click.group(invoke_without_command=True)
@click.option(
    "--interactions", "file", type=click.Path(exists=True, path_type=Path), help="CSV: user,item,time[,weight]"
)
@click.option("--test-from", type=_DAY, help="Models know what lies before this day (UTC).")
@click.option("--test-to", type=_DAY, help="The first day after the test; default: the log's end.")
@click.option(
    "--validate-from",
    type=_DAY,
    help=f"From this day to the test the parts of {TUNED} and their weights are chosen.",
)
@click.option("--tune-s", type=float, default=60.0, show_default=True, help="Seconds to spend on each such choice.")
@click.option(
    "--models", "names", help=f"Comma-separated, of: {', '.join(MODELS)}, {TUNED}; default: all that can be made."
)
@click.option("--context", "context_file", type=click.Path(exists=True, path_type=Path),
              help="CSV: date,NUMBERS... or user,date,NUMBERS...; asks instead what they add to a season.")  # fmt: skip
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the temporal table's NDCG@10 there (PNG).")
@click.pass_context
def evaluate(context: click.Context, /, file: Path | None, test_from: datetime | None, **options: Any) -> None:
    """Rank all items for all users, and hold the rankings against what came later."""
    if context.invoked_subcommand is not None:
        return
    if file is None or test_from is None:
        raise click.UsageError("--interactions FILE and --test-from DATE are needed")
    log = read_csv(file, latest=datetime.now(UTC).timestamp())
    click.echo(about(log))
    _models(log, test_from, **options)


def _models(
    log: Interactions,
    test_from: datetime,
    test_to: datetime | None,
    validate_from: datetime | None,
    tune_s: float,
    names: str | None,
    context_file: Path | None,
    out: Path | None,
    plot: Path | None,
) -> None:
    split = _split(log, test_from, test_to)
    if context_file is not None:
        _ablation(log, context_file, validate_from, split, out)
        return
    chosen = _chosen(names, validated=validate_from is not None)
    makers = {name: MODELS[name] for name in chosen if name in MODELS}
    tuned = _tuned(log, validate_from, split, tune_s) if TUNED in chosen else {}
    found = _measured(split, makers, tuned)
    rows = comparison.report(found)
    click.echo("\n".join(comparison.table(rows)))
    if plot is not None:
        plots.models(plot, rows)
    click.echo("\nthe same events dealt at random, which lets models see the future of those they are asked about:")
    dealt = comparison.report(_measured(comparison.shuffled_in_time(split), makers, tuned))
    click.echo("\n".join(comparison.table(dealt)))
    if out is not None:
        figures = {"log": described(log), "test_from": test_from.date(), "temporal": rows, "random": dealt}
        chosen_parts = {protocol.value: one.as_json() for protocol, one in tuned.items()}
        write(out, {**figures, "paired": comparison.paired(found), "tuned": chosen_parts})


def _ablation(log: Interactions, file: Path, validate_from: datetime | None, test: Split, out: Path | None) -> None:
    """What the context adds, with a validation period as long as three in ten of what is known where none is given."""
    known = test.known
    begin = known.at[0] + 0.7 * (test.at - known.at[0]) if validate_from is None else _seconds(validate_from)
    context = read_context(file)
    end = float(test.later.at[-1]) + DAY_S
    found = ablation.ablate(log, context, begin // DAY_S * DAY_S, test.at, end // DAY_S * DAY_S, say)
    click.echo("\n".join(ablation.told(found, context.columns)))
    if out is not None:
        figures = {**asdict(found), "claimed": found.claimed, "verdict": ablation.verdict(found, context.columns)}
        write(out, {"log": described(log), "context": context.columns, **figures})


def _measured(split: Split, makers: Makers, tuned: Mapping[Protocol, Tuned]) -> list[Measured]:
    """A tuned blend is measured under the protocol it was chosen for."""
    found = comparison.compare(split, makers, say)
    for protocol in dict.fromkeys(one.protocol for one in found if one.protocol in tuned):
        found += comparison.compare(split, {TUNED: tuned[protocol].make}, say, [protocol])
    return found


def _tuned(log: Interactions, validate_from: datetime | None, test: Split, budget_s: float) -> dict[Protocol, Tuned]:
    if validate_from is None:
        raise CommandError(f"{TUNED} is chosen on a validation period: give --validate-from, before --test-from")
    begin = _seconds(validate_from)
    if not begin < test.at:
        raise CommandError(f"--validate-from {validate_from.date()} has to lie before --test-from")
    split = Split.of(log, begin, test.at)
    _must_hold(split, validate_from, log)
    return {protocol: tune(split, protocol, budget_s, say) for protocol in Protocol}


def _seconds(day: datetime) -> float:
    return day.replace(tzinfo=UTC).timestamp()


def _split(log: Interactions, test_from: datetime, test_to: datetime | None) -> Split:
    end = float("inf") if test_to is None else _seconds(test_to)
    split = Split.of(log, _seconds(test_from), end)
    _must_hold(split, test_from, log)
    return split


def _must_hold(split: Split, day: datetime, log: Interactions) -> None:
    for part, where in ((split.known, "before"), (split.later, "from")):
        if not len(part):
            raise CommandError(f"no interaction lies {where} {day.date()}: the log runs {span(log)}")


def _chosen(names: str | None, *, validated: bool) -> Sequence[str]:
    """Popularity is always in the table."""
    known = [*MODELS, TUNED]
    if names is None:
        return known if validated else list(MODELS)
    wanted = [POPULARITY, *(name.strip() for name in names.split(","))]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise CommandError(f"no model {', '.join(unknown)}; known are {', '.join(known)}")
    return list(dict.fromkeys(wanted))


for command in (repeat_study, evaluate_policy, evaluate_reviews, evaluate_demand, write_open_data):
    evaluate.add_command(command)
