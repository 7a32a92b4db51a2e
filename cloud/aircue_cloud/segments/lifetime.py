"""What a customer will still spend: BG/NBD for how often they come back, Gamma-Gamma for what they spend. Pure.

Fader, Hardie, Lee: "Counting your customers" the easy way, Marketing Science 24 (2005), its equations (6), (7), (10);
Fader, Hardie: The Gamma-Gamma model of monetary value (2013). Symbols are the papers'. x: days bought on after the
first; t_x: from the first to the last; T: from the first to now; in one unit of time. m_x: mean spent on one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize
from scipy.special import betaln, gammaln, hyp2f1

from aircue_cloud.errors import CommandError

Floats = npt.NDArray[np.float64]
LEAST = 50  # customers who came back: from fewer no four numbers can be told
_BOUND = 12.0  # of the logarithm of a parameter


@dataclass(frozen=True, kw_only=True)
class Returning:
    """BG/NBD: r, alpha of the rates at which customers buy, a, b of the chances that they go for good."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = float("nan")


@dataclass(frozen=True, kw_only=True)
class Spending:
    """Gamma-Gamma; v is the papers' gamma."""

    p: float
    q: float
    v: float
    log_likelihood: float = float("nan")


def fit_returning(x: Floats, t_x: Floats, T: Floats) -> Returning:  # noqa: N803  # the paper's symbol
    if int((x > 0).sum()) < LEAST:
        raise CommandError(f"{int((x > 0).sum())} customers came back, expected {LEAST} or more to fit a model to")
    scale = float(T.max()) / 10.0  # the search is at ease where times are near 1
    found = _maximum(lambda said: _returning_ll(said, x, t_x / scale, T / scale), 4)
    r, alpha, a, b = (float(one) for one in found.x)
    fitted = Returning(r=r, alpha=alpha * scale, a=a, b=b)
    return Returning(r=r, alpha=alpha * scale, a=a, b=b, log_likelihood=log_likelihood(fitted, x, t_x, T))


def log_likelihood(model: Returning, x: Floats, t_x: Floats, T: Floats) -> float:  # noqa: N803
    return _returning_ll(np.array([model.r, model.alpha, model.a, model.b]), x, t_x, T)


def _returning_ll(said: Floats, x: Floats, t_x: Floats, T: Floats) -> float:  # noqa: N803
    r, alpha, a, b = said
    a_1 = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    a_2 = betaln(a, b + x) - betaln(a, b)
    alive = -(r + x) * np.log(alpha + T)
    gone = np.where(x > 0, np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x), -np.inf)
    return float(np.sum(a_1 + a_2 + np.logaddexp(alive, gone)))


def _maximum(likelihood: Callable[[Floats], float], size: int) -> Any:
    """Over the logarithms, from a few places, so that none of the numbers gets under 0."""
    bounds = [(-_BOUND, _BOUND)] * size
    search: Any = optimize.minimize
    tried = [
        search(lambda log: -likelihood(np.exp(log)), np.full(size, start), method="L-BFGS-B", bounds=bounds)
        for start in (-1.0, 0.0, 1.0)
    ]
    best = min(tried, key=lambda one: float(one.fun))
    if not np.isfinite(best.fun):
        raise CommandError("no model fits these customers; look whether times and amounts are as expected")
    best.x = np.exp(best.x)
    return best


def expected_days(model: Returning, t: float, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
    """How many more days of buying to expect within a time t from now: the paper's equation (10)."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    series = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + T + t))
    power = np.exp((r + x) * (np.log(alpha + T) - np.log(alpha + T + t)))
    more = (a + b + x - 1) / (a - 1) * (1 - power * series)
    return np.asarray(more * alive(model, x, t_x, T))


def alive(model: Returning, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
    """The chance that a customer has not gone for good."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    odds = a / (b + np.maximum(x, 1) - 1) * np.exp((r + x) * (np.log(alpha + T) - np.log(alpha + t_x)))
    return np.asarray(1 / (1 + np.where(x > 0, odds, 0.0)))


def fit_spending(x: Floats, m_x: Floats) -> Spending:
    """Of those who came back and spent something."""
    fits = (x > 0) & (m_x > 0)
    if int(fits.sum()) < LEAST:
        raise CommandError(f"{int(fits.sum())} customers came back and spent, expected {LEAST} or more")
    x, m_x = x[fits], m_x[fits]
    scale = float(m_x.mean())
    found = _maximum(lambda said: _spending_ll(said, x, m_x / scale), 3)
    p, q, v = (float(one) for one in found.x)
    return Spending(p=p, q=q, v=v * scale, log_likelihood=_spending_ll(np.array([p, q, v * scale]), x, m_x))


def _spending_ll(said: Floats, x: Floats, m_x: Floats) -> float:
    p, q, v = said
    known = gammaln(p * x + q) - gammaln(p * x) - gammaln(q)
    rest = q * np.log(v) + (p * x - 1) * np.log(m_x) + p * x * np.log(x) - (p * x + q) * np.log(x * m_x + v)
    return float(np.sum(known + rest))


def expected_spent(model: Spending, x: Floats, m_x: Floats) -> Floats:
    """On a day of buying, of each customer: between what all spend and what this one did."""
    p, q, v = model.p, model.q, model.v
    return np.asarray((v + m_x * x) * p / (p * x + q - 1))
