"""The console as data: what stands where, in words and drawings, ready to be put into the template. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

from aircue_cloud import db
from aircue_cloud.needs import nodes
from aircue_cloud.needs.needs import Need, Needs
from aircue_cloud.web import charts, wording
from aircue_cloud.web.charts import Bucket, Chart, Flagged, Mark, Shade, Threshold
from aircue_cloud.web.queries import Sender, Series

WINDOWS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
}
WIDEST_UNASKED = "24h"
SILENT_AFTER = timedelta(minutes=15)
AHEAD = timedelta(hours=1)
TABLE_ROWS = 12

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Window:
    """The span all charts share."""

    name: str
    start: datetime
    end: datetime

    @property
    def start_ms(self) -> int:
        return db.to_ms(self.start)

    @property
    def end_ms(self) -> int:
        return db.to_ms(self.end)


@dataclass(frozen=True, kw_only=True)
class Figure:
    label: str
    value: str
    note: str = ""  # with a place for count
    tone: str = ""
    count: str = ""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A row of the table behind a chart."""

    since: str
    low: str
    mean: str
    high: str
    readings: str


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A quantity of a node: its latest value and its course."""

    key: str
    quantity: str
    label: str
    value: str
    unit: str
    flag: str
    needs: tuple[str, ...]
    chart: Markup
    table: tuple[Slice, ...]


@dataclass(frozen=True, kw_only=True)
class Card:
    """A node. silent: nothing has come from it for a while."""

    key: str
    node: str
    site: str
    household: str
    zone: str
    heard: str
    silent: bool
    origin: str
    drawn: tuple[Drawn, ...]


@dataclass(frozen=True, kw_only=True)
class EpisodeLine:
    need: str
    node: str
    site: str
    started: str
    lasted: str
    peak: str
    standing: str
    outcome: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class PushLine:
    id: str
    household: str
    title: str
    text: str
    product: str
    price: str
    reason: str
    at: str
    origin: str


@dataclass(frozen=True, kw_only=True)
class DeclinedLine:
    id: int
    need: str
    node: str
    site: str
    reason: str
    at: str


def window(name: str | None, first: datetime | None, latest: Sequence[datetime], now: datetime) -> Window:
    """The one asked for; else the smallest that shows everything, up to WIDEST_UNASKED.

    It ends at the latest reading. A clock that runs ahead may not drag it away from everybody else's readings.
    """
    end = max((at for at in latest if at <= now + AHEAD), default=now)
    chosen = name if name in WINDOWS else _fitting(end - first if first is not None else timedelta())
    return Window(name=chosen, start=end - WINDOWS[chosen], end=end)


def _fitting(span: timedelta) -> str:
    fitting = (name for name, width in WINDOWS.items() if width >= span or name == WIDEST_UNASKED)
    return next(fitting)


def zone(name: str | None) -> ZoneInfo:
    """A site whose zone this machine does not know is shown in UTC, and the axis says so."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def figures(counts: Mapping[str, int]) -> list[Figure]:
    batches, opened, held = (wording.count(counts[name]) for name in ("batches", "open_episodes", "declined"))
    lost = "warn" if counts["losses"] else "good"
    return [
        Figure(label="Nodes", value=wording.count(counts["nodes"])),
        Figure(label="Readings", value=wording.count(counts["readings"]), note="in {count} batches", count=batches),
        Figure(label="Episodes", value=wording.count(counts["episodes"]), note="{count} open", count=opened),
        Figure(label="Pushes", value=wording.count(counts["pushes"]), note="{count} held back", count=held),
        Figure(label="Redelivered", value=wording.count(counts["redelivered_batches"]), note="batches"),
        Figure(label="Lost, declared", value=wording.count(counts["losses"]), note="samples", tone=lost),
    ]


