"""The firmware's drivers on each backend: what the wires carried, by the bench's own record, is what they give.

Simulated sensors; on unix MicroPython's unix port, with --backend pico_w an emulated chip and its own C drivers.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from aircue_hil.backends.pico_w import PoweredPicoW
from aircue_hil.backends.places import PicoWPlace, Place, Powered
from aircue_hil.backends.unix import EXIT_RESET, EXIT_WATCHDOG
from aircue_hil.bench import Bench
from aircue_hil.config import Config, HomeRow, NodeRow, SensorRow, World, check
from aircue_hil.faults import Fault
from aircue_hil.sensors import MODELS
from aircue_hil.sensors.model import Glitches
from aircue_node.quantities import QUANTITIES
from aircue_node.sensors import fitting

pytestmark = pytest.mark.hil

FIRMWARE = Path(__file__).parents[2] / "firmware"
PROGRAMS = Path(__file__).parent / "programs"
NODE, STROBE, PAUSE_MS = "shelf", 15, 10_000
PLACES: dict[str, dict[str, int]] = {
    "dht11": {"pin": 14},
    "dht22": {"pin": 14},
    "mq135": {"pin": 26},
    "mhz19": {"uart": 1},
    "pms5003": {"uart": 0},
    "pms7003": {"uart": 1},
}
EVERY = sorted(fitting.DRIVERS)
READS = {"mhz19": 24, "mq135": 24, "sgp40": 24}  # they warm up for 180 s, or learn the air for 45 s
ELSE_READS = 10

Told = list[dict[str, Any]]
Body = Callable[[Bench, Powered], Awaitable[None]]


class Shelf:
    """A node that runs a program of this folder beside the firmware's package, with `fitted` on its buses and pins."""

    def __init__(
        self,
        folder: Path,
        place: Place,
        program: str,
        fitted: tuple[SensorRow, ...],
        faults: tuple[Fault, ...] = (),
    ) -> None:
        self.place, self.log, self.storage = place, folder / "node.log", folder / "storage"
        self._program = folder / "firmware" / "main.py"
        self._program.parent.mkdir()
        (self._program.parent / "aircue_node").symlink_to(FIRMWARE / "aircue_node")
        self._program.write_text((PROGRAMS / f"{program}.py").read_text())
        self._fitted = fitted
        row = NodeRow(id=NODE, air="flat/kitchen", sensors=fitted, strobe_pin=STROBE)
        world = World(scale=place.scale)
        self._config = check(Config(nodes=(row,), homes={"flat": HomeRow()}, world=world, faults=faults))

    def play(self, body: Body, **given: object) -> None:
        asyncio.run(self._go(body, given))

    async def _go(self, body: Body, given: dict[str, object]) -> None:
        bench = self.place.bench(self._config)
        await bench.start()
        self.storage.mkdir()
        placed = self.place.settings(bench, NODE)
        (self.storage / "settings.json").write_text(json.dumps({**placed, **self._settings(), **given}))
        node = self.place.node(bench, NODE, self._program, self.storage, self.log)
        try:
            await node.power_on()
            await asyncio.wait_for(body(bench, node), self.place.patience_s)
        finally:
            await node.power_off()
            await bench.stop()

    def _settings(self) -> dict[str, object]:
        return {
            "time_scale": self.place.scale,
            "strobe_pin": STROBE,
            "pause_ms": PAUSE_MS,
            "i2c": [{"id": 0, "scl": 5, "sda": 4}],
            "uart": [{"id": 0, "tx": 0, "rx": 1}, {"id": 1, "tx": 8, "rx": 9}],
            "sensors": [{"driver": row.driver, **PLACES.get(row.driver, {})} for row in self._fitted],
        }

    def told(self) -> Told:
        """What each sample gave: values, or the text of an error."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


def on_the_wire(bench: Bench, name: str) -> dict[int, list[int]]:
    """What the bytes of each sample stand for, in the scales of the contract, in the order of the driver's channels."""
    found: dict[int, dict[str, float]] = {}
    for row in bench.witness:
        if row.in_sample and row.sensor == name and row.value is not None:
            found.setdefault(row.sequence, {})[row.quantity] = float(row.value)
    names = MODELS[name].quantities
    return {
        sequence: [round(values[quantity] * QUANTITIES[quantity][1]) for quantity in names]
        for sequence, values in found.items()
        if len(values) == len(names)
    }


async def to_its_end(_bench: Bench, node: Powered) -> None:
    assert await node.wait() == 0


@pytest.mark.pico_w
@pytest.mark.board
def test_every_module_of_the_firmware_is_imported(tmp_path: Path, backend: Place) -> None:
    """Bytecode of another version, a module that a port lacks or a heap too small would show here."""
    shelf = Shelf(tmp_path, backend, "imports", ())

    async def body(_bench: Bench, node: Powered) -> None:
        assert await node.wait() == 0, shelf.log.read_text()
        (told,) = shelf.told()
        assert told["implementation"] == "micropython"
        assert {"aircue_node.uplink", "aircue_node.sensors.bme280"} <= set(told["modules"])

    shelf.play(body)


