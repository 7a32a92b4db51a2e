"""`aircue-cloud evaluate`: models on anybody's log of interactions, split in time."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aircue_cloud.errors import CommandError
from aircue_cloud.recommender.evaluating import comparison
from aircue_cloud.recommender.evaluating.protocol import Split
from aircue_cloud.recommender.interactions import Interactions, read_csv
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.table import MODELS, POPULARITY


@click.group(invoke_without_command=True)
@click.option(
    "--interactions", "file", type=click.Path(exists=True, path_type=Path), help="CSV: user,item,time[,weight]"
)
@click.option("--test-from", type=click.DateTime(["%Y-%m-%d"]), help="Models know what lies before this day (UTC).")
@click.option(
    "--test-to", type=click.DateTime(["%Y-%m-%d"]), help="The first day after the test; default: the log's end."
)
@click.option("--models", "names", help=f"Comma-separated, of: {', '.join(MODELS)}; default: all.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
@click.pass_context
def evaluate(
    context: click.Context,
    file: Path | None,
    test_from: datetime | None,
    test_to: datetime | None,
    names: str | None,
    out: Path | None,
) -> None:
    """Rank all items for all users, and hold the rankings against what came later."""
    if context.invoked_subcommand is not None:
        return
    if file is None or test_from is None:
        raise click.UsageError("--interactions FILE and --test-from DATE are needed")
    log = read_csv(file)
    split = _split(log, test_from, test_to)
    chosen = _chosen(names)
    rows = comparison.report(comparison.compare(split, chosen, _say))
    click.echo("\n".join(comparison.table(rows)))
    click.echo("\nthe same events dealt at random, which lets models see the future of those they are asked about:")
    dealt = comparison.report(comparison.compare(comparison.shuffled_in_time(split), chosen, _say))
    click.echo("\n".join(comparison.table(dealt)))
    if out is not None:
        _write(out, {"log": _described(log), "test_from": test_from.date(), "temporal": rows, "random": dealt})


def _split(log: Interactions, test_from: datetime, test_to: datetime | None) -> Split:
    end = float("inf") if test_to is None else test_to.replace(tzinfo=UTC).timestamp()
    split = Split.of(log, test_from.replace(tzinfo=UTC).timestamp(), end)
    for part, where in ((split.known, "before"), (split.later, "from")):
        if not len(part):
            raise CommandError(f"no interaction lies {where} {test_from.date()}: the log runs {_span(log)}")
    return split


def _chosen(names: str | None) -> dict[str, Callable[[], Model]]:
    """Popularity is always in the table."""
    wanted = list(MODELS) if names is None else [POPULARITY, *names.split(",")]
    unknown = [name for name in wanted if name not in MODELS]
    if unknown:
        raise CommandError(f"no model {', '.join(unknown)}; known are {', '.join(MODELS)}")
    return {name: MODELS[name] for name in dict.fromkeys(wanted)}


def _span(log: Interactions) -> str:
    first, last = (datetime.fromtimestamp(float(at), UTC).date() for at in (log.at[0], log.at[-1]))
    return f"from {first} to {last}"


def _described(log: Interactions) -> dict[str, Any]:
    users, items = log.shape
    return {"interactions": len(log), "users": users, "items": items, "span": _span(log), "sha256": log.fingerprint}


def _write(path: Path, figures: dict[str, Any]) -> None:
    path.write_text(json.dumps(figures, indent=1, default=str) + "\n", encoding="utf-8")


def _say(line: str) -> None:
    click.echo(line, err=True)
