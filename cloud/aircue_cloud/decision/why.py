"""Why a person got an offer, or did not: in words, from the stored record alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from aircue_cloud import tables
from aircue_cloud.needs import nodes

MOST = 5  # decisions told without a push being named
_TOLD = 5  # candidates

Inputs = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One decision. lines: in words, the outcome first."""

    decision: int
    push: str | None
    outcome: str
    at: datetime
    lines: tuple[str, ...]


def of_person(connection: Connection, person: str, push: str | None = None) -> list[Answer] | None:
    """About the latest decisions, or those about one push, latest first; None where nobody of that id is known.

    They are those about the person, and those about the household that came to nobody in particular.
    """
    people, table = tables.people.c, tables.decisions
    household = connection.execute(select(people.household).where(people.id == person)).scalar_one_or_none()
    if household is None:
        return None
    mine = (table.c.household == household, (table.c.person == person) | table.c.person.is_(None))
    query = select(table).where(*mine).order_by(table.c.id.desc())
    query = query.limit(MOST) if push is None else query.where(table.c.push == push)
    return [answer(dict(row)) for row in connection.execute(query).mappings()]


def answer(row: Mapping[str, Any]) -> Answer:
    return Answer(decision=row["id"], push=row["push"], outcome=row["outcome"], at=row["at"], lines=tuple(_lines(row)))


def _lines(row: Mapping[str, Any]) -> Iterator[str]:
    trace = row["trace"]
    where = nodes.told(trace["trigger"]["node"])
    yield f"{row['at']:%d %b %Y %H:%M} UTC, {row['need']} {where}: {_OUTCOMES[row['outcome']](row)}"
    versions = f"rules {row['rules_version']}, model {row['model_version'] or 'not asked'}"
    yield f"It was about: {_whom(row)}. Need {_version(trace)}, {versions}."
    for gate in trace["gates"]:
        yield f"{_MARKS[gate['result']]} {gate['gate']}: {of_gate(gate)}"
    yield from _candidates(trace)


def _whom(row: Mapping[str, Any]) -> str:
    if row["household"] is None:
        return "a home that nobody has claimed"
    return f"household {row['household']}" + (f", for {row['person']}" if row["person"] else "")


def _version(trace: Mapping[str, Any]) -> str:
    """Of the need: its number in the store, or that it ships; and what stands for all that it said."""
    found = trace.get("need")
    if found is None:
        return "of a version that was not kept"
    number = found["version"]
    return f"{'as shipped' if number is None else f'version {number}'} ({found['content']})"


def _sent(row: Mapping[str, Any]) -> str:
    through = ", ".join(row["trace"]["channels"])
    until = f", good until {_time(row['expires_at'])}" if row["expires_at"] else ""
    return f"{_name(row)} was offered ({through}){until}, because {row['reason']}."


def _ghost(row: Mapping[str, Any]) -> str:
    return f"{_name(row)} would have been offered, but {row['reason']}: nothing was sent, to see what offers change."


def _deferred(row: Mapping[str, Any]) -> str:
    return f"nothing was sent yet, because of {row['reason']}; it is decided again at {_time(row['scheduled_at'])}."


_OUTCOMES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "send": _sent,
    "ghost": _ghost,
    "defer": _deferred,
    "suppress": lambda row: f"nothing was sent, because {row['reason']}.",
}
_MARKS = {"pass": "  ok", "fail": "STOP", "not reached": "   -"}


def _name(row: Mapping[str, Any]) -> str:
    names = {one["product"]: one["name"] for one in row["trace"]["candidates"]}
    return str(names.get(row["product"], row["product"]))


def _time(at: datetime | str | None) -> str:
    if at is None:
        return "never"
    found = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{found:%d %b %Y %H:%M} UTC"


def of_gate(gate: Mapping[str, Any]) -> str:
    """What a gate of a trace says, in words."""
    if gate["result"] == "fail":
        return str(gate["reason"])
    return "not asked" if gate["result"] == "not reached" else PASSED[gate["gate"]](gate["inputs"])


def _cooldown(inputs: Inputs) -> str:
    if inputs["last_at"] is None:
        return "no offer of this kind lately"
    return f"the last offer of this kind was on {_time(inputs['last_at'])}, {inputs['cooldown_days']} days ago or more"


def _met(mets: Sequence[Inputs]) -> str:
    return "; ".join(f"{met['condition']}: {_SKIPPED if met['result'] == 'skipped' else _value(met)}" for met in mets)


