"""The policy simulator: what stored decisions would have come to under other caps, cooldowns and quiet hours."""

from datetime import timedelta

from flask import Response, request
from markupsafe import Markup

from aircue_cloud import db
from aircue_cloud.decision import replay
from aircue_cloud.decision.replay import Replay
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import config, services
from aircue_cloud.web import bars, frame, wording
from aircue_cloud.web.listing import Cell, Column, Content, Listing
from aircue_cloud.web.views import policy_form
from aircue_cloud.web.views.heads import numbers

blueprint = frame.blueprint("policy", __name__)

DAYS = (7, 30, 90)
_ARROW = "\N{RIGHTWARDS ARROW}"
_EMPTY = "No episode was decided about in these days. Decisions follow from readings in which a need holds."


@blueprint.get("/policy")
@requires("decisions:read")
def page() -> Response:
    """Nothing is changed by it: a simulation has an address."""
    days = request.args.get("days", "")
    said = policy_form.read(request.args, config().pushes)
    found = _replayed(said, int(days)) if said.is_fit and days in map(str, DAYS) else None
    return frame.page(
        "console/policy.html",
        title="Policy simulator",
        status=200 if said.is_fit else 422,
        listings=[] if found is None else [_ends(found), _moved(found), _changes(found)],
        fields=said.fields,
        choices=DAYS,
        days=int(days) if days in map(str, DAYS) else 30,
        found=found,
        summary=[] if found is None else _summary(found),
        chart=None if found is None or not found.episodes else _chart(found),
        changed=[] if found is None else _changed(said),
        empty=_EMPTY,
    )


def _replayed(said: policy_form.Said, days: int) -> Replay:
    here = services()
    since = here.intake.clock() - timedelta(days=days)
    with db.reading(here.engine) as connection:
        return replay.replay(connection, since, said.changed, settings=config().pushes, needs=here.needs)


def _changed(said: policy_form.Said) -> list[str]:
    return [f"{one.label}: {one.now} {_ARROW} {one.typed} {one.unit}".strip() for one in said.fields if one.typed]


def _summary(found: Replay) -> list[tuple[str, str, str]]:
    sends = [sum(count for (outcome, _), count in side.items() if outcome == "send") for side in _sides(found)]
    moved = sum(found.moved.values())
    return [
        ("Episodes", wording.count(found.episodes), "decided about in these days"),
        ("Sent before", wording.count(sends[0]), "as recorded"),
        ("Sent after", wording.count(sends[1]), f"{sends[1] - sends[0]:+d}"),
        ("Would end otherwise", wording.count(moved), f"{moved / found.episodes:.0%}" if found.episodes else ""),
    ]


def _sides(found: Replay) -> tuple[dict[replay.Told, int], dict[replay.Told, int]]:
    return dict(found.before), dict(found.after)


def _chart(found: Replay) -> Markup:
    rows = [
        bars.Row(
            name=one.said,
            values=(float(one.before), float(one.after)),
            told=f"{wording.count(one.before)} {_ARROW} {wording.count(one.after)}",
        )
        for one in policy_form.rows(found)
    ]
    return bars.rows("Episodes by what came of them, before and after the change", rows)


def _ends(found: Replay) -> Listing:
    columns: list[Column | str] = ["What came of it", *numbers(("Before", "After", "Difference"))]
    rows: list[list[Content]] = [
        [one.said, one.before, one.after, Cell(text=f"{one.after - one.before:+d}", raw=one.after - one.before)]
        for one in policy_form.rows(found)
    ]
    return Listing(name="ends", caption="By gate", columns=columns, rows=rows, empty=_EMPTY)


def _moved(found: Replay) -> Listing:
    rows: list[list[Content]] = [
        [policy_form.told(before), policy_form.told(after), count] for (before, after), count in found.moved.items()
    ]
    columns = ("Before", "After", Column(label="Episodes", number=True))
    return Listing(name="moved", caption="What moved", columns=columns, rows=rows, empty="Nothing would end otherwise.")


def _changes(found: Replay) -> Listing:
    columns = ("Need", "Household", "Person", "Before", "After", "Recorded, UTC", "Then, UTC", "Episode")
    shown = found.changes if frame.as_csv() else found.changes[: frame.most()]
    rows: list[list[Content]] = [
        [
            one.need,
            one.household,
            one.person,
            policy_form.told(one.before.told),
            policy_form.told(one.after.told),
            f"{one.before.at:%d %b %Y %H:%M}",
            f"{one.after.at:%d %b %Y %H:%M}",
            one.episode,
        ]
        for one in shown
    ]
    note = f"the first {wording.count(len(found.changes))}" if len(found.changes) < sum(found.moved.values()) else ""
    return Listing(name="changes", caption="Episodes that would end otherwise", columns=columns, rows=rows,
                   empty="Nothing would end otherwise.", note=note)  # fmt: skip
