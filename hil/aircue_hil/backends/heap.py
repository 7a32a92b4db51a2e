"""How much of a Pico W's heap the firmware takes: measured on the emulated chip, whose objects are a board's own size.

heap_used(image, program) imports the firmware from bytecode, runs it with four sensors, journal and uplink, and asks
the first status that it publishes, for which it has collected its garbage.
"""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from aircue_gateway.intakes import mqtt_server
from aircue_hil.backends import uf2
from aircue_hil.backends.pico_w import ChipTime, PicoWNode, PoweredPicoW
from aircue_hil.backends.places import PicoWPlace
from aircue_hil.bench import Bench
from aircue_hil.config import Config, Gateway, HomeRow, NodeRow, SensorRow, check
from aircue_node import contract, mqtt

FITTED = (
    SensorRow(driver="bme280"),
    SensorRow(driver="mhz19", uart=1),
    SensorRow(driver="pms5003", uart=0),
    SensorRow(driver="mq135", pin=26),
)
PATIENCE_S = 600.0
_NODE, _SITE = "heap", "bench"
_SIZE_PROGRAM = "import gc\ngc.collect()\nprint('heap', gc.mem_free() + gc.mem_alloc())\n"
_WORDS = {"site": _SITE, "node": _NODE, "key": "bench", "strobe_pin": 15}


def figure(program: Path) -> tuple[int | None, str]:
    """The bytes and what they were measured on; None and the reason where there is no image to boot."""
    try:
        image = uf2.find()
    except uf2.Uf2Missing as error:
        return None, str(error)
    return heap_used(image, program), image.name


def heap_used(image: Path, program: Path, *, patience_s: float = PATIENCE_S) -> int:
    """Bytes of heap in use. program: the firmware's main.py. TimeoutError where no status came in real time."""
    return asyncio.run(asyncio.wait_for(_measure(image, program), patience_s))


async def _measure(image: Path, program: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        size = await _heap_size(image, Path(folder) / "size")
        return size - await _free(image, program, Path(folder) / "node")


async def _heap_size(image: Path, folder: Path) -> int:
    """The whole heap, as MicroPython says before it runs anything."""
    (folder / "program").mkdir(parents=True)
    program = folder / "program" / "main.py"
    program.write_text(_SIZE_PROGRAM)
    clock = ChipTime()
    bench = Bench(_config(Gateway()), seconds=clock)
    node = PicoWNode(id=_NODE, uf2=image, program=program, storage=folder / "storage", log=folder / "log")
    powered = PoweredPicoW(node, bench, clock)
    await powered.power_on()
    try:
        await powered.wait()
    finally:
        await powered.power_off()
    lines = (folder / "log").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("heap "))


async def _free(image: Path, program: Path, folder: Path) -> int:
    """Free bytes in the first status of the running firmware."""
    heard: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(_gateway(heard), "127.0.0.1", 0)
    place = PicoWPlace(image)
    bench = place.bench(_config(Gateway(port=server.sockets[0].getsockname()[1])))
    await bench.start()
    storage = folder / "storage"
    storage.mkdir(parents=True)
    given = {**place.settings(bench, _NODE), **_WORDS, **_fitted()}
    (storage / "settings.json").write_text(json.dumps(given))
    node = place.node(bench, _NODE, program, storage, folder / "log")
    try:
        await node.power_on()
        return await heard
    finally:
        await node.power_off()
        await bench.stop()
        server.close()


def _config(gateway: Gateway) -> Config:
    row = NodeRow(id=_NODE, air="flat/kitchen", sensors=FITTED, strobe_pin=15)
    return check(Config(nodes=(row,), homes={"flat": HomeRow()}, gateway=gateway))


def _fitted() -> dict[str, object]:
    rows = [{"driver": row.driver, "uart": row.uart, "pin": row.pin} for row in FITTED]
    return {
        "i2c": [{"id": 0, "scl": 5, "sda": 4}],
        "uart": [{"id": 0, "tx": 0, "rx": 1}, {"id": 1, "tx": 8, "rx": 9}],
        "sensors": [{key: value for key, value in row.items() if value is not None} for row in rows],
    }


def _gateway(heard: "asyncio.Future[int]") -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A gateway that acknowledges everything and keeps what the status says of free memory."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = mqtt.Parser()
        while data := await reader.read(4096):
            parser.feed(data)
            while (packet := parser.next_packet()) is not None:
                _answer(writer, heard, *packet)
        writer.close()

    return serve


def _answer(writer: asyncio.StreamWriter, heard: "asyncio.Future[int]", kind: int, flags: int, body: bytes) -> None:
    if kind == mqtt.CONNECT:
        writer.write(mqtt_server.connack(mqtt.ACCEPTED))
    elif kind == mqtt.SUBSCRIBE:
        packet_id, filters = mqtt_server.parse_subscribe(body)
        writer.write(mqtt_server.suback(packet_id, [1] * len(filters)))
    elif kind == mqtt.PINGREQ:
        writer.write(mqtt_server.PINGRESP_PACKET)
    elif kind == mqtt.PUBLISH:
        topic, payload, _, packet_id, *_ = mqtt.parse_publish(flags, body)
        writer.write(mqtt.puback(packet_id))
        fields = json.loads(payload)
        if topic.endswith("/" + contract.STATUS) and "free" in fields and not heard.done():
            heard.set_result(fields["free"])
