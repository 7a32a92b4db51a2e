"""A changed configuration while the gateway runs: what changes at once, what waits, who is sent away."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.gateway.processes import Gateway, PahoNode, SmallCloud, eventually
from tests.gateway.samples import NODE, birth, live

from aircue_gateway import control
from aircue_gateway.cli import main
from aircue_gateway.config import Config, ListenerConfig, Node, SerialConfig, UplinkConfig, Watcher
from aircue_gateway.operations.reloading import changes, in_force

KITCHEN = Node(id="kitchen", site="home-1", key="battery staple")
OLD = Config(
    file=Path("gateway.toml"),
    name="gw-1",
    data_dir=Path("spool"),
    uplink=UplinkConfig(url="https://cloud.example", key="gateway-key"),
    nodes={NODE.id: NODE, KITCHEN.id: KITCHEN},
)


def test_the_same_configuration_changes_nothing() -> None:
    found = changes(OLD, OLD)
    assert (found.accounts, found.needs_restart) == ((), ())


@pytest.mark.parametrize(
    "nodes",
    [
        {NODE.id: NODE},
        {NODE.id: NODE, KITCHEN.id: replace(KITCHEN, key="another key")},
        {NODE.id: NODE, KITCHEN.id: replace(KITCHEN, site="home-2")},
    ],
)
def test_a_node_that_is_not_who_it_was_is_sent_away(nodes: dict[str, Node]) -> None:
    assert changes(OLD, replace(OLD, nodes=nodes)).accounts == (KITCHEN.id,)


def test_a_new_node_sends_nobody_away() -> None:
    assert changes(replace(OLD, nodes={NODE.id: NODE}), OLD).accounts == ()


def test_a_watcher_that_is_not_who_it_was_is_sent_away_and_a_new_one_is_let_in_at_once() -> None:
    watched = replace(OLD, watchers={"ha": Watcher(name="ha", key="a staple or two")})
    assert changes(watched, OLD).accounts == ("ha",)
    found = changes(OLD, watched)
    assert (found.accounts, found.needs_restart) == ((), ())
    assert in_force(OLD, watched) == watched


def test_uplink_cleaning_nodes_and_the_window_change_at_once() -> None:
    new = replace(OLD, nodes={}, uplink=UplinkConfig(url="http://127.0.0.1", key="another key"))
    new = replace(new, listener=replace(OLD.listener, commit_window_ms=50))
    assert changes(OLD, new).needs_restart == ()
    assert in_force(OLD, new) == new


def test_the_rest_waits_for_a_restart_by_name() -> None:
    new = replace(OLD, name="gw-2", data_dir=Path("other"), listener=ListenerConfig(port=1884))
    assert changes(OLD, new).needs_restart == ("name", "data_dir", "listener")
    assert in_force(OLD, new) == OLD


def test_a_cables_node_waits_with_its_cable() -> None:
    cabled = replace(OLD, serial=(SerialConfig(path=Path("/dev/ttyACM0"), node=NODE.id),))
    new = replace(cabled, nodes={NODE.id: replace(NODE, key="another key")})
    assert changes(cabled, new).needs_restart == ("serial",)


@pytest.fixture
def gateway(tmp_path: Path, free_port: int) -> Iterator[Gateway]:
    cloud = SmallCloud()
    one = Gateway(tmp_path, cloud.url, free_port)
    one.start()
    yield one
    one.kill()
    cloud.close()


@pytest.mark.system
def test_a_running_gateway_takes_a_new_node_and_keeps_the_others_connected(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    node = PahoNode(gateway.port)
    try:
        node.publish("birth", birth())
        eventually(lambda: node.unacknowledged == 0)
        options = ["--config", str(gateway.config)]
        assert main(["node", "add", *options, "kitchen", "--site", "home-1"]) == 0
        assert main(["reload", *options]) == 0
        assert capsys.readouterr().out.endswith("reloaded\n")
        shown = control.ask(gateway.data_dir, "snapshot")["snapshot"]
        assert [one["node"] for one in shown["nodes"]] == [NODE.id, "kitchen"]
        assert shown["connections"] == 1
        node.publish("samples", live(1))
        eventually(lambda: node.unacknowledged == 0)
    finally:
        node.close()


@pytest.mark.system
def test_a_node_whose_key_changed_is_sent_away_and_refused(gateway: Gateway) -> None:
    node = PahoNode(gateway.port)
    try:
        node.publish("birth", birth())
        eventually(lambda: node.unacknowledged == 0)
        gateway.config.write_text(gateway.config.read_text().replace(NODE.key, "another key"))
        gateway.tell(signal.SIGHUP)
        eventually(lambda: "event=connection_refused" in gateway.log)
        assert 'reason="wrong key"' in gateway.log
    finally:
        node.close()


@pytest.mark.system
def test_a_file_that_cannot_be_used_changes_nothing(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    good = gateway.config.read_text()
    gateway.config.write_text(good.replace("data_dir", "datadir"))
    with pytest.raises(control.Refused, match="unknown key datadir"):
        control.ask(gateway.data_dir, "reload")
    gateway.config.write_text(good.replace('name = "gw-1"', 'name = "gw-2"'))
    assert main(["reload", "--config", str(gateway.config)]) == 0
    assert capsys.readouterr().out == "reloaded; these wait for a restart: name\n"


@pytest.mark.system
def test_top_shows_the_running_gateway(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--config", str(gateway.config)]) == 0
    assert f"{NODE.id:<20} {NODE.site:<12}    never" in capsys.readouterr().out


@pytest.mark.system
def test_top_and_reload_say_where_no_gateway_runs(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.stop()
    for command in (["top", "--once"], ["reload"]):
        assert main([*command, "--config", str(gateway.config)]) == 1
        assert "start it with aircue-gateway run" in capsys.readouterr().err
