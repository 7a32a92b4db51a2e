"""What the gateway knows of each quantity: its unit on the wire, what is possible, how much it may jitter."""

from dataclasses import dataclass

from aircue_node.quantities import QUANTITIES


@dataclass(frozen=True, kw_only=True)
class Limits:
    """low and high: both possible, in the quantity's unit. spike_floor: the least scale the spike filter assumes, so
    that a series that stands still does not turn every small movement into a spike."""

    low: float
    high: float
    spike_floor: float


# Ranges are the widest of the sensors in use (SHT4x, DHT22, SCD4x, PMS5003, BME280, SGP40, MQ-135); indoor air never
# falls to 200 ppm of CO2, and a VOC index of 0 is the sensor's way to say that it is not ready.
LIMITS = {
    "temperature": Limits(low=-40.0, high=125.0, spike_floor=0.5),
    "humidity": Limits(low=0.0, high=100.0, spike_floor=3.0),
    "co2": Limits(low=200.0, high=40_000.0, spike_floor=100.0),
    "pm1": Limits(low=0.0, high=1000.0, spike_floor=15.0),
    "pm25": Limits(low=0.0, high=1000.0, spike_floor=15.0),
    "pm10": Limits(low=0.0, high=1000.0, spike_floor=15.0),
    "pressure": Limits(low=300.0, high=1100.0, spike_floor=1.0),
    "voc_index": Limits(low=1.0, high=500.0, spike_floor=40.0),
    "gas_ratio": Limits(low=0.01, high=50.0, spike_floor=0.1),
}


def unit(quantity: str) -> str | None:
    """The SenML unit that the contract fixes for a quantity, None for a quantity it does not know."""
    row = QUANTITIES.get(quantity)
    return None if row is None else row[0]
