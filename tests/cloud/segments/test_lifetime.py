"""BG/NBD and Gamma-Gamma: published figures of the CDNOW customers, and models found again from what was drawn."""

import csv
import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from aircue_cloud.errors import CommandError
from aircue_cloud.segments import lifetime, worth
from aircue_cloud.segments.lifetime import Returning, Spending
from aircue_cloud.segments.rfm import Customer

Floats = npt.NDArray[np.float64]
# Fader, Hardie, Lee (2005), table 2; Fader, Hardie (2013), of the 946 customers who came back.
CDNOW = Returning(r=0.243, alpha=4.414, a=0.793, b=2.426)
CDNOW_LOG_LIKELIHOOD = -9582.4
CDNOW_SPENDING = Spending(p=6.25, q=3.74, v=15.44)


def one(value: float) -> Floats:
    return np.array([value])


def test_what_the_paper_expects_of_a_customer() -> None:
    """x = 2, t_x = 30.43, T = 38.86 weeks: 1.226 in the next 39 (Fader, Hardie, Lee: Implementing the BG/NBD model for
    customer base analysis in Excel, 2005)."""
    found = lifetime.expected_days(CDNOW, 39, one(2), one(30.43), one(38.86))
    assert found[0] == pytest.approx(1.226, abs=5e-4)


def test_what_the_paper_expects_a_customer_to_spend() -> None:
    """Between the mean of all, p v / (q - 1), and the customer's own."""
    everybody = 6.25 * 15.44 / 2.74
    assert lifetime.expected_spent(CDNOW_SPENDING, one(0), one(0))[0] == pytest.approx(everybody)
    [little, much] = lifetime.expected_spent(CDNOW_SPENDING, np.array([1.0, 1000.0]), np.array([11.77, 11.77]))
    assert 11.77 < little < everybody
    assert much == pytest.approx(11.77, rel=0.01)


def test_who_never_came_back_is_not_known_to_be_gone() -> None:
    assert lifetime.alive(CDNOW, one(0), one(0), one(38.86))[0] == 1.0
    early, late = (lifetime.alive(CDNOW, one(5), one(t), one(38.86))[0] for t in (5.0, 38.0))
    assert early < 0.1 < 0.8 < late


CUSTOMERS = Path(os.environ.get("AIRCUE_DATA", "")) / "cdnow" / "customers.csv"


@pytest.mark.skipif(
    not CUSTOMERS.is_file(),
    reason="put the 2,357 CDNOW customers as ID,frequency,recency,T into AIRCUE_DATA/cdnow/customers.csv",
)
def test_the_published_parameters_are_found() -> None:
    with CUSTOMERS.open(newline="", encoding="utf-8") as file:
        rows = np.array([[float(row[key]) for key in ("frequency", "recency", "T")] for row in csv.DictReader(file)])
    found = lifetime.fit_returning(*rows.T)
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=2e-3)
    assert found.log_likelihood == pytest.approx(CDNOW_LOG_LIKELIHOOD, abs=0.05)


def drawn(count: int = 6000, weeks: float = 60.0) -> tuple[Floats, Floats, Floats]:
    """Simulated customers of a known model: x, t_x, T."""
    random = np.random.default_rng(1)
    rates, goes = random.gamma(0.8, 1 / 6.0, count), random.beta(0.9, 2.5, count)
    x, t_x = np.zeros(count), np.zeros(count)
    for person in range(count):
        at = 0.0
        while True:
            at += random.exponential(1 / rates[person])
            if at > weeks:
                break
            x[person] += 1
            t_x[person] = at
            if random.random() < goes[person]:
                break
    return x, t_x, np.full(count, weeks)


def test_a_model_is_found_again_from_simulated_customers() -> None:
    x, t_x, T = drawn()  # noqa: N806  # the paper's symbol
    found = lifetime.fit_returning(x, t_x, T)
    true = Returning(r=0.8, alpha=6.0, a=0.9, b=2.5)
    assert found.log_likelihood >= lifetime.log_likelihood(true, x, t_x, T)
    assert (found.r, found.alpha) == pytest.approx((0.8, 6.0), rel=0.15)
    assert found.a / (found.a + found.b) == pytest.approx(0.9 / 3.4, rel=0.15)


def test_spending_is_found_again_whatever_its_unit() -> None:
    random = np.random.default_rng(2)
    x = random.integers(1, 8, 5000).astype(np.float64)
    scale = 15.0 / random.gamma(4.0, 1.0, 5000) ** -1.0
    mean = random.gamma(6.0 * x, 1 / (x * scale))
    euros, cents = (lifetime.fit_spending(x, mean * unit) for unit in (1.0, 100.0))
    assert (cents.p, cents.q) == pytest.approx((euros.p, euros.q), rel=0.02)
    assert cents.v == pytest.approx(100 * euros.v, rel=0.02)


def test_too_few_who_came_back_are_told_by_number() -> None:
    with pytest.raises(CommandError, match="3 customers came back, expected 50"):
        lifetime.fit_returning(np.array([1.0, 1.0, 1.0, 0.0]), np.ones(4), np.full(4, 2.0))
    with pytest.raises(CommandError, match="0 customers came back and spent"):
        lifetime.fit_spending(np.zeros(3), np.zeros(3))


def test_what_customers_are_worth_adds_up_from_both_models() -> None:
    x, t_x, _ = drawn(800)
    today = date(2026, 11, 22)
    first = today - timedelta(weeks=60)
    people = [
        Customer(person=f"p{n}", currency="EUR", days=int(x[n]) + 1, first=first,
                 last=first + timedelta(days=round(7 * t_x[n])), minor=1000 * (int(x[n]) + 1) + n)
        for n in range(800)
    ]  # fmt: skip
    found = worth.worth(people, today, 365)
    assert found.minor.shape == found.days.shape == (800,)
    assert float((found.minor / np.maximum(found.days, 1e-9)).mean()) == pytest.approx(1000, rel=0.3)
    regular = int(np.argmax(x))
    assert found.days[regular] > float(np.median(found.days))
