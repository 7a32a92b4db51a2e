"""The command line: what it changes, what it says, and that what it cannot do names the remedy."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aircue_cloud.cli import main


class Terminal:
    """Runs commands on one configuration."""

    def __init__(self, folder: Path) -> None:
        self._config = folder / "cloud.toml"
        self._config.write_text("", encoding="utf-8")

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--config", str(self._config)])


@pytest.fixture
def run(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def test_a_gateways_key_is_shown_once(run: Terminal) -> None:
    first = run("gateway", "add", "gw-1")
    assert (first.exit_code, len(first.stdout.strip())) == (0, 43)
    second = run("gateway", "add", "gw-1")
    assert second.exit_code == 1
    assert "gateway rotate gw-1" in second.stderr


def test_a_gateway_gets_another_key(run: Terminal) -> None:
    first = run("gateway", "add", "gw-1").stdout
    assert run("gateway", "rotate", "gw-1").stdout != first
    assert "gateway add gw-2" in run("gateway", "rotate", "gw-2").stderr


@pytest.mark.parametrize("name", ["../x", "", "a b", "x" * 65])
def test_a_gateways_name_is_a_name(run: Terminal, name: str) -> None:
    assert "expected up to 64 letters" in run("gateway", "add", name).stderr


def test_a_site_is_linked_to_a_household_that_is_there(run: Terminal) -> None:
    missing = run("site", "link", "home-1", "ada")
    assert (missing.exit_code, "household add ada" in missing.stderr) == (1, True)
    run("household", "add", "ada")
    linked = run("site", "link", "home-1", "ada")
    assert linked.stderr == "site home-1 is the home of household ada\n"


def test_consent_is_given_and_taken_back_in_one_step_each(run: Terminal) -> None:
    run("household", "add", "ada")
    assert "grant recorded, receipt" in run("consent", "grant", "ada").stderr
    assert "withdraw recorded, receipt" in run("consent", "withdraw", "ada", "--data-category", "behaviour").stderr
    assert "household nobody is not known" in run("consent", "grant", "nobody").stderr


def test_status_lists_the_figures(run: Terminal) -> None:
    lines = [line.split() for line in run("status").stdout.splitlines()]
    assert ["readings", "0"] in lines


def test_a_wrong_configuration_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text("prot = 1", encoding="utf-8")
    result = CliRunner().invoke(main, ["status", "--config", str(path)])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {path}: unknown key 'prot'")
    assert result.stderr.count("\n") == 1


QUICK = ("--budget", "0", "--families", "popularity,item-knn,own-frequency")


def test_demo_data_then_train_then_the_models(run: Terminal) -> None:
    assert "train one with aircue-cloud train" in run("models", "list").stdout
    assert run("demo-data", "--seed", "1").exit_code == 0
    for _ in range(2):
        trained = run("train", *QUICK)
        assert trained.exit_code == 0, trained.output
    first, second = (line.split() for line in run("models", "list").stdout.splitlines())
    assert second[0] == "*"
    assert run("models", "rollback").stderr == f"model {first[0]} is active\n"
    assert run("models", "list").stdout.startswith(f"* {first[0]}")
    assert run("models", "activate", second[1]).stderr == f"model {second[1]} is active\n"
    shown = json.loads(run("models", "show", second[1]).stdout)
    assert {trial["recipe"]["family"] for trial in shown["trials"]["new"]["trials"]} == set(QUICK[-1].split(","))


def test_what_cannot_be_trained_or_found_is_told_with_the_remedy(run: Terminal) -> None:
    assert "no family oracle; known are popularity" in run("train", "--families", "oracle").stderr
    assert "record some, or ask them" in run("train").stderr
    assert "no version; there are none" in run("models", "activate", "../x").stderr
    assert "train one" in run("models", "rollback").stderr
