"""Home Assistant's discovery: the golden payload, and its templates evaluated by Jinja on the contract's messages."""

import json
from typing import Any

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from tests.contract.golden import golden

from aircue_node import contract, discovery
from aircue_node.quantities import QUANTITIES

FIELDS = golden("discovery")["fields"]
PAYLOAD = json.loads(golden("discovery")["payload"])
# Home Assistant 2025, homeassistant/components/sensor/const.py: the units a device class may have.
UNITS = {
    "temperature": {"\u00b0C", "\u00b0F", "K"},
    "humidity": {"%"},
    "atmospheric_pressure": {"hPa", "kPa", "Pa", "mbar", "bar", "cbar", "mmHg", "inHg", "psi", "inH\u2082O"},
    "carbon_dioxide": {"ppm"},
    "pm1": {"\u00b5g/m\u00b3", "\u03bcg/m\u00b3"},
    "pm25": {"\u00b5g/m\u00b3", "\u03bcg/m\u00b3"},
    "pm10": {"\u00b5g/m\u00b3", "\u03bcg/m\u00b3"},
    "aqi": {None},
}


def shown(template: str, payload: bytes) -> str:
    """What Home Assistant makes of a message: value_json is its JSON."""
    environment = SandboxedEnvironment(undefined=StrictUndefined)
    return environment.from_string(template).render(value_json=json.loads(payload))


def encoded(channels: list[Any], interval_ms: int = 30_000) -> dict[str, Any]:
    fields = {**FIELDS, "channels": channels, "interval_ms": interval_ms}
    payload: dict[str, Any] = json.loads(discovery.encode(**fields))
    return payload


def test_the_payload_is_the_golden_payload() -> None:
    assert json.loads(discovery.encode(**FIELDS)) == PAYLOAD
    assert discovery.topic("bathroom") == golden("discovery")["topic"]


def test_values_of_the_golden_sample_are_shown_in_their_units() -> None:
    sample = golden("samples")["payload"].encode()
    shown_values = [shown(PAYLOAD["cmps"][key]["val_tpl"], sample) for key in ("temperature", "humidity", "co2")]
    assert [float(value) for value in shown_values] == [21.5, 80.12, 812]


@pytest.mark.parametrize("index", range(len(FIELDS["channels"])))
def test_each_quantity_reads_its_own_value_with_its_own_scale_and_a_gap_is_none(index: int) -> None:
    quantity, _, scale, _ = FIELDS["channels"][index]
    template = PAYLOAD["cmps"][quantity]["val_tpl"]
    values: list[int | None] = [1000 + 7 * place for place in range(len(FIELDS["channels"]))]
    assert float(shown(template, contract.encode_sample(1, 1, (1, 1, 0, values)))) == pytest.approx(
        (1000 + 7 * index) / scale
    )
    values[index] = 0
    assert float(shown(template, contract.encode_sample(1, 1, (1, 1, 0, values)))) == 0
    values[index] = None
    assert shown(template, contract.encode_sample(1, 1, (1, 1, 0, values))) == "None"


def test_availability_follows_the_status_and_the_last_will() -> None:
    """Home Assistant's own words for the two states are online and offline."""
    status = golden("status")
    assert shown(PAYLOAD["avty_tpl"], status["payload"].encode()) == "online"
    assert shown(PAYLOAD["avty_tpl"], status["will"].encode()) == "offline"
    assert PAYLOAD["avty_t"] == status["topic"]
    assert PAYLOAD["stat_t"] == golden("samples")["topic"]


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_of_the_contract_has_its_class_and_a_unit_that_home_assistant_takes(quantity: str) -> None:
    unit, scale = QUANTITIES[quantity]
    component = encoded([[quantity, unit, scale, "sensor"]])["cmps"][quantity]
    assert component["p"] == "sensor"
    assert component["stat_cla"] == "measurement"
    if "dev_cla" in component:
        assert component.get("unit_of_meas") in UNITS[component["dev_cla"]]
    else:
        assert component["name"]


def test_the_voc_index_is_shown_as_an_air_quality_index_and_not_as_a_concentration() -> None:
    assert PAYLOAD["cmps"]["voc_index"]["dev_cla"] == "aqi"


@pytest.mark.parametrize(("interval_ms", "expires_s"), [(1000, 60), (20_000, 60), (30_000, 90), (86_400_000, 259_200)])
def test_a_reading_expires_after_three_intervals(interval_ms: int, expires_s: int) -> None:
    component = encoded(FIELDS["channels"], interval_ms)["cmps"]["temperature"]
    assert component["exp_aft"] == expires_s


def test_every_entity_has_an_id_of_its_own_that_names_site_and_node() -> None:
    idents = [component["uniq_id"] for component in PAYLOAD["cmps"].values()]
    assert len(set(idents)) == len(FIELDS["channels"])
    assert all(ident.startswith("aircue-home-1-bathroom-") for ident in idents)


def test_a_removal_is_an_empty_payload_on_the_same_topic() -> None:
    assert discovery.removal("bathroom") == (discovery.topic("bathroom"), b"")
