"""The wiring: a part that fails ends the whole gateway, for the supervisor to start it anew."""

import asyncio
from pathlib import Path

import pytest
from tests.gateway.samples import NODE, birth

from aircue_gateway import mqtt_server
from aircue_gateway.config import Config, ListenerConfig, UplinkConfig
from aircue_gateway.daemon import Daemon
from aircue_gateway.spool import Spool
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


def test_an_unforeseen_fault_ends_the_gateway_without_an_acknowledgement(tmp_path: Path, free_port: int) -> None:
    config = Config(
        file=tmp_path / "gateway.toml",
        name="gw-1",
        data_dir=tmp_path,
        uplink=UplinkConfig(url="http://127.0.0.1:9", key="unused"),
        listener=ListenerConfig(host="127.0.0.1", port=free_port),
        nodes={NODE.id: NODE},
    )

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
