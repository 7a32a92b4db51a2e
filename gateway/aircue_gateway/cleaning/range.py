"""Range: what the air of a home, or the sensor, cannot show is flagged."""

from aircue_gateway.batch import Status


class Range:
    """Flags values outside low..high; both ends are possible values.

    >>> Range(low=0, high=100).update(0.0, 100.1).name
    'RANGE'
    """

    def __init__(self, *, low: float, high: float) -> None:
        self.low = low
        self.high = high

    def update(self, at: float, value: float) -> Status:
        return Status.OK if self.low <= value <= self.high else Status.RANGE
