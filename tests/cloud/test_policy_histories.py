"""Over generated histories no marketing push breaks a cap, quiet hours or its expiry; the judge is shown to judge."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cloud.histories import CAPS, MINUTE, STARTS, WINDOWS, ZONES, History, Wanted, play, violations

from aircue_cloud.decision import policy
from aircue_cloud.decision.policy import GATES
from aircue_cloud.decision.settings import Caps, Settings

wanted = st.builds(
    Wanted,
    at=st.builds(lambda start, minutes: start + minutes * MINUTE, st.sampled_from(STARTS), st.integers(0, 12 * 1440)),
    ttl_min=st.sampled_from((1, 60, 600, 1440, 4320)),
    cleared_min=st.sampled_from((None, 0, 30, 600)),
    kind=st.sampled_from(("marketing", "marketing", "marketing", "service", "safety")),
)
stores = st.builds(
    Settings,
    quiet_hours=st.sampled_from(WINDOWS),
    timezone=st.sampled_from(("UTC", "Europe/Berlin")),
    caps=st.sampled_from(CAPS),
    holdout=st.sampled_from((0.0, 1.0)),
    need_holdout=st.just(0.0),
)
histories = st.builds(
    History,
    own_zone=st.sampled_from(ZONES),
    site_zone=st.sampled_from(("UTC", "Asia/Kathmandu", "Mars/Olympus")),
    store=stores,
    wanted=st.lists(wanted, min_size=1, max_size=25),
)


@settings(max_examples=150)
@given(histories)
def test_no_marketing_push_breaks_a_cap_quiet_hours_or_its_expiry(history: History) -> None:
    assert violations(history, play(history)) == []


START = STARTS[0]
PLAIN = Settings(quiet_hours="", caps=Caps(day=None, week=None, apart_h=None), holdout=0.0, need_holdout=0.0)


def often(**changes: object) -> History:
    """Something to push every three hours for nine days."""
    store = Settings(**{**vars(PLAIN), **changes})
    some = [Wanted(at=START + timedelta(hours=3 * n), ttl_min=1440, cleared_min=None) for n in range(72)]
    return History(own_zone="Europe/Berlin", site_zone="UTC", store=store, wanted=some)


def test_what_may_go_out_does() -> None:
    """A policy that sends nothing would break no rule either."""
    assert len(play(often())) == 72
    assert len(play(often(caps=Caps(day=1, week=None, apart_h=None)))) == 10
    assert len(play(often(caps=Caps(day=None, week=3, apart_h=None)))) == 6
    # Berlin's clocks went forward in the first night: 08:00 was 06:00 UTC.
    assert [one.at.hour for one in play(often(quiet_hours="22:00-08:00"))][:4] == [12, 15, 18, 6]


@pytest.mark.parametrize(
    ("gate", "changes"),
    [
        ("caps", {"caps": Caps(day=1, week=None, apart_h=None)}),
        ("caps", {"caps": Caps(day=None, week=3, apart_h=None)}),
        ("caps", {"caps": Caps(day=None, week=None, apart_h=20.0)}),
        ("quiet-hours", {"quiet_hours": "22:00-08:00"}),
    ],
)
def test_the_judge_sees_what_a_policy_without_the_gate_sends(
    monkeypatch: pytest.MonkeyPatch, gate: str, changes: dict[str, object]
) -> None:
    monkeypatch.setitem(GATES, gate, lambda facts: ({}, None))
    assert violations(often(**changes), play(often(**changes)))


def test_the_judge_sees_what_is_sent_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GATES, "expiry", lambda facts: ({}, None))
    late = [Wanted(at=START, ttl_min=60, cleared_min=0)]
    history = History(own_zone=None, site_zone="UTC", store=PLAIN, wanted=late)
    assert violations(history, play(history))


def test_a_zone_that_nobody_knows_is_quiet_by_the_stores_widest_window() -> None:
    """It fails closed: 21:00 UTC is no quiet hour of 22:00-08:00, and may be one where they live."""
    evening = [Wanted(at=START.replace(hour=21), ttl_min=1440, cleared_min=None)]
    store = Settings(quiet_hours="22:00-08:00", caps=PLAIN.caps, holdout=0.0, need_holdout=0.0)
    unknown = History(own_zone="Mars/Olympus", site_zone="UTC", store=store, wanted=evening)
    [sent] = play(unknown)
    assert (sent.at.hour, policy.DEFER) == (10, "defer")
    known = History(own_zone="Europe/London", site_zone="UTC", store=store, wanted=evening)
    [sent] = play(known)
    assert sent.at.hour == 21
