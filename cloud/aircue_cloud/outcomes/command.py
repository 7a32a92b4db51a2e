"""`aircue-cloud outcomes ...`: what a push changed, in anyone's experiment and in the store's own."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.commands.terminal import database, load, now, with_config
from aircue_cloud.decision import local_time
from aircue_cloud.errors import CommandError
from aircue_cloud.needs import needs, stored
from aircue_cloud.needs.needs import Need
from aircue_cloud.outcomes import (
    analysis,
    enrolment,
    experiment_file,
    learned_lift,
    learnt,
    lifts,
    months,
    observed,
    report,
    whole,
    whole_picture,
)
from aircue_cloud.outcomes.analysis import Plan
from aircue_cloud.outcomes.assignment import GLOBAL, Arms
from aircue_cloud.outcomes.learnt import Stand
from aircue_cloud.outcomes.report import Terms
from aircue_cloud.outcomes.sequential import PLANNED
from aircue_cloud.outcomes.uplift import CUT
from aircue_cloud.outcomes.whole import Untold, Whole
from aircue_cloud.recommender.evaluating.reporting import write


@click.group()
def outcomes() -> None:
    """What pushes changed, and how sure one may be of it."""


@outcomes.command("analyse")
@click.option("--in", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="CSV: unit,arm,outcome[,pre,cost,margin], a line a unit; arm: treatment or holdout.")  # fmt: skip
@click.option("--share", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.5, show_default=True,
              help="Of the units, as they were randomised into treatment.")  # fmt: skip
@click.option("--planned", type=click.IntRange(1), default=PLANNED, show_default=True,
              help="Units in all, as planned before the first look.")  # fmt: skip
@click.option("--fixed-cost", type=click.FloatRange(0), default=0.0, show_default=True,
              help="Paid whatever happens, beside the column cost.")  # fmt: skip
@click.option("--cut", type=click.FloatRange(50, 100), default=CUT, show_default=True,
              help="Percentile of spenders' spending at which it is cut off.")  # fmt: skip
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
def analyse(file: Path, out: Path | None, **plan: float) -> None:
    """Compare the arms of an experiment: intent to treat, with CUPED where `pre` is known."""
    found = analysis.analyse(experiment_file.read_units(file), Plan(**plan))  # type: ignore[arg-type]  # planned is whole
    click.echo("\n".join(analysis.told(found)))
    if out is not None:
        write(out, analysis.document(found))


F = TypeVar("F", bound=Callable[..., Any])


def _with_terms(command: F) -> F:
    """For a command on the store's own experiments."""
    options = (
        click.option("--window-days", type=click.IntRange(1), default=28, show_default=True,
                     help="After entering, whose purchases count."),
        click.option("--currency", help="ISO 4217; needed where purchases are in several."),
        click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return with_config(command)


@outcomes.command("report")
@click.option("--before-days", type=click.IntRange(1), default=90, show_default=True,
              help="Before entering, whose purchases explain those after.")  # fmt: skip
@click.option("--margin", type=click.FloatRange(0, 1), help="Of what is spent; without it, no iROI.")
@click.option("--per-send", type=click.FloatRange(0), default=0.0, show_default=True, help="Minor units.")
@click.option("--fixed-cost", "fixed", type=click.FloatRange(0), default=0.0, show_default=True, help="Minor units.")
@click.option("--planned", type=click.IntRange(1), default=PLANNED, show_default=True,
              help="Households in all, as planned before the first look.")  # fmt: skip
@_with_terms
def tell(config_path: Path | None, window_days: int, before_days: int, currency: str | None, out: Path | None,
         **terms: Any) -> None:  # fmt: skip
    """What the store's pushes changed, against those held out of them."""
    spans: dict[str, Any] = {"window": timedelta(days=window_days), "before": timedelta(days=before_days)}
    with database(config_path) as engine, db.reading(engine) as connection:
        found = observed.record(connection, currency, at := now())
        asked = Terms(now=at, **_shares(config_path), **spans, **terms)
        reported = report.report(found, _arms(connection, asked), asked)
    click.echo("\n".join(report.told(reported, found.currency)))
    if out is not None:
        write(out, {"currency": found.currency, "experiments": [report.document(one) for one in reported]})


def _shares(config_path: Path | None) -> dict[str, Any]:
    """Of households that no decision has written down."""
    config = load(config_path)
    return {"holdout": config.holdout, "need_holdout": config.need_holdout}


def _arms(connection: Connection, terms: Terms) -> Arms:
    return enrolment.of_store(connection, terms.holdout, terms.need_holdout)


@outcomes.command("lifts")
@click.option("--window-days", type=click.IntRange(1), default=28, show_default=True,
              help="After the first offer, whose purchases count.")  # fmt: skip
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
@with_config
def show_lifts(config_path: Path | None, window_days: int, out: Path | None) -> None:
    """How much more each remedy is bought: the rule, the evidence, and what both say."""
    with database(config_path) as engine, db.reading(engine) as connection:
        asked = Terms(now=now(), window=timedelta(days=window_days), **_shares(config_path))
        held = stored.current(connection, needs.load())
        found, stand = lifts.learned(connection, held, asked), learnt.newest(connection)
    click.echo("\n".join(learned_lift.told(found)))
    click.echo(_in_use(stand))
    if out is not None:
        version = None if stand is None else stand.version
        write(out, {"lifts": [asdict(one) for one in found], "version_in_use": version})


def _in_use(stand: Stand | None) -> str:
    if stand is None:
        return "decisions: by the rules and the model, until the server has learnt something"
    return f"decisions: version {stand.version} of what was randomised, as of {stand.as_of:%d %b %Y %H:%M} UTC"


@outcomes.command("before-after")
@click.option("--in", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="CSV: before,after,roi, a line a month; roi in percent.")  # fmt: skip
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
def before_after_months(file: Path, out: Path | None) -> None:
    """Months before and after something was begun: arithmetic, which says nothing of what caused it."""
    found = months.read(file)
    click.echo("\n".join(months.told(found)))
    if out is not None:
        write(out, asdict(found))


@outcomes.command("whole")
@click.option("--margin", type=click.FloatRange(0, 1), help="Of what is spent; without it, no ROI.")
@click.option("--per-send", type=click.FloatRange(0), default=0.0, show_default=True, help="Minor units.")
@click.option("--fixed-cost", "fixed", type=click.FloatRange(0), default=0.0, show_default=True,
              help="Minor units a month.")  # fmt: skip
@click.option("--currency", help="ISO 4217; needed where purchases are in several.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the months there, as PNG or SVG.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write every figure there.")
@with_config
def tell_whole(config_path: Path | None, currency: str | None, plot: Path | None, out: Path | None,
               **said: Any) -> None:  # fmt: skip
    """Months before and after the first push with their return, beside what the holdout says."""
    costs = whole.Costs(**said)
    with database(config_path) as engine, db.reading(engine) as connection:
        found = observed.record(connection, currency, at := now())
        terms = Terms(now=at, **_shares(config_path), **asdict(costs))
        overall = [one for one in report.report(found, _arms(connection, terms), terms)
                   if one.experiment == GLOBAL]  # fmt: skip
    zone = local_time.zone(load(config_path).timezone) or ZoneInfo(local_time.UNSAID)
    compared = whole.whole(found, costs, zone, at)
    click.echo("\n".join([*whole.told(compared), *report.told(overall, found.currency)]))
    if plot is not None:
        _drawn(plot, compared)
    if out is not None:
        experiments = [report.document(one) for one in overall]
        write(out, {"before_after": whole.document(compared), "experiments": experiments})


def _drawn(path: Path, compared: Whole | Untold) -> None:
    if isinstance(compared, Untold):
        raise CommandError(f"nothing to draw in {path}: {compared.why}")
    whole_picture.draw(path, compared)


@outcomes.command("simulate")
@click.option("--homes", type=click.IntRange(10), default=600, show_default=True)
@click.option("--days", type=click.IntRange(10), default=240, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--need", "name", default="damp-air", show_default=True, help="Whose remedies are offered.")
@click.option("--live", is_flag=True, help="On a database, by the server's own decisions; --homes a wave.")
def simulate(homes: int, days: int, seed: int, name: str, live: bool) -> None:
    """Play the loop on simulated homes whose true lifts are drawn, and show what is learnt of them."""
    from aircue_cloud.outcomes.simulation import loop

    found = needs.load().by_name.get(name)
    if found is None:
        raise CommandError(f"no need {name}; known are {', '.join(needs.load().by_name)}")
    truth = loop.drawn_lifts(found, seed)
    if live:
        click.echo("\n".join(_played_live(found, truth, homes, seed)))
        return
    terms = loop.Terms(need=found, lifts=truth, homes=homes, days=days, seed=seed)
    click.echo("\n".join(loop.told(terms, loop.run(terms))))


def _played_live(need: Need, truth: Mapping[str, float], homes: int, seed: int) -> list[str]:
    from aircue_cloud.outcomes.simulation import live

    terms = live.Terms(need=need, lifts=truth, homes=homes, seed=seed)
    with TemporaryDirectory(prefix="aircue-simulated-") as folder:
        engine = db.open_database(db.sqlite_url(str(Path(folder) / "store.db")))
        try:
            return list(live.told(terms, live.run(engine, terms), live.found(engine, terms)))
        finally:
            engine.dispose()