def card(newest: Series, sender: Sender, drawn: Sequence[Drawn], *, tz: ZoneInfo, home: str, now: datetime) -> Card:
    """newest: the series of the node that was heard last, and who sent its reading. home: empty for none."""
    return Card(
        key=f"{newest.site}/{newest.node}",
        node=newest.node,
        site=newest.site,
        household=home,
        zone=str(tz),
        heard=wording.time(newest.measured_at, tz),
        silent=now - sender.ingested_at > SILENT_AFTER,
        origin=f"installation {sender.installation:08x}, boot {sender.boot}, sample {sender.sequence}",
        drawn=tuple(drawn),
    )


def draw(
    one: Series,
    shown: Window,
    course: tuple[Sequence[Bucket], Sequence[Flagged]],
    episodes: Iterable[Row],
    needs: Needs,
    tz: ZoneInfo,
    *,
    raw: Sequence[Bucket] = (),
    pushes: Iterable[Row] = (),
) -> Drawn:
    buckets, flagged = course
    words = wording.quantity(one.quantity)
    unit = wording.unit(one.unit)
    mine = [
        row for row in episodes if (row["site"], row["node"], row["quantity"]) == (one.site, one.node, one.quantity)
    ]
    chart = Chart(
        label=_description(one, words.label, unit, buckets, len(flagged), len(mine)),
        start_ms=shown.start_ms,
        end_ms=shown.end_ms,
        zone=tz,
        least_span=words.least_span,
        buckets=buckets,
        flagged=flagged,
        shades=[_shade(row, needs, tz) for row in mine],
        thresholds=thresholds(_watching(needs, one.quantity)),
        raw=raw,
        unit=unit,
        decimals=words.decimals,
        pushes=[_mark(row, tz) for row in pushes if (row["node"], row["quantity"]) == (one.node, one.quantity)],
    )
    return Drawn(
        key=f"{one.site}/{one.node}/{one.quantity}",
        quantity=one.quantity,
        label=words.label,
        value=f"{one.value:.{words.decimals}f}",
        unit=unit,
        flag="" if one.flag == "OK" else one.flag.lower(),
        needs=tuple(need_title(needs, row["need"]) for row in mine if row["open"]),
        chart=charts.svg(chart),
        table=tuple(table(buckets, shown, words.decimals, tz)),
    )


def in_order(series: Iterable[Series]) -> list[Series]:
    """As the table of quantities has them, then by name."""
    places = {name: place for place, name in enumerate(wording.QUANTITIES)}
    return sorted(series, key=lambda one: (places.get(one.quantity, len(places)), one.quantity))


def _description(one: Series, label: str, unit: str, buckets: Sequence[Bucket], flagged: int, episodes: int) -> str:
    """The chart in a sentence, for those who do not see it."""
    if not buckets:
        return f"{label} of {one.node}: no readings in this window"
    low, high = min(bucket.low for bucket in buckets), max(bucket.high for bucket in buckets)
    said = f"{label} of {one.node}: {low:g} to {high:g} {unit}".strip()
    return f"{said}, {episodes} episodes, {flagged} flagged readings"


def _shade(row: Row, needs: Needs, tz: ZoneInfo) -> Shade:
    ended = row["ended_at"]
    until = "still open" if ended is None else f"until {wording.day_and_time(ended, tz)}"
    return Shade(
        start_ms=db.to_ms(row["started_at"]),
        end_ms=None if ended is None else db.to_ms(ended),
        label=f"{need_title(needs, row['need'])} from {wording.day_and_time(row['started_at'], tz)}, {until}",
    )


def _mark(row: Row, tz: ZoneInfo) -> Mark:
    label = f"Push at {wording.day_and_time(row['created_at'], tz)}: {row['title']}"
    return Mark(at_ms=db.to_ms(row["created_at"]), label=label)


def _watching(needs: Needs, quantity: str) -> list[Need]:
    return [need for need in needs.by_name.values() if need.rule.quantity == quantity]


