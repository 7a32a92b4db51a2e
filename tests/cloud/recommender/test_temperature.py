"""The temperature that choices were drawn with is found again, and shares are shares."""

import numpy as np
import pytest

from aircue_cloud.recommender import temperature


@pytest.mark.parametrize("b", [0.3, 1.5, 4.0])
def test_the_temperature_that_drew_the_choices_is_found_again(b: float) -> None:
    random = np.random.default_rng(3)
    scores = random.normal(0, 1, (3000, 12)).astype(np.float32)
    picks = (b * scores + random.gumbel(size=scores.shape)).argmax(axis=1)
    found = temperature.fit(scores, list(enumerate(picks.tolist())), np.zeros(scores.shape, dtype=bool))
    assert found == pytest.approx(b, rel=0.1)


def test_hidden_items_were_no_choice() -> None:
    """The best item of all is hidden; among the others the choice follows the scores."""
    random = np.random.default_rng(3)
    scores = np.concatenate([np.full((2000, 1), 9.0), random.normal(0, 1, (2000, 6))], axis=1)
    hidden = np.zeros(scores.shape, dtype=bool)
    hidden[:, 0] = True
    picks = 1 + (2.0 * scores[:, 1:] + random.gumbel(size=(2000, 6))).argmax(axis=1)
    pairs = list(enumerate(picks.tolist()))
    assert temperature.fit(scores, pairs, hidden) == pytest.approx(2.0, rel=0.1)
    assert temperature.fit(scores, pairs, np.zeros_like(hidden)) < 0.2


def test_without_choices_or_with_choices_against_the_scores_it_stays_over_0() -> None:
    scores, open_to = np.array([[0.0, 1.0]]), np.zeros((1, 2), dtype=bool)
    assert temperature.fit(scores, [], open_to) == temperature.START
    against = temperature.fit(
        np.repeat(scores, 500, axis=0), [(row, 0) for row in range(500)], np.repeat(open_to, 500, 0)
    )
    assert temperature.LEAST <= against < 0.02
