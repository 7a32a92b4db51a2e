"""The command line: what it changes, what it says, and that what it cannot do names the remedy."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aircue_cloud.cli import main


class Terminal:
    """Runs commands on one configuration."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "cloud.toml"
        self.config.write_text("", encoding="utf-8")

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--config", str(self.config)])


@pytest.fixture
def run(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def test_a_gateways_key_is_shown_once(run: Terminal) -> None:
    first = run("gateway", "add", "gw-1")
    assert first.exit_code == 0
    assert re.fullmatch(r"main\.[\w-]{43}", first.stdout.strip())
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


def with_password(run: Terminal, *words: str, password: str = "correct horse battery") -> Result:
    return CliRunner().invoke(main, [*words, "--config", str(run.config)], input=f"{password}\n")


def test_operators_are_added_listed_changed_and_removed(run: Terminal) -> None:
    assert with_password(run, "operator", "add", "olga", "--role", "owner").exit_code == 0
    assert with_password(run, "operator", "add", "vera", "--role", "viewer").exit_code == 0
    assert "there already" in with_password(run, "operator", "add", "olga").stderr
    assert run("operator", "role", "vera", "operator").exit_code == 0
    assert with_password(run, "operator", "password", "vera", password="another long one").exit_code == 0
    assert run("operator", "totp-reset", "vera").exit_code == 0
    assert [line.split()[:2] for line in run("operator", "list").stdout.splitlines()] == [
        ["olga", "owner"],
        ["vera", "operator"],
    ]
    assert "last owner" in run("operator", "remove", "olga").stderr
    assert run("operator", "remove", "vera").exit_code == 0
    assert "operator vera is not known" in run("operator", "remove", "vera").stderr


def test_a_password_is_never_an_argument_and_never_shown(run: Terminal) -> None:
    assert "expected 12 to 1024" in with_password(run, "operator", "add", "olga", password="short").stderr
    added = with_password(run, "operator", "add", "olga")
    assert "horse" not in added.output + run("audit").output
    assert run("operator", "add", "olga", "--password", "x").exit_code == 2


@pytest.mark.parametrize("kind", ["gateway", "node", "partner"])
def test_keys_of_every_kind_are_added_rotated_listed_and_revoked(run: Terminal, kind: str) -> None:
    scope = ["--scope", "events:write", "--scope", "feed:read"] if kind == "partner" else []
    first = run(kind, "add", "one", *scope).stdout
    second = run(kind, "rotate", "one", "--overlap-hours", "0").stdout
    assert (len(first), first != second) == (len(second), True)
    lines = run(kind, "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["one", "one"]
    assert ("events:write feed:read" in lines[-1]) == (kind == "partner")
    assert first.strip() not in "".join(lines)
    assert "1 of the keys" in run(kind, "revoke", "one").stderr
    assert "has no key that holds" in run(kind, "revoke", "one").stderr


def test_a_scope_that_is_none_is_named(run: Terminal) -> None:
    assert "no scope events:eat" in run("partner", "add", "shop", "--scope", "events:eat").stderr


def test_enrolling_a_gateway_prints_a_code(run: Terminal) -> None:
    enrolled = run("gateway", "enrol", "gw-1")
    assert re.fullmatch(r"main\.[\w-]{43}", enrolled.stdout.strip())
    assert "within 15 minutes" in enrolled.stderr


def test_a_link_is_made_for_a_person_who_is_there(run: Terminal) -> None:
    assert "person nobody is not known" in run("person", "link", "nobody").stderr


def test_what_commands_change_is_in_the_audit_log(run: Terminal) -> None:
    run("household", "add", "ada")
    run("gateway", "add", "gw-1")
    run("household", "add", "ada")
    lines = [line.split(" ", 3)[3] for line in run("audit").stdout.splitlines()]
    assert [line.split(": ", 1)[1] for line in lines] == ["household add ada: done", "gateway add gw-1: done"]
    assert run("audit", "--after", "1").stdout.count("\n") == 1
