"""Mould index: how far mould would have grown on a surface in this air, 0 (none) to 6 (all covered).

The VTT model: Hukka, Viitanen, "A mathematical model of mould growth on wooden material", Wood Science and Technology
33 (1999) 475-485, with the sensitivity classes of Ojanen et al., "Mold growth modeling of building structures using
sensitivity classes of materials" (Buildings XI, 2010). 1 is growth seen under a microscope, 3 growth seen by eye. The
air of the room stands for the air at the surface: a cold wall is damper, so this is the least that grows.

    dM/dt = k1 k2 / (7 exp(-0.68 ln T - 13.9 ln RH + 66.02))          a day, while RH >= RHcrit and 0 < T < 50 °C
    RHcrit = max(-0.00267 T^3 + 0.160 T^2 - 3.13 T + 100, RHmin)
    k2 = max(1 - exp(2.3 (M - Mmax)), 0),   Mmax = A + B x - C x^2,   x = (RHcrit - RH) / (RHcrit - 100)
    dM/dt = -0.032 c a day in the first 6 h of a dry spell, 0 up to 24 h, -0.016 c after
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

_DAY_S = 86_400.0
_H = 3600.0
_DECLINE_FIRST, _DECLINE_LATER = 0.032, 0.016


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A sensitivity class. k1_low, k1_high: growth relative to pine, below and from an index of 1 on."""

    k1_low: float
    k1_high: float
    a: float
    b: float
    c: float
    rh_min: float


SURFACES: Mapping[str, Surface] = {
    "very-sensitive": Surface(k1_low=1.0, k1_high=2.0, a=1.0, b=7.0, c=2.0, rh_min=80.0),
    "sensitive": Surface(k1_low=0.578, k1_high=0.386, a=0.3, b=6.0, c=1.0, rh_min=80.0),
    "medium-resistant": Surface(k1_low=0.072, k1_high=0.097, a=0.0, b=5.0, c=1.5, rh_min=85.0),
    "resistant": Surface(k1_low=0.033, k1_high=0.014, a=0.0, b=3.0, c=1.0, rh_min=85.0),
}


class MouldIndex:
    """Fed with air in order of time; what comes late changes nothing. A pause over max_gap_s counts as no time at all,
    for nobody knows its air.

    decline: c, how fast the index falls in dry air, relative to pine.

    >>> mould = MouldIndex(SURFACES["very-sensitive"])
    >>> damp = [mould.update(3600.0 * hour, 20.0, 97.0) for hour in range(24 * 14)]
    >>> round(damp[-1], 2)
    1.69
    """

    def __init__(
        self, surface: Surface, *, index: float = 0.0, decline: float = 1.0, max_gap_s: float = 4 * _H
    ) -> None:
        self._surface = surface
        self._decline = decline
        self._max_gap_s = max_gap_s
        self._at: float | None = None
        self._dry_s = 0.0
        self.index = index

    def update(self, at: float, temperature: float, humidity: float) -> float:
        """The index after this air held since the reading before."""
        passed = 0.0 if self._at is None else at - self._at
        if -self._max_gap_s <= passed < 0:
            return self.index
        self._at = at
        if 0 < passed <= self._max_gap_s:
            if humidity < self._surface.rh_min and not self.index:
                self._dry_s += passed  # what _live comes to in nearly all of a home's air
            else:
                self._live(passed, temperature, humidity)
        return self.index

    def _live(self, passed: float, temperature: float, humidity: float) -> None:
        if humidity < self._surface.rh_min:
            self._dry(passed)
            return
        critical = critical_humidity(temperature, self._surface)
        if 0 < temperature < 50 and humidity >= critical:
            self._dry_s = 0.0
            self.index += self._growth(temperature, min(humidity, 100.0), critical) * passed / _DAY_S
        else:
            self._dry(passed)

    def _growth(self, temperature: float, humidity: float, critical: float) -> float:
        """A day."""
        surface = self._surface
        x = (critical - humidity) / (critical - 100.0) if critical < 100.0 else 1.0
        most = surface.a + surface.b * x - surface.c * x * x
        k1 = surface.k1_low if self.index < 1.0 else surface.k1_high
        k2 = max(1.0 - math.exp(2.3 * (self.index - most)), 0.0)
        weeks = math.exp(-0.68 * math.log(temperature) - 13.9 * math.log(humidity) + 66.02)
        return k1 * k2 / (7.0 * weeks)

    def _dry(self, passed: float) -> None:
        """The parts of this time that fall into the first 6 h and behind 24 h of the dry spell."""
        before, after = self._dry_s, self._dry_s + passed
        self._dry_s = after
        if not self.index:
            return
        first = max(0.0, min(after, 6 * _H) - before)
        later = max(0.0, after - max(before, 24 * _H))
        fall = (_DECLINE_FIRST * first + _DECLINE_LATER * later) / _DAY_S
        self.index = max(0.0, self.index - self._decline * fall)


def critical_humidity(temperature: float, surface: Surface) -> float:
    """The relative humidity from which on mould grows, %.

    >>> round(critical_humidity(5.0, SURFACES["very-sensitive"]), 1)
    88.0
    """
    t = min(max(temperature, 0.0), 20.0)
    return max(-0.00267 * t**3 + 0.160 * t**2 - 3.13 * t + 100.0, surface.rh_min)
