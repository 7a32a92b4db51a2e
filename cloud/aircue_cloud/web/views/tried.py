"""A need tried on past readings, as a page shows it: the version that holds beside the one that is being written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.decision.policy import GHOST, SEND
from aircue_cloud.decision.settings import Settings
from aircue_cloud.layers.lake import Lake
from aircue_cloud.needs import past
from aircue_cloud.needs.backtest import CLEANED, RAW, TRUSTED, Backtest, Decided, Drawn, Episode, Household, watched
from aircue_cloud.needs.backtest import backtest as run
from aircue_cloud.needs.needs import Need
from aircue_cloud.triggers import past as past_around
from aircue_cloud.web import charts, page, wording
from aircue_cloud.web.charts import Bucket, Chart, Flagged, Shade, Threshold
from aircue_cloud.web.page import Slice, Window

MOST_CHARTS = 6
OUTCOMES = {SEND: "offered", GHOST: "held out"}
COURSES = {
    RAW: "every reading",
    TRUSTED: "without flagged ones: what is decided on",
    CLEANED: "smoothed as well: what gateways look at",
}


@dataclass(frozen=True, kw_only=True)
class Tried:
    """zone: of the home, in which times are written. label: which version it is."""

    label: str
    found: Backtest
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Panel:
    """table: the figures behind the chart."""

    node: str
    chart: Markup
    table: tuple[Slice, ...]


def tried(
    connection: Connection, lake: Lake, need: Need, site: str, since: datetime, settings: Settings, label: str
) -> Tried:
    """CommandError where the site is not known. Offers are the best ones, none is drawn; where nobody has claimed the
    home, nobody is held out."""
    whose = past.household_of(connection, past.site_of(connection, site))
    courses = past.from_lake(connection, lake, site, since, watched(need))
    beside = past_around.beside_store(connection, site, whose, settings)
    found = run(need, courses, settings=_usual(settings, whose), household=whose, beside=beside)
    return Tried(label=label, found=found, zone=whose.wishes.place(whose.site_zone, settings).zone)


def _usual(settings: Settings, whose: Household) -> Settings:
    usual = replace(settings, explore=False)
    return usual if whose.given else replace(usual, holdout=0.0, need_holdout=0.0)


def panels(one: Tried, unit: str) -> list[Panel]:
    """A chart for each node, the first few."""
    return [
        Panel(node=drawn.node, chart=_chart(drawn, one, unit), table=tuple(_table(drawn, one)))
        for drawn in one.found.drawn[:MOST_CHARTS]
    ]


def _buckets(drawn: Drawn) -> list[Bucket]:
    return coarser([Bucket(*piece) for piece in drawn.raw], charts.BUCKETS)


def _table(drawn: Drawn, one: Tried) -> Iterable[Slice]:
    assert one.found.first is not None
    assert one.found.last is not None
    shown = Window(name="", start=one.found.first, end=one.found.last)
    decimals = wording.quantity(drawn.quantity.rpartition(".")[2]).decimals
    return page.table(_buckets(drawn), shown, decimals, one.zone)


def _chart(drawn: Drawn, one: Tried, unit: str) -> Markup:
    episodes = [episode for episode in one.found.sides[TRUSTED].episodes if episode.node == drawn.node]
    came = {decided.episode: decided for decided in one.found.decisions}
    label = wording.quantity(drawn.quantity.rpartition(".")[2])
    assert one.found.first is not None
    assert one.found.last is not None
    chart = Chart(
        label=f"{label.label} of {drawn.node}, with the episodes of {one.found.need}",
        start_ms=db.to_ms(one.found.first),
        end_ms=db.to_ms(one.found.last),
        zone=one.zone,
        least_span=label.least_span,
        unit=unit,
        decimals=label.decimals,
        buckets=_buckets(drawn),
        flagged=[Flagged(round(at * 1000), value, "flagged") for at, value in drawn.flagged],
        shades=[_shade(episode, came.get(episode), one.zone, unit) for episode in episodes],
        thresholds=[Threshold(value=drawn.enter, label=f"{drawn.enter:g} {unit}".rstrip())],
    )
    return charts.svg(chart)


def _shade(episode: Episode, came: Decided | None, zone: ZoneInfo, unit: str) -> Shade:
    said = f"{wording.day_and_time(episode.start, zone)}, {wording.span(episode.minutes * 60)}, peak {episode.peak:.4g}"
    end = None if episode.end is None else db.to_ms(episode.end)
    label = f"{said} {unit}: {'' if came is None else outcome(came)}"
    return Shade(start_ms=db.to_ms(episode.start), end_ms=end, label=label)


def outcome(one: Decided) -> str:
    return OUTCOMES.get(one.outcome, f"{one.outcome}: {one.gate}")


def coarser(found: Sequence[Bucket], most: int) -> list[Bucket]:
    """Neighbours together, until there are no more than these."""
    step = -(-len(found) // most) or 1
    return [_together(found[place : place + step]) for place in range(0, len(found), step)]


def _together(some: Sequence[Bucket]) -> Bucket:
    count = sum(one.count for one in some)
    return Bucket(
        first_ms=some[0].first_ms,
        last_ms=some[-1].last_ms,
        low=min(one.low for one in some),
        mean=sum(one.mean * one.count for one in some) / count,
        high=max(one.high for one in some),
        count=count,
    )
