"""Other makers' formats: published payloads give the values they stand for; what is wrong is named and costs itself."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_gateway.payloads import bthome, cbor, senml, shelly, state, tasmota, zigbee2mqtt
from aircue_gateway.payloads.aircue import PayloadError
from aircue_gateway.payloads.formats import FORMATS
from aircue_gateway.payloads.reading import Decode, Decoded, Reading
from aircue_gateway.quantities import LIMITS
from aircue_gateway.units import UnitError, canonical

NOW_MS = 1_763_700_000_000


def values(decode: Decode, topic: str, payload: Any) -> dict[str, float]:
    """Quantity to value of a message that has each once and no fault."""
    found = decoded(decode, topic, payload)
    assert found.faults == ()
    assert len({one.quantity for one in found.readings}) == len(found.readings)
    return {one.quantity: one.value for one in found.readings}


def decoded(decode: Decode, topic: str, payload: Any) -> Decoded:
    return decode(topic, payload if isinstance(payload, bytes) else json.dumps(payload).encode(), NOW_MS)


def faults(decode: Decode, topic: str, payload: Any) -> list[str]:
    return [str(fault) for fault in decoded(decode, topic, payload).faults]


def refused(decode: Decode, topic: str, payload: Any) -> str:
    with pytest.raises(PayloadError) as caught:
        decoded(decode, topic, payload)
    return str(caught.value)


# Units


@pytest.mark.parametrize(
    ("quantity", "value", "unit", "expected"),
    [
        ("temperature", 212, "F", 100.0),
        ("temperature", -40, "°F", -40.0),
        ("temperature", 273.15, "K", 0.0),
        ("humidity", 0.5, "/", 50.0),
        ("co2", 800_000, "ppb", 800.0),
        ("pressure", 101_325, "Pa", 1013.25),
        ("pressure", 760, "mmHg", 1013.250144),
        ("pressure", 29.92, "inHg", 1013.207589),
        ("pm25", 0.012, "mg/m3", 12.0),
        ("pm25", 12, "µg/m³", 12.0),
        ("voc_index", 100, "", 100.0),
    ],
)
def test_a_stated_unit_becomes_the_contracts(quantity: str, value: float, unit: str, expected: float) -> None:
    assert canonical(quantity, value, unit) == pytest.approx(expected, abs=1e-6)


def test_every_quantity_has_its_own_unit_and_refuses_a_foreign_one() -> None:
    from aircue_gateway.quantities import unit

    for quantity in LIMITS:
        assert canonical(quantity, 12.5, str(unit(quantity))) == 12.5
        with pytest.raises(UnitError, match=quantity):
            canonical(quantity, 1, "lux")


# Tasmota

SCD30 = {
    "Time": "2022-09-06T08:52:59",
    "ANALOG": {"A0": 542},
    "SCD30": {"CarbonDioxide": 814, "eCO2": 787, "Temperature": 71.8, "Humidity": 61.6, "DewPoint": 57.9},
    "TempUnit": "F",
}
BME280 = {"Time": "2024-02-25T11:27:00", "BME280": {"Temperature": 25.1, "Pressure": 753.3, "Humidity": 65.5}}


def test_tasmota_in_fahrenheit() -> None:
    found = values(tasmota.decode, "tele/snifferbuddy/SENSOR", SCD30)
    assert found == pytest.approx({"co2": 814, "temperature": 22.111111, "humidity": 61.6})


def test_tasmotas_pressure_unit() -> None:
    hpa = {**BME280, "BME280": {"Pressure": 1013.2}, "PressureUnit": "hPa"}
    assert values(tasmota.decode, "tele/x/SENSOR", hpa) == {"pressure": 1013.2}
    mmhg = {**BME280, "PressureUnit": "mmHg"}
    assert values(tasmota.decode, "tele/x/SENSOR", mmhg)["pressure"] == pytest.approx(1004.32, abs=0.01)


def test_tasmotas_many_blocks_are_parts_and_the_chips_own_temperature_is_none() -> None:
    payload = {
        "Time": "2024-02-25T11:27:00",
        "DS18B20-1": {"Id": "01131B123456", "Temperature": 21.5},
        "DS18B20-2": {"Id": "01131B654321", "Temperature": 19.0},
        "ESP32": {"Temperature": 53.9},
        "PMS5003": {"CF1": 3, "CF2.5": 5, "CF10": 5, "PM1": 3, "PM2.5": 5, "PM10": 6, "PB0.3": 1000},
        "TempUnit": "C",
    }
    found = decoded(tasmota.decode, "tele/attic/SENSOR", payload).readings
    assert [(one.device, one.part, one.quantity, one.value) for one in found] == [
        ("attic", "DS18B20-1", "temperature", 21.5),
        ("attic", "DS18B20-2", "temperature", 19.0),
        ("attic", "PMS5003", "pm1", 3),
        ("attic", "PMS5003", "pm25", 5),
        ("attic", "PMS5003", "pm10", 6),
    ]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"Time": "2019-09-04T14:31:29"}, None),  # local, offset unknown
        ({"Time": "2019-09-04T14:31:29", "Epoch": 1567600289}, 1567600289000),
        ({"Time": 1567600289}, 1567600289000),
        ({"Time": "2019-09-04T14:31:29.123"}, None),
        ({"Time": "2019-09-04T14:31:29+02:00"}, 1567600289000),
        ({}, None),
    ],
)
def test_tasmotas_time_counts_where_it_says_a_moment(times: dict[str, Any], expected: int | None) -> None:
    (reading,) = decoded(tasmota.decode, "tele/x/SENSOR", {**times, "DHT11": {"Temperature": 20}}).readings
    assert reading.at_ms == expected


def test_tasmotas_full_topic_may_have_another_order() -> None:
    (reading,) = decoded(tasmota.decode, "home/attic/tele/SENSOR", {"DHT11": {"Temperature": 20}}).readings
    assert reading.device == "home/attic"


def test_a_value_of_an_impossible_type_costs_itself_alone() -> None:
    payload = {"DHT11": {"Temperature": "warm", "Humidity": 40}, "DHT22": {"Temperature": None, "Humidity": [1]}}
    found = decoded(tasmota.decode, "tele/x/SENSOR", payload)
    assert [(one.part, one.value) for one in found.readings] == [("DHT11", 40)]
    assert [str(fault) for fault in found.faults] == [
        "tele/x/SENSOR: DHT11.Temperature: expected a number within +-1000000, found 'warm'",
        "tele/x/SENSOR: DHT22.Humidity: expected a number within +-1000000, found [1]",
    ]


def test_an_unknown_temperature_unit_spoils_temperatures_alone() -> None:
    found = decoded(tasmota.decode, "tele/x/SENSOR", {"DHT11": {"Temperature": 20, "Humidity": 40}, "TempUnit": "R"})
    assert [one.quantity for one in found.readings] == ["humidity"]
    assert "TempUnit: expected C or F, found 'R'" in str(found.faults[0])


@pytest.mark.parametrize("bad", [b"", b"{", b"\xff", b"21.5", b"[1]", b"[" * 100_000])
def test_a_payload_that_is_no_object_is_named(bad: bytes) -> None:
    assert "tele/x/SENSOR: payload: expected" in refused(tasmota.decode, "tele/x/SENSOR", bad)


# Zigbee2MQTT


def test_zigbee2mqtt_as_its_documentation_shows_a_climate_sensor() -> None:
    payload = {"temperature": 27.34, "humidity": 44.72}
    assert values(zigbee2mqtt.decode, "zigbee2mqtt/bathroom", payload) == {"temperature": 27.34, "humidity": 44.72}


def test_zigbee2mqtt_air_quality_with_what_is_unknown_and_what_is_null() -> None:
    payload = {
        "battery": 74, "co2": 603, "humidity": None, "linkquality": 120, "pm25": 4, "pressure": 1011.2,
        "temperature": 21, "voc": 12, "voc_index": 98, "update": {"state": "idle"}, "last_seen": 1763699990123,
    }  # fmt: skip
    found = decoded(zigbee2mqtt.decode, "zigbee2mqtt/kitchen/air", payload)
    assert found.faults == ()
    assert {(one.device, one.quantity, one.value, one.at_ms) for one in found.readings} == {
        ("kitchen/air", "co2", 603, 1763699990123),
        ("kitchen/air", "pm25", 4, 1763699990123),
        ("kitchen/air", "pressure", 1011.2, 1763699990123),
        ("kitchen/air", "temperature", 21, 1763699990123),
        ("kitchen/air", "voc_index", 98, 1763699990123),
    }


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ("2025-11-21T04:39:50.000Z", 1763699990000),
        ("2025-11-21T05:39:50+01:00", 1763699990000),
        (1763699990123, 1763699990123),
        ("yesterday", None),
        (None, None),
    ],
)
def test_zigbee2mqtts_last_seen_is_the_time(seen: Any, expected: int | None) -> None:
    (one,) = decoded(zigbee2mqtt.decode, "zigbee2mqtt/x", {"temperature": 20, "last_seen": seen}).readings
    assert one.at_ms == expected


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("zigbee2mqtt/bathroom/availability", b'{"state":"online"}'),
        ("zigbee2mqtt/bathroom/availability", b"offline"),
        ("zigbee2mqtt/bathroom/set", b'{"temperature": 20}'),
        ("zigbee2mqtt/bathroom/set/temperature", b"20"),
        ("zigbee2mqtt/bathroom/get", b'{"temperature": ""}'),
        ("zigbee2mqtt/bridge/state", b'{"state":"online"}'),
        ("zigbee2mqtt/bridge/logging", b'{"level":"info","message":"temperature"}'),
        ("zigbee2mqtt/lamp", b'{"state":"ON","brightness":215,"color_temp":325}'),
        ("zigbee2mqtt/lamp/state", b"ON"),
        ("zigbee2mqtt/gone", b""),
    ],
)
def test_what_zigbee2mqtt_says_beside_readings_is_passed_over(topic: str, payload: bytes) -> None:
    assert decoded(zigbee2mqtt.decode, topic, payload) == Decoded()


def test_zigbee2mqtt_with_a_topic_a_value() -> None:
    (one,) = decoded(zigbee2mqtt.decode, "zigbee2mqtt/attic/room/temperature", b"19.5").readings
    assert (one.device, one.quantity, one.value) == ("attic/room", "temperature", 19.5)


def test_zigbee2mqtt_names_a_bad_value_and_a_bad_payload() -> None:
    found = decoded(zigbee2mqtt.decode, "zigbee2mqtt/x", {"temperature": True, "humidity": 40})
    assert [one.quantity for one in found.readings] == ["humidity"]
    assert "zigbee2mqtt/x: temperature: expected a number" in str(found.faults[0])
    assert "zigbee2mqtt/x: payload: expected JSON" in refused(zigbee2mqtt.decode, "zigbee2mqtt/x", b"{")
    assert "found nan" in faults(zigbee2mqtt.decode, "zigbee2mqtt/x", b'{"temperature": NaN}')[0]


# Shelly

FULL_STATUS = {
    "src": "shellyhtg3-84fce63ad204",
    "dst": "shellyhtg3-84fce63ad204/events",
    "method": "NotifyFullStatus",
    "params": {
        "ts": 1752192302.55,
        "ble": {},
        "cloud": {"connected": False},
        "devicepower:0": {"id": 0, "battery": {"V": 5.32, "percent": 65}, "external": {"present": False}},
        "humidity:0": {"id": 0, "rh": 58.9},
        "switch:0": {"id": 0, "output": True, "temperature": {"tC": 47.1, "tF": 116.8}},
        "temperature:0": {"id": 0, "tC": 20.4, "tF": 68.7},
        "temperature:100": {"id": 100, "tC": -3.1, "tF": 26.4},
    },
}


def test_a_shellys_full_status() -> None:
    found = decoded(shelly.decode, "shellyhtg3-84fce63ad204/events/rpc", FULL_STATUS)
    assert found.faults == ()
    assert set(found.readings) == {
        Reading("shellyhtg3-84fce63ad204", "0", "humidity", 58.9, 1752192302550),
        Reading("shellyhtg3-84fce63ad204", "0", "temperature", 20.4, 1752192302550),
        Reading("shellyhtg3-84fce63ad204", "100", "temperature", -3.1, 1752192302550),
    }


def test_a_shellys_change_and_its_status_topic() -> None:
    change = {
        "src": "s",
        "method": "NotifyStatus",
        "params": {"ts": 1631186545.04, "temperature:0": {"id": 0, "tC": 21.2}},
    }
    assert decoded(shelly.decode, "s/events/rpc", change).readings == (
        Reading("s", "0", "temperature", 21.2, 1631186545040),
    )
    assert decoded(shelly.decode, "home/s/status/humidity:0", {"id": 0, "rh": 41}).readings == (
        Reading("home/s", "0", "humidity", 41),
    )


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("s/events/rpc", {"method": "NotifyEvent", "params": {"ts": 1, "events": []}}),
        ("s/events/rpc", {"method": "NotifyStatus", "params": {"ts": 1, "switch:0": {"temperature": {"tC": 50}}}}),
        ("s/events/rpc", {"method": "NotifyStatus", "params": {"ts": 1, "temperature:0": None}}),
        (
            "s/events/rpc",
            {"method": "NotifyStatus", "params": {"ts": 1, "temperature:0": {"tC": None, "errors": ["read"]}}},
        ),
        ("s/status/switch:0", {"output": True}),
        ("s/status", b"x"),
    ],
)
def test_a_shellys_other_messages_are_passed_over(topic: str, payload: Any) -> None:
    assert decoded(shelly.decode, topic, payload) == Decoded()


def test_a_shellys_bad_message_is_named() -> None:
    frame = {"method": "NotifyStatus", "params": {"temperature:0": 20, "humidity:0": {"rh": 50}}}
    found = decoded(shelly.decode, "s/events/rpc", frame)
    assert [one.quantity for one in found.readings] == ["humidity"]
    assert "s/events/rpc: temperature:0: expected an object" in str(found.faults[0])
    assert "params: expected an object" in refused(shelly.decode, "s/events/rpc", {"method": "NotifyStatus"})


# Home Assistant and ESPHome


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        ("lounge/sensor/lounge_temperature/state", b"21.5", ("lounge", "lounge_temperature", "temperature", 21.5)),
        ("homeassistant/sensor/bath_humidity/state", b"64", ("homeassistant", "bath_humidity", "humidity", 64)),
        ("homeassistant/sensor/bath_humidity/state", b'"64.0"', ("homeassistant", "bath_humidity", "humidity", 64)),
        ("a/b/sensor/pm__2_5__m/state", b"7", ("a/b", "pm__2_5__m", "", 7)),
        ("air/sensor/office-co2/state", b"-1e2\n", ("air", "office-co2", "co2", -100)),
        ("air/sensor/air_pm_10/state", b"9", ("air", "air_pm_10", "pm10", 9)),
        ("air/sensor/wifi_signal/state", b"-61", ("air", "wifi_signal", "", -61)),
    ],
)  # fmt: skip
def test_a_state_topic(topic: str, payload: bytes, expected: tuple[Any, ...]) -> None:
    (one,) = decoded(state.decode, topic, payload).readings
    assert one[:4] == expected


@pytest.mark.parametrize("nothing", [b"unavailable", b"unknown", b"nan", b"NaN", b'"unavailable"', b"", b"None"])
def test_a_state_that_is_none_is_no_reading(nothing: bytes) -> None:
    assert decoded(state.decode, "x/sensor/temperature/state", nothing) == Decoded()


def test_a_state_that_is_no_number_is_named_where_a_number_belongs() -> None:
    assert "expected a number as text, found 'warm'" in refused(state.decode, "x/sensor/temperature/state", b"warm")
    assert "expected a number within" in refused(state.decode, "x/sensor/temperature/state", b"inf")
    assert decoded(state.decode, "x/sensor/mode/state", b"eco") == Decoded()
    assert decoded(state.decode, "x/switch/temperature/state", b"on") == Decoded()


# BTHome


def bridged(servicedata: str, uuid: str = "0xfcd2") -> dict[str, Any]:
    return {"id": "a4:c1:38:8d:18:b2", "rssi": -60, "servicedata": servicedata, "servicedatauuid": uuid}


@pytest.mark.parametrize(
    ("servicedata", "expected"),
    [
        # the examples of the format's own table, each with the flags 0x40 before it
        ("4002c40903bf13", {"temperature": 25.0, "humidity": 50.55}),
        ("4045110103bf13", {"temperature": 27.3, "humidity": 50.55}),
        ("4045f5fe", {"temperature": -26.7}),
        ("4057ea2e23", {"temperature": -22, "humidity": 35}),
        ("4058ea", {"temperature": -7.7}),
        ("4004138a01", {"pressure": 1008.83}),
        ("400d120c0e021c", {"pm25": 3090, "pm10": 7170}),
        ("4012e204", {"co2": 1250}),
        # behind objects that are no readings: packet id, battery, illuminance, text, raw, command, firmware
        ("400009016102ca0905138a14", {"temperature": 25.06}),
        ("4002ca09530348656c03bf13", {"temperature": 25.06, "humidity": 50.55}),
        ("40f1010203042e23", {"humidity": 35}),
        # a MAC after the flags
        ("42b2188d38c1a402c409", {"temperature": 25.0}),
    ],
)
def test_bthome_service_data(servicedata: str, expected: dict[str, float]) -> None:
    assert values(bthome.decode, "home/omg/BTtoMQTT/A4C1388D18B2", bridged(servicedata)) == expected


def test_bthomes_command_object_is_stepped_over() -> None:
    """Opcode 0x4a with two bytes of arguments."""
    assert values(bthome.decode, "t", bridged("403b024a0102" + "2e23")) == {"humidity": 35}


def test_bthomes_device_is_its_mac_and_a_second_sensor_is_a_part() -> None:
    found = decoded(bthome.decode, "t", bridged("4002c409020c0802c409")).readings
    assert [(one.device, one.part, one.value) for one in found] == [
        ("A4:C1:38:8D:18:B2", "", 25.0),
        ("A4:C1:38:8D:18:B2", "2", 20.6),
        ("A4:C1:38:8D:18:B2", "3", 25.0),
    ]


def test_bthome_with_a_packet_id_is_the_same_measurement_when_it_comes_again() -> None:
    assert decoded(bthome.decode, "t", bridged("40000902c409")).once == bytes.fromhex("40000902c409")
    assert decoded(bthome.decode, "t", bridged("4002c409")).once == b""


def test_an_encrypted_advertisement_is_told_apart() -> None:
    encrypted = "41a47266c95f730011223378237214"  # the format's own example of an encrypted one
    assert "this one is encrypted" in refused(bthome.decode, "t", bridged(encrypted))


@pytest.mark.parametrize(
    ("servicedata", "named"),
    [("", "BTHome version 2"), ("2002c409", "BTHome version 2"), ("4002c4zz", "hexadecimal digits")],
)
def test_service_data_that_cannot_be_read_is_named(servicedata: str, named: str) -> None:
    assert named in refused(bthome.decode, "t", bridged(servicedata))


def test_what_comes_before_an_unknown_or_torn_object_is_kept() -> None:
    for torn, at in (("4002c409fe01", "0xfe at byte 4"), ("4002c40903bf", "0x03 at byte 4"), ("4002c40953", "0x53")):
        found = decoded(bthome.decode, "t", bridged(torn))
        assert [one.value for one in found.readings] == [25.0]
        assert at in str(found.faults[0])


def test_what_a_bridge_decoded_itself_is_taken_and_other_advertisements_are_not() -> None:
    theengs = {"id": "A4:C1:38:00:00:01", "brand": "Xiaomi", "tempc": 21.4, "tempf": 70.52, "hum": 52, "batt": 91}
    assert values(bthome.decode, "t", theengs) == {"temperature": 21.4, "humidity": 52}
    assert decoded(bthome.decode, "t", bridged("fe000000", uuid="0xfe95")) == Decoded()
    assert "id: expected the device's MAC" in refused(bthome.decode, "t", {"tempc": 21})


# CBOR and SenML

# RFC 8949, appendix A, as far as SenML has such items.
CBOR = [
    ("00", 0), ("17", 23), ("1818", 24), ("1903e8", 1000), ("1a000f4240", 1000000), ("1bffffffffffffffff", 2**64 - 1),
    ("3bffffffffffffffff", -(2**64)), ("20", -1), ("3863", -100), ("3903e7", -1000), ("f90000", 0.0), ("f93c00", 1.0),
    ("fb3ff199999999999a", 1.1), ("f93e00", 1.5), ("f97bff", 65504.0), ("fa47c35000", 100000.0),
    ("fb7e37e43c8800759c", 1.0e300), ("f90001", 5.960464477539063e-8), ("f9c400", -4.0), ("f4", False), ("f5", True),
    ("f6", None), ("f7", None), ("40", b""), ("4401020304", b"\x01\x02\x03\x04"), ("60", ""), ("6449455446", "IETF"),
    ("62c3bc", "ü"), ("64f0908591", "\U00010151"), ("80", []), ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("a201020304", {1: 2, 3: 4}), ("a26161016162820203", {"a": 1, "b": [2, 3]}), ("9fff", []),
    ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]), ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"), ("7f657374726561646d696e67ff", "streaming"),
    ("c48221196ab3", 273.15),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), CBOR)
def test_cbor_as_its_standard_shows_it(data: str, expected: Any) -> None:
    found = cbor.decode(bytes.fromhex(data))
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    "bad",
    [
        "", "18", "1c", "3c", "61", "61ff", "9f01", "bf61", "a10102a1", "0000", "81", "ff", "9b00ffffffffffffff",
        "5f6161ff", "a201010102", "a2616101616102", "a1f501", "c001", "c482fb3ff000000000000001", "f8ff",
        "81" * 40 + "01",
        "c4821b00ffffffffffffff01", "7f7f6161ffff",
    ],
)  # fmt: skip
def test_what_is_no_cbor_is_refused_with_the_place(bad: str) -> None:
    with pytest.raises(cbor.CborError, match="byte"):
        cbor.decode(bytes.fromhex(bad))


# RFC 8428, section 5.1.2 (times and units of the base) and the same pack in CBOR, section 6.
CURRENTS = [
    {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1.276020076001e9, "bu": "A", "bver": 5},
    {"n": "voltage", "u": "V", "v": 120.1},
    {"n": "current", "t": -5, "v": 1.2},
    {"n": "current", "t": -4, "v": 1.3},
]  # fmt: skip
CURRENTS_CBOR = bytes.fromhex(
    "87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b00106223614120050067766f6c7461676501"
    "615602fb405e066666666666a3006763757272656e74062402fb3ff3333333333333a3006763757272656e74062302fb3ff4cccccccccccda3"
    "006763757272656e74062202fb3ff6666666666666a3006763757272656e74062102f93e00a3006763757272656e74062002fb3ff999999999"
    "999aa3006763757272656e74060002fb3ffb333333333333"
)
# RFC 8428, section 5.1.3: humidity and temperature over time.
WEATHER = [
    {"bn": "urn:dev:ow:10e2073a01080063", "bt": 1.320067464e9, "bu": "%RH", "v": 20},
    {"u": "lon", "v": 24.30621},
    {"u": "lat", "v": 60.07965},
    {"t": 60, "v": 20.3},
    {"u": "lon", "t": 60, "v": 24.30622},
    {"u": "lat", "t": 60, "v": 60.07965},
    {"t": 120, "v": 20.7},
    {"u": "%EL", "t": 150, "v": 98},
]


def test_senml_that_measures_no_air_has_no_readings_in_json_nor_in_cbor() -> None:
    assert decoded(senml.decode, "t", CURRENTS) == Decoded()
    assert decoded(senml.decode, "t", CURRENTS_CBOR) == Decoded()


def test_senmls_cbor_gives_what_its_json_gives() -> None:
    """The standard's pack, read as if amperes were degrees: labels, base time and values resolve alike."""
    as_air = CURRENTS_CBOR.replace(b"\x22\xfb\x41", b"\x22\xfb\x41").replace(b"\x23\x61A", b"\x23\x63Cel")
    found = decoded(senml.decode, "t", as_air).readings
    assert [one.value for one in found] == [1.2, 1.3, 1.4, 1.5, 1.6, 1.7]
    assert [one.at_ms for one in found] == [1276020076001 + 1000 * t for t in (-5, -4, -3, -2, -1, 0)]
    assert {one.device for one in found} == {"urn:dev:ow:10e2073a0108006:current"}