_SKIPPED = "not known, and passed over"


def _value(met: Inputs) -> str:
    if met["value"] is None:
        return "yes"
    return f"{met['value']}" + (f" at {_time(met['at'])}" if met["at"] else "")


def _quiet(inputs: Inputs) -> str:
    known = "" if inputs["zone_known"] else ", since their own zone is not known"
    hours = inputs["quiet_hours"]
    return f"outside of quiet hours ({hours}, {inputs['zone']}{known})" if hours else "no quiet hours"


def _caps(inputs: Inputs) -> str:
    limits = [_limit(inputs["day"], "a day"), _limit(inputs["week"], "in seven days")]
    return f"{len(inputs['sent'])} sent within eight days; caps: {' and '.join(limits)}, {inputs['apart_h']} h apart"


def _limit(cap: int | None, each: str) -> str:
    return f"any number {each}" if cap is None else f"{cap} {each}"


def _holdout(inputs: Inputs) -> str:
    arms = ", ".join(f"{name} {arm}" for name, arm in inputs["arms"].items())
    return f"not held out ({arms})" if arms else "not part of any experiment"


# What a gate that was passed says.
PASSED: Mapping[str, Callable[[Inputs], str]] = {
    "kill-switch": lambda _: "pushes are switched on",
    "linked": lambda inputs: f"site {inputs['site']} is the home of household {inputs['household']}",
    "dedupe": lambda _: "this episode has had no push",
    "sensor": lambda _: "the sensor is sound and no window stands open",
    "consent": lambda inputs: (
        f"{inputs['data_category']} data may be used for {inputs['purpose']} ({inputs['channel']})"
    ),
    "suppression": lambda _: "not stopped, switched off or put off",
    "audience": lambda inputs: _met(inputs["audience"]) or "the need is for everybody",
    "conditions": lambda inputs: _met(inputs["conditions"]) or "nothing else is asked for",
    "eligible": lambda inputs: f"{inputs['eligible']} of {inputs['candidates']} products can be offered",
    "rest": lambda inputs: f"nothing bought against it in the last {inputs['rest_days']} days",
    "cooldown": _cooldown,
    "expiry": lambda inputs: f"an offer is good until {_time(inputs['expires_at'])}",
    "worth": lambda inputs: f"{inputs['chosen']} was chosen, with a chance of {inputs['propensity']:.2f}",
    "arbitration": lambda inputs: "first of what could be sent now" if inputs["rivals"] else "nothing else to send now",
    "quiet-hours": _quiet,
    "caps": _caps,
    "holdout": _holdout,
}


def _candidates(trace: Mapping[str, Any]) -> Iterator[str]:
    found: Sequence[Mapping[str, Any]] = trace["candidates"]
    for one in found[:_TOLD]:
        terms = f"interest x{one['affinity']:.2f}, lift x{one['lift']:.2f}, cost {one['cost']:.2f}"
        kept = f"; not offered: {one['hindrance']}" if one["hindrance"] else f"; chance {one['propensity']:.2f}"
        yield f"     {one['name']}: score {one['score']:.2f} ({terms}){kept}"
    if len(found) > _TOLD:
        yield f"     and {len(found) - _TOLD} more"
    if found:
        yield f"     no push: score {trace['no_push_score']:.2f}; chance {trace['no_push_propensity']:.2f}"
    if found:
        yield from _lifts(trace.get("lifts") or {})
    yield from _channels(trace.get("channel_values", ()))
    if trace["note"]:
        yield f"     {trace['note']}"


def _lifts(told: Mapping[str, Any]) -> Iterator[str]:
    """Of categories whose lift stands on arms that were drawn."""
    for category, one in told.get("categories", {}).items():
        if one["source"] != "prior":
            seen = (
                f"{one['sent_bought']} purchases by {one['sent']} households with pushes, "
                f"{one['held_bought']} by {one['held']} held out"
            )
            learnt = f"x{one['mean']:.2f} [{one['low']:.2f}, {one['high']:.2f}], version {told['version']}"
            yield f"     lift of {category}: the rule said x{one['prior']:.2f}; {seen}: {learnt}"


def _channels(values: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in values:
        terms = f"turned to {one['engagement']:.1%}, cost {one['cost']:.3f}, {one['recent']} in seven days"
        yield f"     {one['channel']}: worth {one['value']:.3f} ({terms})"
