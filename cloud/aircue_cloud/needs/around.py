"""What a node had measured by an instant of the past, as what is decided live would have known it. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from aircue_cloud.needs.also import ROOM
from aircue_cloud.needs.conditions import Fact
from aircue_cloud.needs.following import Numbers
from aircue_cloud.needs.quantities import MOULD_INDEX
from aircue_gateway.cleaning.derived import DERIVED
from aircue_gateway.cleaning.mould import SURFACES, MouldIndex

TEMPERATURE, HUMIDITY = "temperature", "humidity"
MOULD_DAYS = 60  # of air that a mould index is reckoned from, as decision.surrounding has it
SURFACE = "sensitive"
_HOUR_S = 3600.0
Key = tuple[str, str]


class Around:
    """Trusted readings by quantity: epoch seconds, growing, and values."""

    def __init__(self, measured: Mapping[str, tuple[Numbers, Numbers]] | None = None) -> None:
        self._measured = measured or {}

    def fall(self, now: float) -> float | None:
        """By how much the latest temperature lies below the highest of the hour and the one before (decision.known)."""
        at, value = self._since(TEMPERATURE, (now // _HOUR_S - 1) * _HOUR_S, now)
        if not len(at) or now - at[-1] > _HOUR_S:
            return None
        return float(value.max() - value[-1])

    def known(self, now: datetime, asked: frozenset[str]) -> dict[Key, list[Fact]]:
        """The latest of everything, what is derived of it, and the index of mould where it is asked for."""
        found: dict[Key, list[Fact]] = {}
        for quantity in self._measured:
            at, value = self._since(quantity, -np.inf, now.timestamp())
            if len(at):
                found[ROOM, quantity] = [Fact(value=float(value[-1]), at=datetime.fromtimestamp(float(at[-1]), UTC))]
        found |= _derived(found)
        if MOULD_INDEX in asked:
            found |= self._mould(now)
        return found

    def _since(self, quantity: str, first: float, now: float) -> tuple[Numbers, Numbers]:
        """Readings of an instant from first to now, both among them."""
        at, value = self._measured.get(quantity, _NONE)
        mine = slice(int(np.searchsorted(at, first)), int(np.searchsorted(at, now, side="right")))
        return at[mine], value[mine]

    def _mould(self, now: datetime) -> dict[Key, list[Fact]]:
        """From the hours' means."""
        until = now.timestamp()
        first = (until // _HOUR_S - 24 * MOULD_DAYS + 1) * _HOUR_S
        temperature, humidity = (_hours(*self._since(name, first, until)) for name in (TEMPERATURE, HUMIDITY))
        hours = sorted(temperature.keys() & humidity.keys())
        if not hours:
            return {}
        mould, index = MouldIndex(SURFACES[SURFACE]), 0.0
        for hour in hours:
            index = mould.update(hour * _HOUR_S, temperature[hour], humidity[hour])
        at = datetime.fromtimestamp(min((hours[-1] + 1) * _HOUR_S, until), UTC)
        return {(ROOM, MOULD_INDEX): [Fact(value=index, at=at)]}


_NONE = (np.zeros(0), np.zeros(0))


def _hours(at: Numbers, value: Numbers) -> dict[int, float]:
    """The mean of each."""
    if not len(at):
        return {}
    hours, places = np.unique((at // _HOUR_S).astype(np.int64), return_inverse=True)
    means = np.bincount(places, weights=value) / np.bincount(places)
    return dict(zip(hours.tolist(), means.tolist(), strict=True))


def _derived(found: Mapping[Key, list[Fact]]) -> dict[Key, list[Fact]]:
    temperature, humidity = (found.get((ROOM, name)) for name in (TEMPERATURE, HUMIDITY))
    if temperature is None or humidity is None:
        return {}
    at = min(temperature[0].at, humidity[0].at)
    return {
        (ROOM, name): [Fact(value=derived(temperature[0].value, humidity[0].value), at=at)]
        for name, (_, derived) in DERIVED.items()
    }
