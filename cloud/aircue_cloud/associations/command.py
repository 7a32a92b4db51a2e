"""`aircue-cloud associations ...`: what is bought together, in the store and in anyone's file."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from aircue_cloud import db
from aircue_cloud.associations import baskets, findings, stored
from aircue_cloud.associations.baskets import CAP, Baskets
from aircue_cloud.associations.findings import Found, Rule
from aircue_cloud.associations.mining import Terms
from aircue_cloud.associations.significance import METHODS, Method
from aircue_cloud.commands.terminal import database, now, with_config
from aircue_cloud.errors import CommandError
from aircue_cloud.importing import lines
from aircue_cloud.rights.small_groups import K


@click.group()
def associations() -> None:
    """What is bought together more often than chance explains."""


@associations.command("mine")
@click.option("--in", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="CSV, a line for each product in a basket; without it, the store's purchases.")  # fmt: skip
@click.option("--basket", default="basket", show_default=True, help="Column of the file.")
@click.option("--product", default="product", show_default=True, help="Column of the file.")
@click.option("--triples/--no-triples", default=True, show_default=True, help="Three products as well as two.")
@click.option("--least", type=click.IntRange(1), default=K, show_default=True,
              help="Baskets that have to hold all of them.")  # fmt: skip
@click.option("--cap", type=click.IntRange(2), default=CAP, show_default=True,
              help="Different products in a basket; fuller ones are left out.")  # fmt: skip
@click.option("--fdr", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05, show_default=True,
              help="Share of false findings that is borne.")  # fmt: skip
@click.option("--method", type=click.Choice(METHODS), default="by", show_default=True,
              help="by: holds however the tests depend on each other; bh: finds more.")  # fmt: skip
@click.option("--shuffled", type=int, help="A seed: mine the same file shuffled, where all that is found is chance.")
@click.option("--top", type=click.IntRange(0), default=20, show_default=True, help="Rules that are printed.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every rule there.")
@with_config
def mine(
    file: Path | None,
    basket: str,
    product: str,
    triples: bool,
    least: int,
    cap: int,
    fdr: float,
    method: Method,
    shuffled: int | None,
    top: int,
    out: Path | None,
    config_path: Path | None,
) -> None:
    """Mine pairs and triples. From the store's purchases they are kept, for the shop and the console."""
    terms = Terms(least=least, fdr=fdr, method=method, triples=triples)
    if file is not None:
        found = findings.found(_shuffled(_baskets(file, basket, product, cap), shuffled), terms)
        rules, counted = list(found.rules), _counted(found)
    elif shuffled is not None:
        raise CommandError("--shuffled is for a file: name one with --in")
    elif least < K:
        raise CommandError(f"--least is {least}: in the store nothing is told of fewer than {K}")
    else:
        rules, counted = _of_store(config_path, terms, top)
    click.echo("\n".join([*counted, *_told(rules, top)]))
    if out is not None:
        out.write_text(json.dumps([asdict(one) for one in rules], indent=1) + "\n", encoding="utf-8")


def _baskets(file: Path, basket: str, product: str, cap: int) -> Baskets:
    found = [cells for _, cells in lines.read(file, (basket, product)) if all(cells)]
    if not found:
        raise CommandError(f"{file}: no line has both a {basket} and a {product}")
    return baskets.of_lines([one[0] for one in found], [one[1] for one in found], cap)


def _shuffled(found: Baskets, seed: int | None) -> Baskets:
    if seed is None:
        return found
    matrix = baskets.shuffled(found.matrix, np.random.default_rng(seed))
    return Baskets(matrix=matrix, items=found.items, owner=found.owner, left_out=found.left_out)


def _of_store(config_path: Path | None, terms: Terms, top: int) -> tuple[list[Rule], list[str]]:
    with database(config_path) as engine:
        run = stored.refresh(engine, now(), terms)
        with db.reading(engine) as connection:
            rules = stored.rules(connection, stored.MOST)
    tests = ", ".join(
        f"{run.found['found'][kind]:,} {kind}s of {run.found['tests'][kind]:,} tests" for kind in run.found["tests"]
    )
    return rules, [f"{run.found['baskets']:,} baskets, {run.found['homes']:,} homes: {tests}"]


def _counted(found: Found) -> list[str]:
    told = [f"{found.baskets:,} baskets, {found.left_out:,} left out as too full"]
    return told + [
        f"{kind}s: {found.tests[kind]:,} tests, {found.sets[kind]:,} frequent, {found.sure[kind]:,} beyond chance"
        for kind in found.tests
    ]


def _told(rules: Sequence[Rule], top: int) -> Iterator[str]:
    """The surest first; of those that are as sure, the highest lift."""
    ordered = sorted(rules, key=lambda one: (one.q, one.p, -one.lift, one.antecedent, one.consequent))
    if ordered and top:
        yield f"{'baskets':>8} {'conf.':>6} {'lift':>7} {'leverage':>9} {'q':>9}  rule"
    for one in ordered[:top]:
        yield (
            f"{one.baskets:8,} {one.confidence:6.1%} {one.lift:7.2f} {one.leverage:9.5f} {one.q:9.2g}  "
            f"{one.antecedent} -> {' + '.join(one.consequent)}"
        )