def test_senmls_base_unit_and_base_time_reach_every_record() -> None:
    found = decoded(senml.decode, "t", WEATHER).readings
    device = "urn:dev:ow:10e2073a01080063"
    assert found == (
        Reading(device, "", "humidity", 20, 1320067464000),
        Reading(device, "", "humidity", 20.3, 1320067524000),
        Reading(device, "", "humidity", 20.7, 1320067584000),
    )


def test_senmls_simplest_pack_is_of_now() -> None:
    """Section 5.1.1."""
    found = decoded(senml.decode, "t", [{"n": "urn:dev:ow:10e2073a01080063", "u": "Cel", "v": 23.1}]).readings
    assert found == (Reading("urn:dev:ow:10e2073a01080063", "", "temperature", 23.1, None),)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"n": "bath/temperature", "u": "Cel", "v": 21}, ("bath", "temperature", 21)),
        ({"n": "bath/temperature", "u": "K", "v": 294.15}, ("bath", "temperature", 21)),
        ({"n": "bath:temperature", "v": 21}, ("bath", "temperature", 21)),
        ({"n": "dev_1_voc_index", "v": 99}, ("dev_1", "voc_index", 99)),
        ({"n": "dev-1-co2", "u": "ppm", "v": 700}, ("dev-1", "co2", 700)),
        ({"bn": "dev-2/", "n": "pm2.5", "u": "ug/m3", "v": 7}, ("dev-2", "pm25", 7)),
        ({"bn": "dev-2/", "n": "rh", "u": "/", "v": 0.5}, ("dev-2", "humidity", 50)),
        ({"bn": "dev-2/", "n": "pressure", "u": "Pa", "bv": 100000, "v": 1325}, ("dev-2", "pressure", 1013.25)),
    ],
)
def test_senmls_name_and_unit_tell_device_and_quantity(record: dict[str, Any], expected: tuple[Any, ...]) -> None:
    (one,) = decoded(senml.decode, "t", [record]).readings
    assert (one.device, one.quantity, one.value) == expected


