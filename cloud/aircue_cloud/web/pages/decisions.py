"""Decisions: why somebody got an offer or did not, gate by gate, as the record has it."""

from datetime import timedelta
from typing import Any

from flask import Response, abort, request, url_for

from aircue_cloud import db
from aircue_cloud.decision import why
from aircue_cloud.decision.policy import SEND
from aircue_cloud.needs.needs import Needs
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame, reasons
from aircue_cloud.web import page as pages_page
from aircue_cloud.web.listing import Cell, Column, Listing, Row
from aircue_cloud.web.reasons import Asked, Held

blueprint = frame.blueprint("decisions", __name__)
PERIODS = {"1": "a day", "7": "a week", "30": "30 days", "365": "a year"}
USUAL = "7"
OUTCOMES = {"send": "push sent", "suppress": "held back", "defer": "waits", "ghost": "held out"}
_MARKS = {
    "pass": Cell(text="passed", tone="good", word=True),
    "fail": Cell(text="stopped here", tone="warn", word=True),
}
_NOT_REACHED = Cell(text="not asked", tone="soft", word=True)
_LONGEST = 128


@blueprint.get("/decisions")
@requires("decisions:read")
def page() -> Response:
    known = services()
    now = known.intake.clock()
    period = request.args.get("days", USUAL)
    period = period if period in PERIODS else USUAL
    asked, span = _asked(), (now - timedelta(days=int(period)), now)
    with db.reading(known.engine) as connection:
        rows = reasons.listed(connection, asked, span, request.args.get("before", type=int), frame.most() + 1)
        held = reasons.held(connection, asked, span)
    return frame.page(
        "console/decisions.html",
        title="Decisions",
        listings=[_listing(rows, frame.most(), known.needs), _held(held)],
        asked=asked,
        periods=PERIODS,
        period=period,
        outcomes=OUTCOMES,
    )


@blueprint.get("/decisions/<int:decision>")
@requires("decisions:read")
def decision(decision: int) -> Response:
    with db.reading(services().engine) as connection:
        row = reasons.one(connection, decision) if decision < 2**63 else None
    if row is None:
        abort(404, f"decision {decision} is not known: look for it among the decisions")
    told = why.answer(row)
    return frame.page(
        "console/decision.html",
        title=frame.say("Decision {number}", number=decision),
        crumbs=[("Decisions", url_for(".page")), (str(decision), "")],
        listings=[_gates(row), _candidates(row)],
        row=row,
        lines=told.lines[:2],
        outcome=OUTCOMES.get(row["outcome"], row["outcome"]),
        note=row["trace"]["note"],
    )


def _asked() -> Asked:
    said = {name: request.args.get(name, "").strip()[:_LONGEST] for name in ("person", "household", "push", "outcome")}
    return Asked(**said)


def _listing(rows: list[dict[str, Any]], most: int, needs: Needs) -> Listing:
    more = ""
    if len(rows) > most:
        more = url_for(".page", **{**request.args.to_dict(), "before": rows[most - 1]["id"]})
    columns = ("At (UTC)", "Household", "Person", "Need", "Outcome", "Product", Column(label="Why", wide=True))
    empty = (
        "Nothing was decided about this in the period: no episode began there. Choose a longer one, or somebody else."
    )
    shown = [_row(row, needs) for row in rows[:most]]
    return Listing(name="decisions", caption="Decisions", columns=columns, rows=shown, empty=empty, more=more)


def _row(row: dict[str, Any], needs: Needs) -> Row:
    at = Cell(
        text=f"{row['at']:%d %b %Y %H:%M}", raw=row["at"].isoformat(), href=url_for(".decision", decision=row["id"])
    )
    home = row["household_name"]
    return [
        at,
        None if home is None else Cell(text=home, href=url_for(".page", household=row["household"])),
        None if row["person"] is None else Cell(text=row["person"], href=url_for(".page", person=row["person"])),
        pages_page.need_title(needs, row["need"]),
        Cell(
            text=OUTCOMES.get(row["outcome"], row["outcome"]), tone="good" if row["outcome"] == SEND else "", word=True
        ),
        row["product_name"],
        row["reason"],
    ]


def _held(held: Held) -> Listing:
    rows: list[Row] = [
        [
            gate,
            Cell(text=OUTCOMES.get(outcome, outcome), word=True),
            count,
            Cell(text=f"{count / held.counted:.0%}", raw=count / held.counted),
        ]
        for (gate, outcome), count in sorted(held.by_gate.items(), key=lambda one: (-one[1], one[0]))
    ]
    counts = (Column(label="Decisions", number=True), Column(label="Share", number=True))
    newest = "of the newest {count}" if held.counted == reasons.MOST_COUNTED else "of {count}"
    return Listing(
        name="held",
        caption="Held back, by gate",
        columns=("Gate", "What became of it", *counts),
        rows=rows,
        note=frame.say(newest, count=held.counted) if rows else "",
        empty="Nothing was held back in this period.",
    )


def _gates(row: dict[str, Any]) -> Listing:
    rows: list[Row] = [
        [number, gate["gate"], _MARKS.get(gate["result"], _NOT_REACHED), _saw(gate)]
        for number, gate in enumerate(row["trace"]["gates"], 1)
    ]
    columns = (Column(label="Order", number=True), "Gate", "Result", Column(label="What it saw", wide=True))
    return Listing(name="gates", caption="Gate by gate", columns=columns, rows=rows, empty="No gate was asked.")


def _saw(gate: dict[str, Any]) -> str | None:
    return None if gate["result"] == "not reached" else why.of_gate(gate)


def _candidates(row: dict[str, Any]) -> Listing:
    trace = row["trace"]
    rows = [_candidate(one, row["product"]) for one in trace["candidates"]]
    if rows:
        rows.append(
            ["No push", _number(trace["no_push_score"]), None, None, None, _number(trace["no_push_propensity"]), ""]
        )
    numbers = (Column(label=name, number=True) for name in ("Score", "Interest", "Lift", "Cost", "Chance"))
    columns: tuple[Column | str, ...] = ("Product", *numbers, Column(label="Not offered because", wide=True))
    empty = "No candidate was looked for: a gate before that held it back."
    return Listing(name="candidates", caption="What was chosen from", columns=columns, rows=rows, empty=empty)


def _candidate(one: dict[str, Any], chosen: str | None) -> Row:
    product = Cell(
        text=one["name"] + (" (chosen)" if one["product"] == chosen else ""),
        href=url_for("console_catalogue.product", product=one["product"]),
        tone="good" if one["product"] == chosen else "",
    )
    numbers = [_number(one[name]) for name in ("score", "affinity", "lift", "cost", "propensity")]
    return [product, *numbers, one["hindrance"] or ""]


def _number(value: float | None) -> Cell | None:
    return None if value is None else Cell(text=f"{value:.3f}", raw=value)
