"""The policy: gates that a push must pass, in order; the first that fails says why there is none. Pure.

A gate takes the facts and returns the inputs it looked at, and the reason why it fails or None. What stands behind the
first failing gate is not reached.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aircue_cloud.decision.candidates import NO_PUSH_SCORE, Candidate, best

PURPOSE = "marketing"
DATA_CATEGORY = "sensor"
CHANNEL = "in-app"
COOLDOWN = timedelta(days=14)
PUSH_TTL = timedelta(hours=24)  # unless the configuration says otherwise

SEND = "send"
SUPPRESS = "suppress"


@dataclass(frozen=True, kw_only=True)
class LastOffer:
    """The household's latest push of a product of one of the need's categories."""

    category: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that a decision depends on. consent: what the household's latest row says, None where it has none.
    candidates: best first; empty where consent is missing, since without it none may be looked for."""

    now: datetime
    site: str
    household: str | None
    need: str
    episode: str
    confirmed_at: datetime
    push_ttl: timedelta
    pushed_before: bool
    consent: bool | None
    candidates: tuple[Candidate, ...]
    last_offer: LastOffer | None


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """result: pass, fail, or not reached."""

    gate: str
    result: str
    inputs: dict[str, Any]
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """winner: what to push; None where outcome is suppress. reason: in plain words."""

    outcome: str
    reason: str
    winner: Candidate | None
    gates: tuple[GateResult, ...]


Gate = Callable[[Facts], tuple[dict[str, Any], str | None]]


def _linked(facts: Facts) -> tuple[dict[str, Any], str | None]:
    remedy = f"link it with: aircue-cloud site link {facts.site} HOUSEHOLD"
    missing = f"site {facts.site} is linked to no household; {remedy}"
    return {"site": facts.site, "household": facts.household}, missing if facts.household is None else None


def _timely(facts: Facts) -> tuple[dict[str, Any], str | None]:
    """Readings may come late: from a backlog, a file, or layers that are made again."""
    ttl_h = facts.push_ttl / timedelta(hours=1)
    inputs = {"confirmed_at": facts.confirmed_at.isoformat(timespec="milliseconds"), "ttl_h": ttl_h}
    late = facts.now - facts.confirmed_at > facts.push_ttl
    return inputs, f"{facts.need} began at {facts.confirmed_at:%d %b %Y %H:%M} UTC: too long ago" if late else None


def _not_pushed_before(facts: Facts) -> tuple[dict[str, Any], str | None]:
    key = [facts.household, facts.need, facts.episode]
    reason = "this episode has had its push" if facts.pushed_before else None
    return {"push_key": key, "pushed_before": facts.pushed_before}, reason


def _consented(facts: Facts) -> tuple[dict[str, Any], str | None]:
    inputs = {"purpose": PURPOSE, "data_category": DATA_CATEGORY, "channel": CHANNEL, "granted": facts.consent}
    what = f"the use of {DATA_CATEGORY} data for {PURPOSE} ({CHANNEL})"
    reasons = {
        None: f"household {facts.household} has not agreed to {what}",
        False: f"household {facts.household} has withdrawn its agreement to {what}",
        True: None,
    }
    return inputs, reasons[facts.consent]


def _eligible(facts: Facts) -> tuple[dict[str, Any], str | None]:
    eligible = [candidate.product.id for candidate in facts.candidates if candidate.hindrance is None]
    inputs = {"candidates": len(facts.candidates), "eligible": len(eligible)}
    reason = f"no product that remedies {facts.need} can be offered: each is owned already or out of stock"
    return inputs, None if eligible else reason


def _cooled_down(facts: Facts) -> tuple[dict[str, Any], str | None]:
    """A home that was offered one remedy of a need is not offered the next one the day after."""
    last = facts.last_offer
    inputs = {
        "cooldown_days": COOLDOWN.days,
        "last_category": None if last is None else last.category,
        "last_at": None if last is None else last.at.isoformat(timespec="milliseconds"),
    }
    if last is None or facts.now - last.at >= COOLDOWN:
        return inputs, None
    until = f"{last.at + COOLDOWN:%d %b %Y %H:%M} UTC"
    return inputs, f"household {facts.household} was offered a product of category {last.category}: none before {until}"


def _worth_it(facts: Facts) -> tuple[dict[str, Any], str | None]:
    winner = best(facts.candidates)
    score = None if winner is None else winner.score
    inputs = {"score": score, "no_push_score": NO_PUSH_SCORE}
    worth = score is not None and score > NO_PUSH_SCORE
    return inputs, None if worth else "no candidate is worth an interruption to this household"


GATES: dict[str, Gate] = {
    "linked": _linked,
    "timely": _timely,
    "dedupe": _not_pushed_before,
    "consent": _consented,
    "eligible": _eligible,
    "cooldown": _cooled_down,
    "worth": _worth_it,
}


def decide(facts: Facts, gates: dict[str, Gate] = GATES) -> Verdict:
    results: list[GateResult] = []
    for name, gate in gates.items():
        inputs, reason = gate(facts)
        results.append(GateResult(gate=name, result="fail" if reason else "pass", inputs=inputs, reason=reason))
        if reason is not None:
            return Verdict(outcome=SUPPRESS, reason=reason, winner=None, gates=(*results, *_rest(results, gates)))
    winner = best(facts.candidates)
    return Verdict(outcome=SEND, reason=_sent(winner), winner=winner, gates=tuple(results))


def _rest(reached: Sequence[GateResult], gates: dict[str, Gate]) -> list[GateResult]:
    return [GateResult(gate=name, result="not reached", inputs={}) for name in list(gates)[len(reached) :]]


def _sent(winner: Candidate | None) -> str:
    return "all gates passed" if winner is None else f"{winner.product.name} is the best remedy this household can use"