@pytest.mark.pico_w
@pytest.mark.parametrize("name", EVERY)
def test_a_driver_gives_what_crossed_the_wires(tmp_path: Path, backend: Place, name: str) -> None:
    row = SensorRow(driver=name, **PLACES.get(name, {}))
    shelf = Shelf(tmp_path, backend, "drivers", (row,))

    async def body(bench: Bench, node: Powered) -> None:
        assert await node.wait() == 0, shelf.log.read_text()
        wire, told = on_the_wire(bench, name), shelf.told()
        assert len(told) == reads
        given = {number: one[name] for number, one in enumerate(told, start=1) if isinstance(one[name], list)}
        assert len(given) >= 5, told
        for number, values in given.items():
            assert values == pytest.approx(wire[number], abs=1.01), (number, told)

    reads = READS.get(name, ELSE_READS)
    shelf.play(body, reads=reads)


@pytest.mark.pico_w
@pytest.mark.parametrize("name", ["dht22", "mhz19", "sht4x"])
def test_a_spoilt_frame_is_no_value_on_any_bus(tmp_path: Path, backend: Place, name: str) -> None:
    """Bits flip on the wire: over I2C, over the pulses of a DHT, over a UART."""
    row = SensorRow(driver=name, glitches=Glitches(crc=0.5), **PLACES.get(name, {}))
    shelf = Shelf(tmp_path, backend, "drivers", (row,))

    async def body(bench: Bench, node: Powered) -> None:
        await node.wait()
        spoilt = {one.sequence for one in bench.witness if one.in_sample and not one.ok}
        told = [one[name] for one in shelf.told()]
        assert len(spoilt) >= 3
        for sequence in spoilt:
            assert isinstance(told[sequence - 1], str), told

    shelf.play(body, reads=READS.get(name, 12))


@pytest.mark.pico_w
def test_a_bus_that_a_sensor_holds_low_is_clocked_free_over_its_pins(tmp_path: Path, backend: Place) -> None:
    held = Fault(at_s=35.0, for_s=1e6, what="stuck-bus", clock="world")
    shelf = Shelf(tmp_path, backend, "drivers", (SensorRow(driver="sht4x"),), (held,))

    async def body(bench: Bench, node: Powered) -> None:
        assert await node.wait() == 0, shelf.log.read_text()
        assert "stuck bus" in {row.why for row in bench.witness}
        told = [one["sht4x"] for one in shelf.told()]
        assert {type(one) for one in told} == {str, list}
        assert shelf.log.read_text().splitlines().count("freed") == 1
        assert "held" not in shelf.log.read_text().splitlines()
        assert told[-1] == pytest.approx(on_the_wire(bench, "sht4x")[len(told)], abs=1.01)

    shelf.play(body, reads=12)


@pytest.mark.pico_w
def test_flash_outlives_a_reset_and_a_power_cut_and_the_bench_counts_the_boots(tmp_path: Path, backend: Place) -> None:
    shelf = Shelf(tmp_path, backend, "endures", ())

    async def body(bench: Bench, node: Powered) -> None:
        assert await node.wait() == 0, shelf.log.read_text()
        assert node.exit_codes == [EXIT_RESET, 0]
        await node.power_off()
        assert (shelf.storage / "starts").read_text() == "2"
        await node.power_on()
        await node.wait()
        told = shelf.told()
        assert [one["starts"] for one in told] == [1, 2, 3]
        assert [one["power-on"] for one in told] == [True, False, True]
        assert bench.boot(NODE) == 3

    shelf.play(body)


@pytest.mark.pico_w
def test_a_watchdog_that_is_not_fed_bites(tmp_path: Path, backend: Place) -> None:
    shelf = Shelf(tmp_path, backend, "bitten", ())

    async def body(_bench: Bench, node: Powered) -> None:
        assert await node.wait() == 0
        assert node.exit_codes == [EXIT_WATCHDOG, 0]
        assert "survived" not in shelf.log.read_text()
        assert '{"fed": true}' in shelf.log.read_text()
        assert '{"watchdog": true}' in shelf.log.read_text()

    shelf.play(body)


@pytest.mark.pico_w
def test_an_emulated_board_reaches_the_gateway_and_nobody_else(tmp_path: Path, pico_w_image: Path) -> None:
    """MicroPython's own sockets. Not on unix, where such a program would really reach for these addresses."""
    shelf = Shelf(tmp_path, PicoWPlace(pico_w_image), "strays", ())

    async def body(_bench: Bench, node: Powered) -> None:
        assert isinstance(node, PoweredPicoW)
        assert await node.wait() == 0, shelf.log.read_text()
        assert node.refused == [("203.0.113.7", 80), ("192.168.1.1", 443), ("10.0.0.1", 22)]
        assert shelf.told() == [
            {"name": "10.0.0.1"},
            {"reached": False},
            {"reached": False},
            {"reached": False},
            {"heard": 0},
            {"gateway": True},
        ]

    shelf.play(body)
