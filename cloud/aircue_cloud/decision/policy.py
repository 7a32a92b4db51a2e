"""The policy: gates that a push must pass, in order; the first that fails says why there is none now. Pure.

A gate takes the facts and returns the inputs it looked at, and what holds the push there or None. What stands behind
the first failing gate is not reached. docs/push.md says what each gate means.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from aircue_cloud.decision import local_time
from aircue_cloud.decision.candidates import NO_PUSH_SCORE, Candidate, Choice, best
from aircue_cloud.decision.local_time import Window
from aircue_cloud.decision.settings import PUSH_TTL, Caps
from aircue_cloud.needs.conditions import Met
from aircue_cloud.needs.needs import KINDS
from aircue_cloud.outcomes import assignment

__all__ = ["PUSH_TTL"]

PURPOSE = "marketing"
DATA_CATEGORY = "sensor"
CHANNEL = "in-app"
COOLDOWN = timedelta(days=14)
REST = timedelta(days=30)  # after a remedy of the need was bought
REFUSED = timedelta(days=30)  # after "not for me"
WEEK = timedelta(days=7)
WINDOW_FALL = 4.0  # degrees Celsius within an hour: a window stands open
FAULTS = ("RANGE", "RATE", "STUCK")  # flags of a latest reading that no need should be built on

SEND = "send"
GHOST = "ghost"  # held out: everything as for a send, and nothing is delivered
DEFER = "defer"
SUPPRESS = "suppress"

MARKETING, _SERVICE, SAFETY, TRANSACTIONAL = KINDS
_RANKS = {kind: rank for rank, kind in enumerate(KINDS)}
URGENT = (SAFETY, TRANSACTIONAL)  # no quiet hours


def _utc() -> ZoneInfo:
    return ZoneInfo("UTC")


def _no_choice() -> Choice:
    return Choice(chosen=None, propensity=1.0)


class LastOffer(Struct, frozen=True, kw_only=True):
    """The household's latest push of a product of one of the need's categories."""

    category: str
    at: datetime


class Bought(Struct, frozen=True, kw_only=True):
    """The household's latest purchase of a remedy of the need that it has kept and not used up."""

    product: str
    at: datetime


class Rival(Struct, frozen=True, kw_only=True):
    """Another push that the same person could get now. margin: expected and incremental, minor units."""

    push: str
    need: str
    kind: str
    margin: float

    @property
    def rank(self) -> tuple[int, float, str]:
        return _RANKS[self.kind], self.margin, self.push


