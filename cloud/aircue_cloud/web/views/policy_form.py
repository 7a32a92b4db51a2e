"""The policy simulator's form: what each setting is now, and what somebody would have it be. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from aircue_cloud.decision import policy
from aircue_cloud.decision.policy import DEFER, GATES, GHOST, SEND
from aircue_cloud.decision.replay import PolicySettings, Replay, Told, read_settings
from aircue_cloud.decision.settings import Settings
from aircue_cloud.errors import CommandError

NONE = "none"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """now: as it is, of the store's settings. hint: what may be typed."""

    name: str
    label: str
    unit: str
    hint: str
    now: Callable[[Settings], object]


SETTINGS = (
    Setting(name="cap_day", label="Pushes a day at most", unit="", hint="0 is none at all; none is no cap",
            now=lambda one: one.caps.day),
    Setting(name="cap_week", label="Pushes in 7 days at most", unit="", hint="0 is none at all; none is no cap",
            now=lambda one: one.caps.week),
    Setting(name="cap_apart_h", label="Time between two", unit="h", hint="none is no such cap",
            now=lambda one: one.caps.apart_h),
    Setting(name="cooldown_days", label="Cooldown after an offer", unit="days", hint="of a remedy of the same need",
            now=lambda _: policy.COOLDOWN.days),
    Setting(name="rest_days", label="Rest after a purchase", unit="days", hint="of a remedy of the same need",
            now=lambda _: policy.REST.days),
    Setting(name="quiet_hours", label="Quiet hours", unit="", hint="such as 22:00-08:00; none for none",
            now=lambda one: one.quiet_hours or None),
    Setting(name="push_ttl_h", label="An offer is good for", unit="h", hint="after the need began",
            now=lambda one: one.push_ttl / _HOUR),
    Setting(name="holdout", label="Held out of everything", unit="share", hint="0 to 1", now=lambda one: one.holdout),
    Setting(name="need_holdout", label="Held out of each need", unit="share", hint="0 to 1",
            now=lambda one: one.need_holdout),
    Setting(name="explore", label="Offers are drawn", unit="", hint="true, or false for the best one each time",
            now=lambda one: str(one.explore).lower()),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Field:
    """now: shown where nothing is typed."""

    name: str
    label: str
    unit: str
    hint: str
    now: str
    typed: str
    error: str


@dataclass(frozen=True, kw_only=True)
class Said:
    changed: PolicySettings
    fields: tuple[Field, ...]

    @property
    def is_fit(self) -> bool:
        return not any(one.error for one in self.fields)


def read(asked: Mapping[str, str], settings: Settings) -> Said:
    """An empty field leaves its setting as it is."""
    fields = tuple(_field(one, asked.get(one.name, "").strip(), settings) for one in SETTINGS)
    fit = [_assignment(one.name, one.typed) for one in fields if one.typed and not one.error]
    return Said(changed=read_settings(fit), fields=fields)


def _field(one: Setting, typed: str, settings: Settings) -> Field:
    now = one.now(settings)
    return Field(
        name=one.name,
        label=one.label,
        unit=one.unit,
        hint=one.hint,
        now=NONE if now is None else f"{now:g}" if isinstance(now, float) else str(now),
        typed=typed,
        error=_error(one.name, typed) if typed else "",
    )


def _error(name: str, typed: str) -> str:
    assignment = _assignment(name, typed)
    try:
        read_settings([assignment])
    except CommandError as error:
        return str(error).removeprefix(f"--set {assignment}: ")
    return ""


def _assignment(name: str, typed: str) -> str:
    return f"{name}={'' if (name, typed) == ('quiet_hours', NONE) else typed}"


# What came of it.


@dataclass(frozen=True, kw_only=True)
class Row:
    """Episodes that came to this end, before and after."""

    said: str
    before: int
    after: int


def rows(found: Replay) -> list[Row]:
    """Sends and ghosts first, then the gates in the order in which they are asked."""
    ends = sorted({*found.before, *found.after}, key=_order)
    return [Row(said=told(end), before=found.before.get(end, 0), after=found.after.get(end, 0)) for end in ends]


def told(end: Told) -> str:
    """In words."""
    outcome, gate = end
    if outcome == SEND:
        return "sent"
    return "held out" if outcome == GHOST else f"waits: {gate}" if outcome == DEFER else f"held by {gate}"


def _order(end: Told) -> tuple[int, int, str]:
    outcome, gate = end
    first = {SEND: 0, GHOST: 1}.get(outcome, 2)
    return first, list(GATES).index(gate) if gate in GATES else -1, outcome
