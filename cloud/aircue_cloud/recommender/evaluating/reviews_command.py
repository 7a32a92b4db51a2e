"""`aircue-cloud evaluate reviews`: what ratings say in words, held against their stars."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from aircue_cloud.recommender import reviews
from aircue_cloud.recommender.evaluating.reporting import write
from aircue_cloud.recommender.reviews import Held, Summary

_SHOWN = 10


@click.command("reviews")
@click.option(
    "--ratings",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV: product,stars,text, a line a rating; stars may be empty.",
)
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
def evaluate_reviews(file: Path, out: Path | None) -> None:
    """Learn good and bad from the stars, and test it on texts held out."""
    rows = reviews.read_reviews(file)
    train, test = reviews.dealt(rows)
    held = reviews.held_out(reviews.learn(train), test)
    found = list(reviews.summaries(rows, reviews.learn(rows)).values())
    click.echo("\n".join([_held(held), *_summaries(found)]))
    if out is not None:
        write(out, {"ratings": len(rows), "held_out": asdict(held), "products": [asdict(one) for one in found]})


def _held(one: Held) -> str:
    return (
        f"{one.texts:,} held-out texts: AUC {one.auc:.3f}, Brier {one.brier:.3f}, log loss {one.log_loss:.3f},"
        f" calibration error {one.calibration:.3f}; {one.unknown:.1%} not judged for unknown words"
    )


def _summaries(found: list[Summary]) -> Iterator[str]:
    """The most rated first."""
    for one in sorted(found, key=lambda one: -one.ratings)[:_SHOWN]:
        yield f"{one.product}: quality {one.quality:.2f} from {one.ratings} ratings, {one.unknown:.0%} of texts unknown"
        for aspect in one.aspects:
            yield f'  {aspect.name:<10}{aspect.positive:>5.0%} of {aspect.mentions} positive, as in "{aspect.example}"'
