"""The status page: a snapshot as one page without scripts, for whoever stands before the gateway."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Any

_REFRESH_S = 5
_STALE_MS = 10 * 60_000
_STYLE = """
:root { color-scheme: light dark; --quiet: #667; --line: #8884; --bad: #c22; --good: #180; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0 } h2 { font-size: 1rem; margin: 2rem 0 .4rem }
p { margin: .2rem 0; color: var(--quiet) }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 500; color: var(--quiet) } td.number { font-variant-numeric: tabular-nums }
.facts td:first-child { width: 18rem }
.bad { color: var(--bad) } .good { color: var(--good) } .quiet { color: var(--quiet) }
.scroll { overflow-x: auto }
@media (prefers-color-scheme: dark) { :root { --quiet: #99a; --bad: #f77; --good: #7d5 } }
"""


def page(snapshot: dict[str, Any]) -> bytes:
    """HTML, UTF-8."""
    name = escape(snapshot["gateway"])
    parts = (_head, _nodes, _rooms, _needs, _uplink, _counters)
    body = "\n".join(part(snapshot) for part in parts)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{_REFRESH_S}"><title>{name} - Aircue gateway</title><style>{_STYLE}</style></head>
<body>{body}</body></html>
""".encode()


def _head(snapshot: dict[str, Any]) -> str:
    hours, minutes = divmod(int(snapshot["uptime_s"]) // 60, 60)
    facts = (
        f"version {snapshot['version']}",
        f"up {hours} h {minutes} min",
        f"{snapshot['rss_bytes'] / 1e6:.0f} MB of memory",
        _counted(snapshot["connections"], "connection"),
    )
    return f"<h1>{escape(snapshot['gateway'])}</h1><p>{escape(' · '.join(facts))}</p>"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _nodes(snapshot: dict[str, Any]) -> str:
    if not snapshot["nodes"]:
        return "<h2>Nodes</h2><p>None yet. <code>aircue-gateway node add NAME --site SITE</code> adds one.</p>"
    rows = [_node(node, snapshot["now_ms"]) for node in snapshot["nodes"]]
    return "<h2>Nodes</h2>" + _table(("Node", "Site", "Air", "Last sample", "Samples"), rows)


def _node(node: dict[str, Any], now_ms: int) -> tuple[str, ...]:
    values = " &nbsp; ".join(_value(row) for row in node["values"]) or '<span class="quiet">nothing yet</span>'
    return escape(node["node"]), escape(node["site"]), values, _heard(node, now_ms), f"{node['samples']:,}"


def _value(row: dict[str, Any]) -> str:
    number = "-" if row["value"] is None else f"{row['value']:g}"
    unit = {"Cel": "°C", "1": "", "ug/m3": "µg/m³"}.get(row["unit"], row["unit"])
    flag = "" if row["status"] in ("ok", "gap") else f' <span class="bad">{escape(row["status"])}</span>'
    return f'<span class="quiet">{escape(row["quantity"])}</span> {number} {escape(unit)}{flag}'


def _heard(node: dict[str, Any], now_ms: int) -> str:
    if node["received_at_ms"] is None:
        return '<span class="bad">never</span>'
    age_ms = max(0, now_ms - node["received_at_ms"])
    css = "bad" if age_ms > _STALE_MS or node["online"] is False else "good"
    gone = ", has left" if node["online"] is False else ""
    return f'<span class="{css}">{_age(age_ms / 1000)} ago{gone}</span>'


def _age(seconds: float) -> str:
    for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"


def _rooms(snapshot: dict[str, Any]) -> str:
    """What several nodes say of one air."""
    if not snapshot["rooms"]:
        return ""
    rows = [(escape(one["room"]), escape(one["site"]), _merged(one), escape(", ".join(one["nodes"])))
            for one in snapshot["rooms"]]  # fmt: skip
    return "<h2>Rooms</h2>" + _table(("Room", "Site", "Air", "Merged from"), rows)


def _merged(room: dict[str, Any]) -> str:
    rows = [{**row, "value": round(row["value"], 2), "status": "ok"} for row in room["values"]]
    apart = sorted({node for row in room["values"] for node in row["apart"]})
    said = f' <span class="bad">apart: {escape(", ".join(apart))}</span>' if apart else ""
    return (" &nbsp; ".join(map(_value, rows)) or '<span class="quiet">nothing yet</span>') + said


def _needs(snapshot: dict[str, Any]) -> str:
    if not snapshot["needs"]:
        return ""
    rows = [
        (escape(row["node"]), escape(row["need"]), escape(row["phase"]), _clock(row["since"]))
        for row in snapshot["needs"]
    ]
    return "<h2>Needs of the air</h2>" + _table(("Node", "Need", "Phase", "Since"), rows)


def _clock(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _uplink(snapshot: dict[str, Any]) -> str:
    uplink = snapshot["uplink"]
    trouble = uplink["trouble"]
    state = f'<span class="bad">{escape(trouble)}</span>' if trouble else '<span class="good">in order</span>'
    delivered = uplink["delivered_at_ms"]
    last = "not since the start" if delivered is None else f"{_age((snapshot['now_ms'] - delivered) / 1000)} ago"
    rows = [
        ("Cloud", escape(uplink["to"])),
        ("State", state),
        ("Last batch delivered", last),
        ("Batches waiting", f"{snapshot['waiting_batches']:,}"),
        ("Samples not yet in a batch", f"{snapshot['waiting_samples']:,}"),
    ]
    return "<h2>Uplink</h2>" + _table((), rows)


def _counters(snapshot: dict[str, Any]) -> str:
    rows = [(escape(name), f"{count:,}") for name, count in snapshot["counters"].items() if count]
    return "<h2>Counted</h2>" + _table((), rows) if rows else ""


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Cells are HTML already."""
    head = "<tr>" + "".join(f"<th>{one}</th>" for one in heads) + "</tr>" if heads else ""
    body = "".join("<tr>" + "".join(f'<td class="number">{cell}</td>' for cell in row) + "</tr>" for row in rows)
    css = "" if heads else ' class="facts"'
    return f'<div class="scroll"><table{css}>{head}{body}</table></div>'
