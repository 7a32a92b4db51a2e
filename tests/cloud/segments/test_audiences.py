"""An audience as a document: what it says, and what is refused."""

from typing import Any

import pytest

from aircue_cloud.errors import SettingsError
from aircue_cloud.segments import audiences

DOCUMENT: dict[str, Any] = {
    "title": "Loyal, with damp homes, and without a dehumidifier",
    "all": [{"profile": "rfm", "any": ["champions", "loyal"]}, {"profile": "need:damp-air", "any": ["often"]}],
    "none": [{"profile": "devices", "any": ["dehumidifier"]}],
}


def fits(**segments: list[str]) -> bool:
    named = {name.replace("_", ":").replace("damp:air", "damp-air"): value for name, value in segments.items()}
    return audiences.fits(audiences.read("damp-loyal", DOCUMENT), named)


def test_who_is_in_it() -> None:
    assert fits(rfm=["loyal"], need_damp_air=["often"], devices=["fan"])
    assert fits(rfm=["champions"], need_damp_air=["often"], devices=[])
    assert not fits(rfm=["new"], need_damp_air=["often"], devices=[])
    assert not fits(rfm=["loyal"], need_damp_air=["sometimes"], devices=[])
    assert not fits(rfm=["loyal"], need_damp_air=["often"], devices=["fan", "dehumidifier"])


@pytest.mark.parametrize("missing", ["rfm", "need_damp_air", "devices"])
def test_of_whom_nothing_may_be_known_is_not_in_it(missing: str) -> None:
    known = {"rfm": ["loyal"], "need_damp_air": ["often"], "devices": ["fan"]}
    del known[missing]
    assert not fits(**known)


def test_what_data_it_looks_at() -> None:
    assert audiences.read("damp-loyal", DOCUMENT).categories == {"behaviour", "sensor"}


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("Damp Loyal", {}, "small letters"),
        ("a" * 65, {}, "up to 64"),
        ("a", {"all": []}, "everybody is no audience"),
        ("a", {"age": 1}, "unknown key 'age'"),
        ("a", {"title": ""}, "key 'title'"),
        ("a", {"title": "a\0b"}, "without NUL"),
        ("a", {"all": [{"profile": "star-sign", "any": ["x"]}]}, "expected one of rfm, devices, region"),
        ("a", {"all": [{"profile": "need:", "any": ["x"]}]}, "expected one of rfm, devices, region"),
        ("a", {"all": [{"profile": "rfm", "any": []}]}, "has 0 segments"),
        ("a", {"all": [{"profile": "rfm", "any": [5]}]}, "expected a text"),
        ("a", {"all": ["rfm"]}, "expected a table"),
        ("a", {"none": [{"profile": "rfm"}]}, "key 'any' is missing"),
        ("a", {"all": [{"profile": "rfm", "any": ["x"]}] * 51}, "at most 50"),
    ],
)
def test_a_document_that_does_not_fit_is_refused_by_place(name: str, change: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        audiences.read(name, DOCUMENT | change)


@pytest.mark.parametrize("document", [None, [], "x", 3])
def test_what_is_no_table_is_refused(document: Any) -> None:
    with pytest.raises(SettingsError, match="expected a table"):
        audiences.read("a", document)


def test_toml_is_read_and_what_is_none_is_told() -> None:
    text = 'title = "x"\nall = [{profile = "rfm", any = ["new"]}]\n'
    assert audiences.read("a", audiences.of_toml("a", text)).all[0].any == ("new",)
    with pytest.raises(SettingsError, match="this is no TOML"):
        audiences.of_toml("a", "title = ")