@pytest.mark.parametrize(
    ("bt", "t", "expected"),
    [
        (0, 0, None),
        (0, -60, NOW_MS - 60_000),
        (-30, -30.5, NOW_MS - 60_500),
        (0, 30, NOW_MS + 30_000),
        (1763699000, 10, 1763699010000),
        (2**28, 0, 2**28 * 1000),
        (2**28 - 1, 0, NOW_MS + (2**28 - 1) * 1000),
    ],
)
def test_senmls_times_below_2_to_the_28_count_from_now(bt: float, t: float, expected: int | None) -> None:
    (one,) = decoded(senml.decode, "t", [{"n": "a", "u": "Cel", "v": 1, "bt": bt, "t": t}]).readings
    assert one.at_ms == expected


def test_senmls_sums_strings_and_data_are_no_readings() -> None:
    pack = [
        {"n": "a", "u": "Cel", "s": 12.5},
        {"n": "b", "vs": "x"},
        {"n": "c", "vd": "aGkgCg"},
        {"n": "d", "vb": True},
    ]
    assert decoded(senml.decode, "t", pack) == Decoded()


def test_a_bad_record_costs_itself_alone() -> None:
    pack = [
        {"bn": "dev/", "n": "temperature", "u": "%RH", "v": 20},
        {"n": "humidity", "u": "%RH", "v": "20"},
        {"n": "temperature", "u": "Cel", "v": 20},
        {"n": "*", "u": "Cel", "v": 20},
        {"n": "temperature", "u": "Cel", "v": 20, "t": "now"},
    ]
    found = decoded(senml.decode, "t", pack)
    assert [one.value for one in found.readings] == [20]
    assert [str(one).split(": expected")[0] for one in found.faults] == [
        "t: [0].u",
        "t: [1].v",
        "t: [3].n",
        "t: [4].t",
    ]


