"""The world's clock: simulated time that runs `scale` times as fast as real time."""

from dataclasses import dataclass

DAY_US = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class WorldClock:
    """`start_us`: world time (us since 1970) at the real moment `began` (monotonic seconds)."""

    start_us: int
    began: float
    scale: float = 1.0

    def now_us(self, monotonic: float) -> int:
        return self.start_us + round((monotonic - self.began) * self.scale * 1e6)


def whole_days_to(end_us: int, now_us: int) -> int:
    """The whole days, in us, by which a stretch of world time that ends at `end_us` is moved to end just before now.

    >>> whole_days_to(5 * DAY_US, 9 * DAY_US + 1) // DAY_US
    4
    """
    return (now_us - end_us) // DAY_US * DAY_US
