"""The bench of delivery in short: real processes die, and nobody gets a push twice or not at all."""

import pytest
from tests.bench import push_delivery

pytestmark = pytest.mark.system


def test_kills_leave_every_push_in_the_inbox_once_and_mail_never_twice() -> None:
    found = push_delivery.kills(8)
    assert found["decisions_under_kills"] > 0
    names = ("inbox_exactly_once_violations", "webhooks_lost", "mail_doubled", "mail_handed_but_missing")
    assert {name: found[name] for name in names} == dict.fromkeys(names, 0)
    assert found["in_doubt"]["webhook"] == 0
    assert found["mail_sent"] + found["in_doubt"]["email"] > 0


def test_sends_are_measured() -> None:
    assert push_delivery.sends(50)["outbox_sends_per_s"] > 0
