"""Needs as TOML files, and the rules that gateways fetch."""

from pathlib import Path

import pytest
from tests.cloud.stage import Cloud

from aircue_cloud.errors import SettingsError
from aircue_cloud.needs import needs
from aircue_gateway.episodes import Rule

GOOD = needs.FOLDER.joinpath("damp-air.toml").read_text(encoding="utf-8")


def test_the_needs_of_this_release() -> None:
    names = SHIPPED
    assert list(needs.load().by_name) == names


def test_every_need_outlives_the_heartbeat_of_a_gateway() -> None:
    """A gateway sends an unchanged value every 300 s at the latest; a longer silence must stand out."""
    assert all(rule.max_gap_s > 300 for rule in needs.load().rules)


def test_damp_air_is_strictly_above_80_percent_for_15_minutes() -> None:
    rule = needs.load().by_name["damp-air"].rule
    assert rule == Rule(
        need="damp-air",
        quantity="humidity",
        direction="above",
        enter=80,
        exit=78,
        dwell_s=900,
        keep_s=600,
        max_gap_s=1800,
    )


def test_gateways_get_the_rules_with_the_version_of_their_content(cloud: Cloud) -> None:
    document = cloud.get("rules", key=cloud.key)
    assert document.keys() == {"version", "rules"}
    assert tuple(Rule(**rule) for rule in document["rules"]) == needs.load().rules


def test_rules_need_a_gateways_key(cloud: Cloud) -> None:
    assert cloud.app.test_client().get("/api/v1/rules").status_code == 401


def test_another_rule_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "damp-air.toml").write_text(GOOD.replace("enter = 80", "enter = 81"), encoding="utf-8")
    changed = needs.load(tmp_path).document["version"]
    (tmp_path / "damp-air.toml").write_text(GOOD, encoding="utf-8")
    assert changed != needs.load(tmp_path).document["version"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "enter = 80",
            "entr = 80",
            r"damp-air.toml \[condition\]: unknown key 'entr'; known keys: quantity",
        ),
        ("exit = 78\n", "", r"damp-air.toml \[condition\]: key 'exit' is missing"),
        ("enter = 80", 'enter = "80"', r"damp-air.toml \[condition\]: key 'enter' is '80', expected float"),
        ("enter = 80", "enter = true", r"key 'enter' is True, expected float"),
        ("exit = 78", "exit = 90", r"exit 90.0 lies beyond enter 80.0"),
        ('"above"', '"over"', r"direction 'over' is neither"),
        (
            "dehumidifier = 2.0",
            "dehumidifier = 0",
            r"damp-air.toml \[remedies\]: key 'dehumidifier' is 0, expected a",
        ),
        (
            "{product} takes",
            "{produkt} takes",
            r"key 'text' has unknown placeholder 'produkt'; known ones: room",
        ),
        ("{product} takes", "{product takes", r"\[message.en\]: key 'text' is no template"),
        (
            "[message.en]",
            "[massage.en]",
            r"damp-air.toml: unknown key 'massage'; known keys: title, remedies",
        ),
        ("[message.en]", "[message.fr]", r"damp-air.toml \[message\]: key 'en' is missing"),
        ('title = "Damp air"', 'title = "Damp air"\nkind = "nice"', r"key 'kind' is 'nice', expected one of marketing"),
        ("[message.zh]", "[message]\nzh = 3\n[message.xx]", r"\[message.zh\]: is 3, expected a table|cannot be read"),
        ("enter = 80", "enter = ", r"damp-air.toml: cannot be read as TOML"),
    ],
)
def test_a_need_that_is_none_names_file_key_value_and_what_is_known(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in GOOD
    (tmp_path / "damp-air.toml").write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        needs.load(tmp_path)


def test_a_folder_without_needs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no needs"):
        needs.load(tmp_path)