def thresholds(found: Sequence[Need]) -> list[Threshold]:
    """Needs that begin past the same value share a line and its label."""
    titles: dict[tuple[str, float], list[str]] = {}
    for need in found:
        side = "over" if need.rule.direction == "above" else "under"
        titles.setdefault((side, need.rule.enter), []).append(need.title)
    return [
        Threshold(value=value, label=f"{', '.join(some)} {side} {value:g}") for (side, value), some in titles.items()
    ]


def need_title(needs: Needs, name: str) -> str:
    """A need that was taken away since is shown by its name."""
    need = needs.by_name.get(name)
    return name if need is None else need.title


def table(buckets: Sequence[Bucket], shown: Window, decimals: int, tz: ZoneInfo) -> Iterable[Slice]:
    """Newest first, the window in TABLE_ROWS slices; empty ones are left out."""
    width = (shown.end_ms - shown.start_ms) // TABLE_ROWS + 1
    slices: dict[int, list[Bucket]] = {}
    for bucket in buckets:
        slices.setdefault((bucket.first_ms - shown.start_ms) // width, []).append(bucket)
    for index, found in sorted(slices.items(), reverse=True):
        counted = sum(bucket.count for bucket in found)
        mean = sum(bucket.mean * bucket.count for bucket in found) / counted
        yield Slice(
            since=wording.day_and_time(db.from_ms(shown.start_ms + index * width), tz),
            low=f"{min(bucket.low for bucket in found):.{decimals}f}",
            mean=f"{mean:.{decimals}f}",
            high=f"{max(bucket.high for bucket in found):.{decimals}f}",
            readings=wording.count(counted),
        )


def place(node: str) -> str:
    """A node by its name; what stands in a node's place in words."""
    return nodes.told(node) if node.startswith("@") else node


def episode_line(row: Row, needs: Needs, tz: ZoneInfo, units: Mapping[str, str], last: datetime) -> EpisodeLine:
    """last: the newest reading anywhere, up to which an open episode has lasted."""
    end = row["ended_at"] or max(last, row["started_at"])
    words = wording.quantity(row["quantity"])
    peak = f"{row['peak']:.{words.decimals}f} {units.get(row['quantity'], '')}"
    return EpisodeLine(
        need=need_title(needs, row["need"]),
        node=place(row["node"]),
        site=row["site"],
        started=wording.day_and_time(row["started_at"], tz),
        lasted=wording.span((end - row["started_at"]).total_seconds()),
        peak=peak.strip(),
        standing=_standing(row),
        outcome=_OUTCOMES.get(row["outcome"], "not decided"),
        reason=wording.sentence(row["reason"] or ""),
    )


_OUTCOMES = {"send": "push sent", "suppress": "held back", "defer": "waits", "ghost": "held out"}


def _standing(row: Row) -> str:
    if row["withdrawn"]:
        return "withdrawn"
    return "open" if row["open"] else "ended"


def push_line(row: Row, tz: ZoneInfo) -> PushLine:
    return PushLine(
        id=row["id"],
        household=row["household_name"],
        title=row["title"],
        text=row["text"],
        product=row["product_name"],
        price=wording.price(row["price_minor"], row["currency"]),
        reason=row["reason"],
        at=wording.day_and_time(row["created_at"], tz),
        origin=f"{place(row['node'])}, {row['site']}, reading of {_measured(row['trigger'], tz)}",
    )


def _measured(trigger: Mapping[str, Any], tz: ZoneInfo) -> str:
    return wording.day_and_time(datetime.fromisoformat(trigger["measured_at"]), tz)


def declined_line(row: Row, needs: Needs, tz: ZoneInfo) -> DeclinedLine:
    return DeclinedLine(
        id=row["id"],
        need=need_title(needs, row["need"]),
        node=place(row["node"]),
        site=row["site"],
        reason=wording.sentence(row["reason"]),
        at=wording.day_and_time(row["at"], tz),
    )
