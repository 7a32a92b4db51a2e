"""What a need's document may say: everything that does not fit is refused, with the key and the remedy."""

import copy
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_cloud.decision.local_time import Window
from aircue_cloud.errors import SettingsError
from aircue_cloud.needs import document, needs, toml
from aircue_cloud.needs.also import FRESH_S, Also

Document = dict[str, Any]
SHIPPED = needs.load()


def damp() -> Document:
    return copy.deepcopy(dict(SHIPPED.by_name["damp-air"].document))


def read(**changes: Any) -> needs.Need:
    return document.read("damp-air", damp() | changes, "need damp-air")


def test_every_shipped_need_speaks_english_and_chinese() -> None:
    assert all(need.messages.keys() >= {"en", "zh"} for need in SHIPPED.by_name.values())


def test_gateways_get_the_rules_of_rooms_alone() -> None:
    rooms = {need.name for need in SHIPPED.of(needs.ROOM)}
    assert {rule.need for rule in SHIPPED.rules} == rooms
    assert rooms < set(SHIPPED.by_name)


def test_what_triggers_outside_of_a_room_is_no_rooms_quantity() -> None:
    assert all("." in need.rule.quantity for need in SHIPPED.by_name.values() if need.source != needs.ROOM)
    assert SHIPPED.by_name["hot-weather"].rule.quantity == "outdoor.temperature"
    assert SHIPPED.by_name["hot-weather"].quantity == "temperature"


def test_a_condition_has_the_freshness_of_its_source_unless_it_says_one() -> None:
    [said, unsaid] = read(
        also=[
            {"source": "outdoor", "quantity": "temperature", "below": 20, "fresh_s": 60},
            {"source": "outdoor", "quantity": "temperature", "above": 5},
        ]
    ).also
    assert (said.fresh_s, unsaid.fresh_s) == (60.0, FRESH_S["outdoor"])


def test_the_calendars_condition() -> None:
    [also] = read(also=[{"source": "calendar", "months": [8, 6, 8], "hours": "22:00-06:00"}]).also
    assert also == Also(source="calendar", months=(6, 8), hours=Window.read("22:00-06:00"))


def test_on_missing_and_on_start_are_the_rules() -> None:
    rule = read(condition=damp()["condition"] | {"on_missing": "reset", "on_start": "fire", "lateness_s": 60}).rule
    assert (rule.on_missing, rule.on_start, rule.lateness_s) == ("reset", "fire", 60.0)


def condition(**changes: Any) -> Callable[[Document], None]:
    return lambda found: found["condition"].update(changes)


def also(**said: Any) -> Callable[[Document], None]:
    return lambda found: found.update(also=[said])


def replaced(**said: Any) -> Callable[[Document], None]:
    def change(found: Document) -> None:
        del found["condition"]
        found["replenish"] = {"category": "a", "consumable": "b", "interval_days": 9} | said

    return change


