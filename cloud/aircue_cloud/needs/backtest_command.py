"""`aircue-cloud needs backtest`: a need on what was measured and told in the past, from files or from the store."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from aircue_cloud import db
from aircue_cloud.app import open_objects
from aircue_cloud.commands.terminal import database, load, now, place, say, with_config
from aircue_cloud.decision import local_time
from aircue_cloud.decision.settings import Settings
from aircue_cloud.errors import CommandError
from aircue_cloud.layers.lake import Lake
from aircue_cloud.needs import backtest_picture, holding, needs, past
from aircue_cloud.needs.backtest import (
    CLEANED,
    RAW,
    SOMEBODY,
    TRUSTED,
    Backtest,
    Course,
    Decided,
    Household,
    usual,
    watched,
)
from aircue_cloud.needs.backtest import backtest as run
from aircue_cloud.needs.needs import OUTDOOR, ROOM, Need
from aircue_cloud.needs.nodes import named
from aircue_cloud.triggers import past as triggers
from aircue_cloud.weather.course import Told
from aircue_gateway.config import CleaningConfig, ConfigError, load_cleaning

_LISTED = 30  # episodes
_BAD_LISTED = 10  # rows
_COURSES = {
    RAW: "every reading",
    TRUSTED: "without flagged ones: what the cloud follows and decides on",
    CLEANED: "smoothed as well: what the gateway's rules look at",
}

_PATH = click.Path(path_type=Path)


@click.command("backtest")
@click.option("--need", "what", required=True, metavar="FILE", help="A need's TOML file, or the name of a known need.")
@click.option(
    "--readings", type=_PATH, help="CSV: node, quantity, measured_at, value; or JSON. Without it, the store's."
)
@click.option(
    "--weather",
    type=_PATH,
    help="CSV: area, hour, temperature, humidity, condition; for needs that ask for it.",
)
@click.option("--days", type=click.IntRange(1, 3660), default=30, show_default=True, help="Of the store's readings.")
@click.option("--site", help="Of the store's; needed where there are several.")
@click.option("--zone", help="Where the home lies, such as Europe/Berlin; the store's word for a site of it.")
@click.option("--cleaning", type=_PATH, help="A gateway's configuration; without it, its cleaning as it ships.")
@click.option("--plot", type=_PATH, help="Draw the series, FILE.svg or FILE.png.")
@click.option("--json", "out", type=_PATH, help="Write every episode and decision there.")
@with_config
def backtest(
    what: str,
    readings: Path | None,
    weather: Path | None,
    days: int,
    site: str | None,
    zone: str | None,
    cleaning: Path | None,
    plot: Path | None,
    out: Path | None,
    config_path: Path | None,
) -> None:
    """Say which episodes a need would have had, and what would have been sent."""
    need, filters, where = _need(what, config_path), _cleaning(cleaning), _zone(zone)
    if plot is not None:
        backtest_picture.checked(plot)
    settings, counted = load(config_path).pushes, past.Counted()
    household = SOMEBODY if where is None else replace(SOMEBODY, site_zone=where.key)
    told = {} if weather is None else triggers.told_in(weather)
    if readings is not None or weather is not None:
        courses = _of_files(need, readings, told, counted)
        usual_ = usual(settings, household)
        beside = triggers.beside_weather(told)
        found = run(need, courses, settings=usual_, household=household, cleaning=filters, beside=beside)
    else:
        since = now() - timedelta(days=days)
        found, household = _of_store(need, config_path, site, where, since, settings, filters)
    shown = household.wishes.place(household.site_zone, settings).zone
    _tell(need, found, readings, counted, shown)
    if plot is not None:
        backtest_picture.draw(plot, found, shown)
    if out is not None:
        out.write_text(json.dumps(document(found, counted), indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(summary(found, counted)))


def _need(what: str, config_path: Path | None) -> Need:
    """A file's; else the one of this name, the store's own where one is told."""
    if Path(what).suffix == ".toml" or Path(what).exists():
        return needs.load_file(Path(what))
    known = holding.held(config_path).by_name
    if what not in known:
        raise CommandError(f"{what} is no file and no need that is known; known are {', '.join(known)}")
    return known[what]


def _cleaning(path: Path | None) -> CleaningConfig:
    try:
        return CleaningConfig() if path is None else load_cleaning(path)
    except ConfigError as error:
        raise CommandError(str(error)) from error


def _zone(name: str | None) -> ZoneInfo | None:
    found = None if name is None else local_time.zone(name)
    if name is not None and found is None:
        raise CommandError(f"--zone {name}: expected a time zone of the IANA database, such as Europe/Berlin")
    return found


def _of_files(
    need: Need, readings: Path | None, told: Mapping[str, Sequence[Told]], counted: past.Counted
) -> Iterator[Course]:
    """SettingsError where they say nothing of what triggers the need."""
    if need.source == OUTDOOR and told:
        return triggers.of_file(need, told)
    if readings is None and need.source == ROOM:
        raise CommandError(f"need {need.name}: a room's {need.quantity} triggers it: say --readings FILE too")
    quantities = watched(need)
    assert readings is not None
    return past.from_file(readings, quantities, counted)


def _of_store(
    need: Need,
    config_path: Path | None,
    site: str | None,
    zone: ZoneInfo | None,
    since: datetime,
    settings: Settings,
    filters: CleaningConfig,
) -> tuple[Backtest, Household]:
    with database(config_path) as engine, db.reading(engine) as connection:
        whose = past.site_of(connection, site)
        household = past.household_of(connection, whose)
        if zone is not None:
            household = replace(household, site_zone=zone.key)
        until = now()
        if need.source == ROOM:
            lake = Lake(open_objects(load(config_path), place(config_path)))
            courses = past.from_lake(connection, lake, whose, since, watched(need))
        else:
            courses = triggers.of_store(connection, need, whose, household, since, until)
        found = run(
            need,
            courses,
            settings=usual(settings, household),
            household=household,
            cleaning=filters,
            beside=triggers.beside_store(connection, whose, household, settings),
            until=until,
        )
        return found, household


# In words.


def _tell(need: Need, found: Backtest, path: Path | None, counted: past.Counted, zone: ZoneInfo) -> None:
    for bad in counted.bad[:_BAD_LISTED]:
        say(f"{path}: line {bad.line}: {bad.reason}")
    if counted.bad_rows > _BAD_LISTED:
        say(f"{path}: {counted.bad_rows - _BAD_LISTED} more rows could not be read")
    click.echo("\n".join(_lines(need, found, counted, zone)))


def _lines(need: Need, found: Backtest, counted: past.Counted, zone: ZoneInfo) -> Iterator[str]:
    rule = need.rule
    lasting = f"for {rule.dwell_s / 60:g} min"
    yield f"{need.name}: {rule.quantity} {rule.direction} {rule.enter:g} (exit {rule.exit:g}) {lasting}"
    if found.missing:
        yield f"nothing was measured of {', '.join(found.missing)}, which the need asks for"
    if found.first is not None and found.last is not None:
        where = ", ".join(map(named, found.nodes))
        yield f"{where}; {_time(found.first, zone)} to {_time(found.last, zone)}, {zone.key}"
    yield from _counts(counted)
    yield ""
    yield f"{'course':10}{'readings':>10}{'crossings':>11}{'episodes':>10}{'minutes':>10}"
    for name, words in _COURSES.items():
        one = found.sides[name]
        yield f"{name:10}{one.readings:>10}{one.crossings:>11}{len(one.episodes):>10}{one.minutes:>10.0f}  {words}"
    flags = ", ".join(f"{name} {number}" for name, number in found.flags.items())
    yield f"flagged: {flags or 'none'}"
    yield ""
    yield "candidates: " + "; ".join(
        f"{one.category} (lift {one.lift:g}, score {one.score:.2f}{'' if one.arm else ', not worth it'})"
        for one in found.candidates
    )
    held = ", ".join(f"{gate} {number}" for gate, number in found.held.items())
    yield f"of {len(found.decisions)} episodes {len(found.sends)} led to an offer; held by: {held or 'nothing'}"
    yield from _table(found.decisions, zone)
    yield ""
    yield from (f"assumed: {text}" for text in found.assumed)


def _counts(counted: past.Counted) -> Iterator[str]:
    if counted.rows:
        told = {
            "readings": counted.readings,
            "of other quantities": counted.unused,
            "empty": counted.empty,
            "repeated": counted.repeated,
            "bad": counted.bad_rows,
        }
        yield f"{counted.rows} rows: " + ", ".join(f"{number} {what}" for what, number in told.items() if number)


def _table(decided: Sequence[Decided], zone: ZoneInfo) -> Iterator[str]:
    for one in decided[:_LISTED]:
        episode = one.episode
        end = "lasts" if episode.end is None else _time(episode.end, zone)
        came = f"{one.outcome} at {_time(one.at, zone)}" if not one.gate else f"{one.outcome}: {one.gate}"
        when = f"{_time(episode.start, zone)} - {end:17}"
        yield f"  {named(episode.node)}  {when}  {episode.minutes:5.0f} min  peak {episode.peak:.6g}  {came}"
    if len(decided) > _LISTED:
        yield f"  and {len(decided) - _LISTED} more"


def _time(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%d %b %Y %H:%M}"


# As JSON.


def summary(found: Backtest, counted: past.Counted) -> dict[str, Any]:
    sides = {
        name: {
            "readings": one.readings,
            "crossings": one.crossings,
            "episodes": len(one.episodes),
            "minutes": round(one.minutes, 1),
        }
        for name, one in found.sides.items()
    }
    return {
        "need": found.need,
        "nodes": len(found.nodes),
        **sides,
        "flags": dict(found.flags),
        "missing": list(found.missing),
        "decisions": len(found.decisions),
        "sends": len(found.sends),
        "held": dict(found.held),
        "rows": counted.rows,
        "repeated": counted.repeated,
        "bad_rows": counted.bad_rows,
    }


def document(found: Backtest, counted: past.Counted) -> dict[str, Any]:
    return {
        **summary(found, counted),
        "candidates": [vars(one) for one in found.candidates],
        "episodes": {name: [_episode(one) for one in side.episodes] for name, side in found.sides.items()},
        "decided": [_decided(one) for one in found.decisions],
        "assumed": list(found.assumed),
        "bad": [{"line": one.line, "reason": one.reason} for one in counted.bad],
    }


def _episode(one: Any) -> dict[str, Any]:
    return {name: _iso(value) for name, value in vars(one).items()}


def _decided(one: Decided) -> dict[str, Any]:
    return {**{name: _iso(value) for name, value in vars(one).items() if name != "episode"}, **_named(one)}


def _named(one: Decided) -> dict[str, Any]:
    return {"node": one.episode.node, "start": _iso(one.episode.start)}


def _iso(value: Any) -> Any:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