class Facts(Struct, frozen=True, kw_only=True):
    """All that a decision depends on.

    switched_off: why nothing is pushed at all. person: None where the household names nobody. rest, cooldown: how long
    after a purchase, after an offer. flag: of the latest reading of what the need watches. fall: degrees Celsius by
    which the room cooled down within the hour. consent: what the household's latest row says, None where it has none.
    stopped, snoozed_until, muted: what the person has said of this need. candidates: best first; empty where consent is
    missing, since without it none may be looked for. audience, conditions: what the need asks for besides its trigger,
    as it stands. cleared_at: when an offer ends because the condition has. rivals: this push among them. zone_known:
    whether it is the person's own. sent: when the person was sent marketing, or would have been but for the holdout."""

    now: datetime
    site: str
    household: str | None
    need: str
    episode: str
    confirmed_at: datetime
    push: str = ""
    person: str | None = None
    kind: str = MARKETING
    push_ttl: timedelta = PUSH_TTL
    rest: timedelta = REST
    cooldown: timedelta = COOLDOWN
    switched_off: str | None = None
    pushed_before: bool = False
    flag: str = "OK"
    fall: float | None = None
    consent: bool | None = None
    stopped: bool = False
    snoozed_until: datetime | None = None
    muted: bool = False
    audience: tuple[Met, ...] = ()
    conditions: tuple[Met, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    choice: Choice = field(default_factory=_no_choice)
    last_offer: LastOffer | None = None
    bought: Bought | None = None
    cleared_at: datetime | None = None
    withdrawn: bool = False
    rivals: tuple[Rival, ...] = ()
    zone: ZoneInfo = field(default_factory=_utc)
    zone_known: bool = True
    quiet: Window | None = None
    caps: Caps = field(default_factory=Caps)
    sent: tuple[datetime, ...] = ()
    holdout: float = 0.0
    need_holdout: float = 0.0

    @property
    def unit(self) -> str:
        """Whom the caps are of."""
        return self.person or self.household or ""

    @property
    def expires_at(self) -> datetime:
        """The earlier of the episode's time to live and the end of its condition."""
        ttl = self.confirmed_at + self.push_ttl
        return ttl if self.cleared_at is None else min(ttl, self.cleared_at)


class Hold(Struct, frozen=True, kw_only=True):
    """Why a gate holds a push. until: of a deferral."""

    reason: str
    outcome: str = SUPPRESS
    until: datetime | None = None


class GateResult(Struct, frozen=True, kw_only=True):
    """result: pass, fail, or not reached."""

    gate: str
    result: str
    inputs: dict[str, Any]
    reason: str | None = None


class Verdict(Struct, frozen=True, kw_only=True):
    """winner: what to push, or in the holdout what would have been; else None. reason: in plain words."""

    outcome: str
    reason: str
    winner: Candidate | None
    gates: tuple[GateResult, ...]
    until: datetime | None = None


Looked = tuple[dict[str, Any], Hold | None]
Gate = Callable[[Facts], Looked]


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds")


def _said(at: datetime) -> str:
    return f"{at:%d %b %Y %H:%M} UTC"


def _held(inputs: dict[str, Any], reason: str | None) -> Looked:
    return inputs, None if reason is None else Hold(reason=reason)


def _switched_on(facts: Facts) -> Looked:
    off = facts.switched_off
    remedy = "start them again with: aircue-cloud pushes start"
    return _held({"switched_off": off}, None if off is None else f"all pushes are stopped ({off}); {remedy}")


def _linked(facts: Facts) -> Looked:
    remedy = f"link it with: aircue-cloud site link {facts.site} HOUSEHOLD"
    missing = f"site {facts.site} is linked to no household; {remedy}"
    return _held({"site": facts.site, "household": facts.household}, missing if facts.household is None else None)


def _not_pushed_before(facts: Facts) -> Looked:
    key = [facts.household, facts.need, facts.episode]
    reason = "this episode has had its push" if facts.pushed_before else None
    return _held({"push_key": key, "pushed_before": facts.pushed_before}, reason)


def _believable(facts: Facts) -> Looked:
    """The air says nothing of a need where the sensor is at fault, or a window stands open."""
    inputs = {"flag": facts.flag, "fall": facts.fall, "window_fall": WINDOW_FALL}
    if facts.flag in FAULTS:
        return _held(inputs, f"the sensor is at fault: its latest reading is flagged {facts.flag}")
    if facts.fall is not None and facts.fall >= WINDOW_FALL:
        return _held(inputs, f"a window stands open: the room cooled down by {facts.fall:.1f} °C within the hour")
    return inputs, None


def _consented(facts: Facts) -> Looked:
    inputs = {"purpose": PURPOSE, "data_category": DATA_CATEGORY, "channel": CHANNEL, "granted": facts.consent}
    what = f"the use of {DATA_CATEGORY} data for {PURPOSE} ({CHANNEL})"
    reasons = {
        None: f"household {facts.household} has not agreed to {what}",
        False: f"household {facts.household} has withdrawn its agreement to {what}",
        True: None,
    }
    return _held(inputs, reasons[facts.consent])


def _wanted(facts: Facts) -> Looked:
    """What the person has said of this need."""
    until = facts.snoozed_until
    inputs = {"stopped": facts.stopped, "muted": facts.muted, "snoozed_until": _iso(until)}
    if facts.stopped:
        return _held(inputs, f"{facts.unit} wants no offers about {facts.need}")
    if facts.muted:
        return _held(inputs, f"{facts.unit} has switched {facts.need} off")
    if until is not None and facts.now < until:
        return _held(inputs, f"{facts.unit} wants to be left alone about {facts.need} until {_said(until)}")
    return inputs, None


def _meant(facts: Facts) -> Looked:
    """The need is for people like this one."""
    failing = next((met for met in facts.audience if not met.passes), None)
    reason = None if failing is None else f"{facts.need} is not for {facts.unit}: {failing.condition}{_found(failing)}"
    return _held({"audience": facts.audience}, reason)


def _besides(facts: Facts) -> Looked:
    """What else must hold, or is asked again in a while where each that does not is worth waiting for."""
    inputs = {"conditions": facts.conditions}
    failing = [met for met in facts.conditions if not met.passes]
    if not failing:
        return inputs, None
    reason = f"{_UNMET[failing[0].result]}: {failing[0].condition}{_found(failing[0])}"
    wait_s = min(met.wait_s for met in failing)
    until = facts.now + timedelta(seconds=wait_s)
    if wait_s > 0 and until < facts.expires_at:
        return inputs, Hold(reason=reason, outcome=DEFER, until=until)
    return _held(inputs, reason)


_UNMET = {
    "unmet": "what must hold besides does not",
    "missing": "what must hold besides is not known",
    "stale": "what must hold besides was known too long ago",
}


def _found(met: Met) -> str:
    if met.value is None:
        return ""
    return f" (found {met.value})" if met.at is None else f" (found {met.value} at {_said(met.at)})"


def _eligible(facts: Facts) -> Looked:
    eligible = sum(candidate.hindrance is None for candidate in facts.candidates)
    inputs = {"candidates": len(facts.candidates), "eligible": eligible}
    each = "each is owned already, given back, out of stock or of a kind that was turned down"
    reason = f"no product that remedies {facts.need} can be offered: {each}"
    return _held(inputs, None if eligible else reason)


def _rested(facts: Facts) -> Looked:
    """What was just bought against a need is given time to help."""
    bought = facts.bought
    at = None if bought is None else bought.at
    inputs = {"rest_days": facts.rest.days, "bought": None if bought is None else bought.product, "bought_at": _iso(at)}
    if bought is None or facts.now - bought.at >= facts.rest:
        return inputs, None
    until = _said(bought.at + facts.rest)
    return _held(
        inputs, f"household {facts.household} bought {bought.product} against {facts.need}: none before {until}"
    )


def _cooled_down(facts: Facts) -> Looked:
    """A home that was offered one remedy of a need is not offered the next one the day after."""
    last = facts.last_offer
    inputs = {
        "cooldown_days": facts.cooldown.days,
        "last_category": None if last is None else last.category,
        "last_at": None if last is None else _iso(last.at),
    }
    if last is None or facts.now - last.at >= facts.cooldown:
        return inputs, None
    until = _said(last.at + facts.cooldown)
    return _held(
        inputs, f"household {facts.household} was offered a product of category {last.category}: none before {until}"
    )


def _timely(facts: Facts) -> Looked:
    """Readings may come late: from a backlog, a file, or layers that are made again."""
    inputs = {
        "confirmed_at": _iso(facts.confirmed_at),
        "ttl_h": facts.push_ttl / timedelta(hours=1),
        "cleared_at": _iso(facts.cleared_at),
        "expires_at": _iso(facts.expires_at),
    }
    if facts.withdrawn:
        return _held(inputs, f"{facts.need} never was: readings that came late interrupt it")
    if facts.now < facts.expires_at:
        return inputs, None
    if facts.cleared_at is not None and facts.cleared_at <= facts.confirmed_at + facts.push_ttl:
        return _held(inputs, f"{facts.need} is over: an offer could help until {_said(facts.cleared_at)}")
    return _held(inputs, f"{facts.need} began at {_said(facts.confirmed_at)}: too long ago")


def _worth_it(facts: Facts) -> Looked:
    found, choice = best(facts.candidates), facts.choice
    inputs = {
        "score": None if found is None else found.score,
        "no_push_score": NO_PUSH_SCORE,
        "chosen": None if choice.chosen is None else choice.chosen.product.id,
        "propensity": choice.propensity,
    }
    if choice.chosen is not None:
        return inputs, None
    if choice.propensities:
        return _held(inputs, "exploration drew no push this time")
    return _held(inputs, "no candidate is worth an interruption to this household")


def _first_of_its_tick(facts: Facts) -> Looked:
    first = max(facts.rivals, key=lambda one: one.rank, default=None)
    inputs = {
        "rivals": [[one.need, one.kind, one.margin] for one in sorted(facts.rivals, key=lambda one: one.rank)],
        "first": None if first is None else first.need,
    }
    if first is None or first.push == facts.push:
        return inputs, None
    return _held(inputs, f"one offer at a time: {first.need} ({first.kind}) comes first")


def _not_quiet(facts: Facts) -> Looked:
    quiet = None if facts.kind in URGENT else facts.quiet
    inputs = {
        "quiet_hours": None if quiet is None else str(quiet),
        "zone": facts.zone.key,
        "zone_known": facts.zone_known,
        "expires_at": _iso(facts.expires_at),
    }
    until = None if quiet is None else local_time.quiet_until(quiet, facts.zone, facts.now)
    inputs["until"] = _iso(until)
    if until is None:
        return inputs, None
    if until >= facts.expires_at:
        return _held(inputs, f"quiet hours last until {_said(until)}, and by then the offer is over")
    return inputs, Hold(reason=f"quiet hours ({quiet}, {facts.zone.key})", outcome=DEFER, until=until)


def cap_reached(caps: Caps, sent: Sequence[datetime], now: datetime, where: ZoneInfo) -> str | None:
    """Which cap one more push would break. sent: in any order."""
    today = local_time.day(now, where)
    that_day = sum(local_time.day(at, where) == today for at in sent)
    that_week = sum(at > now - WEEK for at in sent)
    if caps.day is not None and that_day >= caps.day:
        return f"{that_day} today, and {caps.day} a day is the cap"
    if caps.week is not None and that_week >= caps.week:
        return f"{that_week} within seven days, and {caps.week} is the cap"
    apart = timedelta(hours=caps.apart_h or 0)
    if any(abs(now - at) < apart for at in sent):
        return f"the last one is less than {caps.apart_h:g} hours old"
    return None


def _under_caps(facts: Facts) -> Looked:
    caps = facts.caps
    inputs = {
        "day": caps.day,
        "week": caps.week,
        "apart_h": caps.apart_h,
        "zone": facts.zone.key,
        "sent": [_iso(at) for at in facts.sent],
    }
    reached = cap_reached(caps, facts.sent, facts.now, facts.zone) if facts.kind == MARKETING else None
    return _held(inputs, None if reached is None else f"{facts.unit} has had enough: {reached}")


def arms(facts: Facts) -> dict[str, str]:
    """The arm of each experiment that the household is in."""
    unit = facts.household or ""
    of_need = assignment.need_experiment(facts.need)
    return {
        assignment.GLOBAL: assignment.arm(unit, assignment.GLOBAL, facts.holdout),
        of_need: assignment.arm(unit, of_need, facts.need_holdout),
    }


def _treated(facts: Facts) -> Looked:
    """Last, so that the holdout is of those who would have been sent something."""
    found = arms(facts) if facts.kind == MARKETING else {}
    inputs = {"arms": found, "holdout": facts.holdout, "need_holdout": facts.need_holdout}
    held = [name for name, arm in found.items() if arm == assignment.HOLDOUT]
    if not held:
        return inputs, None
    return inputs, Hold(reason=f"household {facts.household} is in the holdout ({held[0]})", outcome=GHOST)


GATES: dict[str, Gate] = {
    "kill-switch": _switched_on,
    "linked": _linked,
    "dedupe": _not_pushed_before,
    "sensor": _believable,
    "consent": _consented,
    "suppression": _wanted,
    "audience": _meant,
    "conditions": _besides,
    "eligible": _eligible,
    "rest": _rested,
    "cooldown": _cooled_down,
    "expiry": _timely,
    "worth": _worth_it,
    "arbitration": _first_of_its_tick,
    "quiet-hours": _not_quiet,
    "caps": _under_caps,
    "holdout": _treated,
}
BEFORE_ARBITRATION: Mapping[str, Gate] = {name: GATES[name] for name in list(GATES)[: list(GATES).index("arbitration")]}


def decide(facts: Facts, gates: Mapping[str, Gate] = GATES) -> Verdict:
    results: list[GateResult] = []
    for name, gate in gates.items():
        inputs, hold = gate(facts)
        reason = None if hold is None else hold.reason
        results.append(GateResult(gate=name, result="fail" if hold else "pass", inputs=inputs, reason=reason))
        if hold is not None:
            return _stopped(facts, hold, (*results, *_rest(results, gates)))
    winner = facts.choice.chosen
    return Verdict(outcome=SEND, reason=_sent(facts), winner=winner, gates=tuple(results))


def _stopped(facts: Facts, hold: Hold, results: tuple[GateResult, ...]) -> Verdict:
    winner = facts.choice.chosen if hold.outcome == GHOST else None
    return Verdict(outcome=hold.outcome, reason=hold.reason, winner=winner, gates=results, until=hold.until)


def _rest(reached: Sequence[GateResult], gates: Mapping[str, Gate]) -> list[GateResult]:
    return [GateResult(gate=name, result="not reached", inputs={}) for name in list(gates)[len(reached) :]]


def _sent(facts: Facts) -> str:
    chosen, found = facts.choice.chosen, best(facts.candidates)
    if chosen is None:
        return "all gates passed"
    if found is None or chosen.product.id == found.product.id:
        return f"{chosen.product.name} is the best remedy this household can use"
    return f"{chosen.product.name} was drawn among the remedies this household can use"


def rival(facts: Facts) -> Rival | None:
    """This push among those that a person could get; None where a gate before the arbitration holds it."""
    if facts.choice.chosen is None or any(gate(facts)[1] for gate in BEFORE_ARBITRATION.values()):
        return None
    margin = facts.choice.chosen.incremental_margin
    return Rival(push=facts.push, need=facts.need, kind=facts.kind, margin=margin)