BAD: dict[str, tuple[Callable[[Document], Any], str]] = {
    "no trigger": (lambda found: found.pop("condition"), r"either \[condition\] or \[replenish\]"),
    "two triggers": (
        lambda found: found.update(replenish={"category": "a", "consumable": "b", "interval_days": 9}),
        r"either \[condition\] or",
    ),
    "unknown key": (lambda found: found.update(colour="red"), "unknown key 'colour'; known keys: title"),
    "unknown source": (condition(source="moon"), "key 'source' is 'moon', expected one of room, outdoor, person"),
    "unknown quantity": (condition(quantity="humidty"), "key 'quantity' is 'humidty', expected one of temperature"),
    "derived trigger": (condition(quantity="dew_point"), "key 'quantity' is 'dew_point', expected one of"),
    "a wearable's in a room": (condition(quantity="steps"), "key 'quantity' is 'steps'"),
    "on_missing": (condition(on_missing="skip"), "on_missing 'skip' is none of hold, reset, fire"),
    "not a number": (condition(enter=float("nan")), "key 'enter' is nan, expected a finite number"),
    "endless": (condition(enter=float("inf")), "key 'enter' is inf, expected a finite number"),
    "NUL": (lambda found: found.update(title="a\0b"), "without NUL"),
    "also no list": (lambda found: found.update(also={"source": "room"}), "key 'also' is .* expected list"),
    "also no table": (lambda found: found.update(also=["rain"]), r"\[\[also\]\] 1: is 'rain', expected a table"),
    "also unknown key": (also(source="room", quantty="co2"), r"\[\[also\]\] 1: unknown key 'quantty'; known keys"),
    "also unknown source": (also(source="sea"), "expected one of room, outdoor, forecast, person, calendar"),
    "also unknown quantity": (also(source="person", quantity="pulse", above=1), "'pulse', expected one of ambient"),
    "also no bound": (also(source="room", quantity="co2"), "say above, below or both"),
    "also no room between": (also(source="room", quantity="co2", above=5, below=5), "expected less than below, 5"),
    "also on_missing": (also(source="room", quantity="co2", above=5, on_missing="fire"), "expected one of hold, skip"),
    "also stale at once": (also(source="room", quantity="co2", above=5, fresh_s=0), "'fresh_s' is 0.0, expected sec"),
    "also waits back": (also(source="room", quantity="co2", above=5, wait_s=-1), "'wait_s' is -1.0, expected seconds"),
    "now looks ahead": (also(source="outdoor", quantity="rain", above=0, within_h=3), "only a forecast looks ahead"),
    "forecast of when": (also(source="forecast", quantity="rain", above=0), "whole hours from 1 to 48"),
    "forecast too far": (also(source="forecast", quantity="rain", above=0, within_h=49), "whole hours from 1 to 48"),
    "no such difference": (also(source="outdoor", quantity="rain", above=0, minus_room=True), "that rooms have too"),
    "month 13": (also(source="calendar", months=[13]), "months from 1 to 12"),
    "month true": (also(source="calendar", months=[True]), "months from 1 to 12"),
    "hours never end": (also(source="calendar", hours="10:00-10:00"), "key 'hours': .*starts and ends at different"),
    "calendar above": (also(source="calendar", months=[1], above=3), "the calendar has months and hours"),
    "empty calendar": (also(source="calendar"), "say months, hours or both"),
    "months of the weather": (also(source="outdoor", quantity="rain", above=0, months=[1]), "belongs to source 'cal"),
    "too many": (lambda found: found.update(also=[{"source": "room"}] * 17), r"17 tables \[\[also\]\], expected at"),
    "language": (lambda found: found.update(audience={"languages": ["English"]}), "'English', expected such as en"),
    "zone": (lambda found: found.update(audience={"zones": ["Asia/Shanghia"]}), "expected a zone of the IANA"),
    "area": (lambda found: found.update(audience={"areas": ["52.52,13.4"]}), "expected latitude,longitude in tenths"),
    "audience key": (lambda found: found.update(audience={"age": ["18"]}), "unknown key 'age'; known keys: languages"),
    "format": (lambda found: found["message"]["en"].update(text="{value:.2f}"), "without a format behind it"),
    "never lasts": (replaced(interval_days=0), "key 'interval_days' is 0.0, expected days over 0"),
    "at more than all": (replaced(at=1.01), "key 'at' is 1.01, expected a share"),
    "ages by nothing known": (replaced(quantity="love"), "key 'quantity' is 'love', expected one of temperature"),
    "of no category": (replaced(category=""), "key 'category' is '', expected a category of product"),
}


@pytest.mark.parametrize(("change", "said"), BAD.values(), ids=BAD)
def test_a_document_that_does_not_fit_is_refused_by_its_key(change: Callable[[Document], Any], said: str) -> None:
    found = damp()
    change(found)
    with pytest.raises(SettingsError, match=said) as refused:
        document.read("damp-air", found, "need damp-air")
    assert str(refused.value).startswith("need damp-air")


def test_no_room_is_asked_of_where_none_triggers() -> None:
    rain = dict(SHIPPED.by_name["rain"].document) | {"also": [{"source": "room", "quantity": "co2", "above": 5}]}
    with pytest.raises(SettingsError, match="key 'source' is 'room', expected another: no room is the trigger"):
        document.read("rain", rain, "need rain")


@pytest.mark.parametrize("name", list(SHIPPED.by_name))
def test_a_document_written_as_toml_reads_back_the_same(name: str) -> None:
    need = SHIPPED.by_name[name]
    again = tomllib.loads(toml.written(need.document))
    assert again == need.document
    assert document.read(name, again, name) == need


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
_PLAIN = st.one_of(
    _TEXTS, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)
_TABLES = st.recursive(
    st.dictionaries(_TEXTS, _PLAIN, max_size=3),
    lambda inner: st.dictionaries(_TEXTS, st.one_of(_PLAIN, inner, st.lists(inner, max_size=2)), max_size=3),
    max_leaves=8,
)


@given(_TABLES)
def test_whatever_tables_hold_is_written_as_toml_that_reads_back(table: Document) -> None:

    assert tomllib.loads(toml.written(table)) == table
