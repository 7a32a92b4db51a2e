"""By how much a room cooled down, as of an instant: against the highest of this hour and the one before."""

import numpy as np
import pytest

from aircue_cloud.needs.around import Around

HOUR = 3600.0
TEN = 10 * HOUR  # ten o'clock


def fall(course: dict[float, float], now: float) -> float | None:
    """course: by hours."""
    at = np.array(sorted(course))
    return Around({"temperature": (at * HOUR, np.array([course[one] for one in at.tolist()]))}).fall(now)


@pytest.mark.parametrize(
    ("warm_at", "expected"),
    [(8.99, 0.0), (9.0, 5.0), (9.99, 5.0), (10.0, 5.0)],
)
def test_the_hour_before_counts_from_its_beginning(warm_at: float, expected: float) -> None:
    assert fall({warm_at: 23.0, 10.4: 18.0}, 10.5 * HOUR) == expected


@pytest.mark.parametrize(("latest", "expected"), [(10.49, None), (10.5, 0.0), (11.4, 0.0)])
def test_a_reading_of_more_than_an_hour_ago_says_nothing_of_now(latest: float, expected: float | None) -> None:
    assert fall({9.5: 23.0, latest: 18.0}, 11.5 * HOUR) == expected


def test_what_comes_later_is_not_known() -> None:
    assert fall({10.1: 23.0, 10.3: 22.0, 10.6: 10.0}, 10.5 * HOUR) == 1.0


def test_without_a_thermometer_nothing_is_known() -> None:
    assert Around().fall(TEN) is None
