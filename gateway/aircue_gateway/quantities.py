"""What the gateway knows of each quantity: its unit on the wire, what is possible, how much it may jitter."""

from dataclasses import dataclass

from aircue_node.quantities import QUANTITIES


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the air of a home can do, in the quantity's unit.

    low, high: both possible. spike_start, spike_floor: the scale of changes the spike filter begins with, and the least
    one it ever assumes. jump, per_s: a change over t seconds is possible up to jump + per_s t. step: the size of the
    changes that even the air of a quiet room shows. rests: values at which honest air may stand for days. agree: how
    far apart two good sensors in one room may be.
    """

    low: float
    high: float
    spike_start: float
    spike_floor: float
    jump: float
    per_s: float
    step: float
    agree: float
    rests: tuple[float, ...] = ()


# Ranges are the widest of the sensors in use (SHT4x, DHT22, SCD4x, PMS5003, BME280, SGP40, MQ-135); indoor air never
# falls to 200 ppm of CO2, and a VOC index of 0 is the sensor's way to say that it is not ready. What is possible in a
# second is generous: a breath, a hair dryer, a match, an opened window, a slammed door.
LIMITS = {
    "temperature": Limits(
        low=-40.0, high=125.0, spike_start=0.5, spike_floor=0.02, jump=10.0, per_s=1.0, step=0.1, agree=0.5
    ),
    "humidity": Limits(
        low=0.0, high=100.0, spike_start=3.0, spike_floor=0.05, jump=40.0, per_s=5.0, step=0.3, agree=3.0,
        rests=(0.0, 100.0),
    ),
    "co2": Limits(
        low=200.0, high=40_000.0, spike_start=50.0, spike_floor=1.0, jump=5000.0, per_s=500.0, step=3.0, agree=60.0
    ),
    "pm1": Limits(
        low=0.0, high=1000.0, spike_start=10.0, spike_floor=0.3, jump=500.0, per_s=200.0, step=1.0, agree=10.0,
        rests=(0.0,),
    ),
    "pm25": Limits(
        low=0.0, high=1000.0, spike_start=10.0, spike_floor=0.3, jump=500.0, per_s=200.0, step=1.0, agree=10.0,
        rests=(0.0,),
    ),
    "pm10": Limits(
        low=0.0, high=1000.0, spike_start=10.0, spike_floor=0.3, jump=500.0, per_s=200.0, step=1.0, agree=10.0,
        rests=(0.0,),
    ),
    "pressure": Limits(
        low=300.0, high=1100.0, spike_start=1.0, spike_floor=0.02, jump=5.0, per_s=1.0, step=0.1, agree=2.0
    ),
    "voc_index": Limits(
        low=1.0, high=500.0, spike_start=40.0, spike_floor=0.5, jump=400.0, per_s=50.0, step=1.0, agree=50.0,
        rests=(1.0, 100.0),
    ),
    "gas_ratio": Limits(
        low=0.01, high=50.0, spike_start=0.1, spike_floor=0.003, jump=10.0, per_s=5.0, step=0.01, agree=0.2
    ),
}  # fmt: skip


def unit(quantity: str) -> str | None:
    """The SenML unit that the contract fixes for a quantity, None for a quantity it does not know."""
    row = QUANTITIES.get(quantity)
    return None if row is None else row[0]