@pytest.mark.parametrize(
    ("pack", "named"),
    [
        ([{"n": "a", "u": "Cel", "v": 1, "must_": 1}], "[0].must_: expected no field that has to be understood"),
        ([{"bver": 11, "n": "a", "u": "Cel", "v": 1}], "[0].bver: expected version 10 at most"),
        ([{"bt": "x", "n": "a", "u": "Cel", "v": 1}], "[0].bt"),
        ([{"bn": 1, "n": "a", "u": "Cel", "v": 1}], "[0].bn"),
        ([], "a list of SenML records"),
        ([1], "a list of SenML records"),
        ({"n": "a"}, "a list of SenML records"),
        (b"\x81", "SenML in JSON or CBOR: byte 1"),
        (b"hello", "SenML in JSON or CBOR"),
        (b"", "SenML in JSON or CBOR"),
    ],
)
def test_a_pack_that_cannot_be_read_is_named(pack: Any, named: str) -> None:
    assert named in refused(senml.decode, "t", pack)


# All of them

TOPICS = {
    "tasmota": "tele/x/SENSOR",
    "zigbee2mqtt": "zigbee2mqtt/x",
    "shelly": "x/events/rpc",
    "state": "x/sensor/temperature/state",
    "bthome": "home/x/BTtoMQTT/y",
    "senml": "x",
}
FIELDS = (
    *("temperature", "humidity", "co2", "DHT11", "Temperature", "TempUnit", "params", "method", "ts", "temperature:0"),
    *("tC", "id", "servicedata", "servicedatauuid", "n", "u", "v", "t", "bn", "bt", "bv", "bver", "last_seen", "Epoch"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS) | st.text(max_size=4),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("name", FORMATS)
@given(payload=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_payload_gets_past_a_decoder_but_as_readings_faults_or_a_payload_error(name: str, payload: bytes) -> None:
    try:
        found = FORMATS[name].decode(TOPICS[name], payload, NOW_MS)
    except PayloadError:
        return
    for one in found.readings:
        assert one.quantity in LIMITS or one.quantity == ""
        assert abs(one.value) <= 1_000_000
        assert one.at_ms is None or type(one.at_ms) is int


@given(data=st.binary(max_size=40))
def test_any_service_data_is_read_or_refused(data: bytes) -> None:
    try:
        found = bthome.decode_service_data("t", "d", data)
    except PayloadError:
        return
    assert all(one.quantity in LIMITS for one in found.readings)
