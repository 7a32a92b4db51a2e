"""Why somebody got an offer, in plain words of their language, from the record of the decision alone. Pure."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from aircue_cloud.storefront.formats import Formats
from aircue_cloud.texts import Texts

Inputs = Mapping[str, Any]
FAR = timedelta(days=365)  # an end beyond it is none to a reader


def near(ends: datetime | None, began: datetime) -> datetime | None:
    """None for an end that is too far away to matter."""
    return None if ends is None or ends - began > FAR else ends


def sentences(trace: Mapping[str, Any], t: Texts, f: Formats) -> list[str]:
    """Of the gates that were passed, those that say something to whoever got the offer."""
    return list(_sentences(trace, t, f))


def _sentences(trace: Mapping[str, Any], t: Texts, f: Formats) -> Iterator[str]:
    passed = {gate["gate"]: gate["inputs"] for gate in trace["gates"] if gate["result"] == "pass"}
    for name, saying in _SAYING.items():
        if name in passed:
            yield from saying(passed[name], t, f)


def _quiet(inputs: Inputs, t: Texts, _: Formats) -> Iterator[str]:
    if inputs["quiet_hours"]:
        yield t("inbox.why_quiet", hours=inputs["quiet_hours"], zone=inputs["zone"])


def _caps(inputs: Inputs, t: Texts, _: Formats) -> Iterator[str]:
    said = [(inputs["day"], "inbox.cap_day"), (inputs["week"], "inbox.cap_week")]
    limits = [t(key, number=cap) for cap, key in said if cap is not None]
    yield t("inbox.why_caps", limits=", ".join(limits) or t("inbox.cap_none"))


def _expiry(inputs: Inputs, t: Texts, f: Formats) -> Iterator[str]:
    ends, began = (inputs.get(name) for name in ("expires_at", "confirmed_at"))
    if ends and (began is None or near(_at(ends), _at(began))):
        yield t("inbox.why_expires", time=f.moment(_at(ends)))


def _at(said: str) -> datetime:
    return datetime.fromisoformat(said)


def _eligible(inputs: Inputs, t: Texts, _: Formats) -> Iterator[str]:
    yield t("inbox.why_chosen", number=inputs["eligible"])


def _rest(inputs: Inputs, t: Texts, _: Formats) -> Iterator[str]:
    yield t("inbox.why_rest", days=inputs["rest_days"])


def _cooldown(inputs: Inputs, t: Texts, _: Formats) -> Iterator[str]:
    yield t("inbox.why_cooldown", days=inputs["cooldown_days"])


def _consent(_inputs: Inputs, t: Texts, _: Formats) -> Iterator[str]:
    yield t("inbox.why_consent")


_SAYING: Mapping[str, Callable[[Inputs, Texts, Formats], Iterator[str]]] = MappingProxyType(
    {
        "consent": _consent,
        "eligible": _eligible,
        "rest": _rest,
        "cooldown": _cooldown,
        "quiet-hours": _quiet,
        "caps": _caps,
        "expiry": _expiry,
    }
)
