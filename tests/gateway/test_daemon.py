"""The wiring: a part that fails ends the whole gateway, for the supervisor to start it anew."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.gateway.samples import BEGAN_S, NODE, birth, live, message
from tests.rules import DAMP

from aircue_gateway.alerts import NO_RULES, Rules
from aircue_gateway.config import Config, ListenerConfig, UplinkConfig
from aircue_gateway.daemon import Daemon
from aircue_gateway.intakes import mqtt_server
from aircue_gateway.spool.spool import Spool
from aircue_gateway.window import Window
from aircue_node import contract, mqtt


class BrokenSpool(Spool):
    """A fault nobody foresaw."""

    def commit(self, window: Window) -> None:
        raise KeyError(f"{len(window.births)} births")


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Once somebody listens."""
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)


def configured(folder: Path, port: int) -> Config:
    return Config(
        file=folder / "gateway.toml",
        name="gw-1",
        data_dir=folder,
        uplink=UplinkConfig(url="http://127.0.0.1:9", key="unused"),
        listener=ListenerConfig(host="127.0.0.1", port=port),
        nodes={NODE.id: NODE},
    )


def test_home_assistant_is_told_of_a_need_once_it_is_on_disk_and_when_it_is_gone(
    tmp_path: Path, free_port: int
) -> None:
    """Retained, for whoever subscribes later: discovery and state of each need."""
    daemon = Daemon(configured(tmp_path, free_port), Spool.open(tmp_path, "gw-1", 1))
    daemon._replace_rules(Rules(version="1", rules=(replace(DAMP, dwell_s=0, on_start="fire"),)))
    for leaf, payload in ((contract.BIRTH, birth()), (contract.SAMPLES, live(1, wire=[2150, 8500]))):
        daemon._intake.take(message(leaf, payload), 1000 * BEGAN_S)
    daemon._committed(daemon._intake.swap())
    state = f"aircue/{NODE.site}/{NODE.id}/need/damp-air"
    discovery = f"homeassistant/binary_sensor/aircue_gw-1_{NODE.id}_damp-air/config"
    assert json.loads(daemon._intake.retained[state])["state"] == "ON"
    assert json.loads(daemon._intake.retained[discovery])["state_topic"] == state
    daemon._replace_rules(NO_RULES)
    assert not {state, discovery} & daemon._intake.retained.keys()
    daemon._spool.close()


def test_an_unforeseen_fault_ends_the_gateway_without_an_acknowledgement(tmp_path: Path, free_port: int) -> None:
    config = configured(tmp_path, free_port)

    async def story() -> bytes:
        running = asyncio.create_task(Daemon(config, BrokenSpool.open(tmp_path, "gw-1", 1)).run())
        reader, writer = await connected(free_port)
        topic = contract.topic(NODE.site, NODE.id, contract.BIRTH)
        writer.write(mqtt.connect(NODE.id, NODE.id, NODE.key, 0) + mqtt.publish(topic, birth(), 1, 1))
        answer = await reader.read()
        writer.close()
        with pytest.raises(ExceptionGroup) as caught:
            await running
        assert caught.group_contains(KeyError, match="1 births")
        return answer

    assert asyncio.run(asyncio.wait_for(story(), 20)) == mqtt_server.connack(mqtt.ACCEPTED)
