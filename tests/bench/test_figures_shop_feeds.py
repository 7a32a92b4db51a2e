"""The bench of feeds in short: every row is taken, and the peer's figure stands beside."""

import pytest
from tests.bench import shop_feeds

pytestmark = pytest.mark.system


def test_rows_are_checked_and_stored_beside_a_plain_loop() -> None:
    found = shop_feeds.measured(rows=300, rounds=1)
    assert min(found["feed_rows_per_s"], found["feed_rows_per_s_plain_loop"]) > 0
