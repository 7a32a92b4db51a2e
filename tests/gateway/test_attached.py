"""Sensors wired to this machine, all simulated: our drivers over a kernel's I2C calls, a DHT behind a library."""

import asyncio
import ctypes
import errno
import sys
from collections.abc import Awaitable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from aircue_gateway.config import AttachedConfig
from aircue_gateway.intakes import attached, linux_i2c
from aircue_gateway.intakes.attached import Attached, AttachedMissing, OnBus, open_dht
from aircue_gateway.intakes.linux_i2c import I2C_M_RD, I2C_RDWR, LinuxI2c, Message, Transfer
from aircue_hil.air import Air
from aircue_hil.sensors.model import Glitches, I2cSensor, Reply
from aircue_hil.sensors.scd4x import Scd4x as SimulatedScd4x
from aircue_hil.sensors.sht4x import Sht4x as SimulatedSht4x
from aircue_node.sensors.errors import SensorError, StaleError
from aircue_node.sensors.scd4x import Scd4x
from aircue_node.sensors.sht4x import Sht4x

AIR = Air(temperature_c=21.5, humidity_pct=48.0, co2_ppm=900.0)
POWERED_UP_US = 2_000_000


class Kernel:
    """Stands in for ioctl(2): one simulated sensor on the bus, in a time that only sleeping moves."""

    def __init__(self, sensor: I2cSensor, address: int) -> None:
        self.now = POWERED_UP_US
        self._sensor = sensor
        self._address = address
        sensor.power_on(0)

    def ioctl(self, _fd: int, request: int, transfer: Transfer) -> None:
        assert (request, transfer.nmsgs) == (I2C_RDWR, 1)
        message: Message = transfer.msgs[0]
        if message.addr != self._address or not self._answer(message).ack:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")

    def _answer(self, message: Message) -> Reply:
        if not message.flags & I2C_M_RD:
            return self._sensor.write(bytes(message.buf[: message.len]), self.now, AIR)
        reply = self._sensor.read(message.len, self.now)
        ctypes.memmove(message.buf, reply.data, len(reply.data))
        return reply

    def sleep_ms(self, ms: int) -> Awaitable[None]:
        self.now += ms * 1000
        return asyncio.sleep(0)


def bus_of(kernel: Kernel) -> LinuxI2c:
    return LinuxI2c(Path("/dev/null"), kernel.ioctl)


def row(sensor: str = "sht4x", **more: Any) -> AttachedConfig:
    return AttachedConfig(sensor=sensor, node="hall", site="home-1", **more)


def test_a_simulated_sht4x_is_read_over_the_kernels_calls() -> None:
    kernel = Kernel(SimulatedSht4x(seed="1", glitches=Glitches()), 0x44)
    bus = bus_of(kernel)
    values = OnBus(Sht4x(bus, kernel.sleep_ms), bus).read()
    assert values["temperature"] == pytest.approx(21.5, abs=0.5)
    assert values["humidity"] == pytest.approx(48, abs=3)
    bus.close()


def test_a_simulated_scd4x_has_its_first_result_after_its_period() -> None:
    kernel = Kernel(SimulatedScd4x(seed="1", glitches=Glitches()), 0x62)
    bus = bus_of(kernel)
    sensor = OnBus(Scd4x(bus, kernel.sleep_ms), bus)
    with pytest.raises(StaleError):
        sensor.read()
    kernel.now += 5_000_000
    values = sensor.read()
    assert values["co2"] == pytest.approx(900, abs=100)
    assert set(values) == {"co2", "temperature", "humidity"}
    bus.close()


def test_a_sensor_at_another_address_does_not_answer() -> None:
    kernel = Kernel(SimulatedSht4x(seed="1", glitches=Glitches()), 0x44)
    bus = bus_of(kernel)
    with pytest.raises(SensorError, match="no answer from I2C address 0x45"):
        OnBus(Sht4x(bus, kernel.sleep_ms, 0x45), bus).read()
    bus.close()


def test_a_bit_that_flips_on_the_wire_is_seen() -> None:
    kernel = Kernel(SimulatedSht4x(seed="1", glitches=Glitches(crc=1.0)), 0x44)
    bus = bus_of(kernel)
    with pytest.raises(SensorError, match="CRC"):
        OnBus(Sht4x(bus, kernel.sleep_ms), bus).read()
    bus.close()


def test_the_structures_are_the_kernels() -> None:
    """As sizeof and offsetof give them on 64-bit Linux."""
    assert (ctypes.sizeof(Message), Message.buf.offset, ctypes.sizeof(Transfer)) == (16, 8, 16)


def test_the_kernel_itself_refuses_what_is_no_i2c_bus() -> None:
    bus = LinuxI2c(Path("/dev/null"))
    with pytest.raises(OSError, match="ioctl"):
        bus.writeto(0x44, b"\xfd")
    bus.close()


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (FileNotFoundError(2, "No such file"), "switch I2C on"),
        (PermissionError(13, "Permission denied"), "group i2c"),
        (OSError(16, "Device or resource busy"), "busy"),
    ],
)
def test_a_bus_that_cannot_be_opened_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: OSError, remedy: str
) -> None:
    def refuse(*_: Any) -> int:
        raise error

    monkeypatch.setattr(linux_i2c.os, "open", refuse)
    with pytest.raises(AttachedMissing, match=remedy):
        attached.open_sht4x(row())


class FakeDht:
    """What adafruit_dht.DHT22 is to us: properties that measure, RuntimeError for a bad frame."""

    def __init__(self, pin: str, use_pulseio: bool) -> None:
        assert not use_pulseio, "the helper program it needs does not run on every system"
        self.pin = pin
        self.closed = False
        self.frames: list[tuple[float | None, float | None] | str] = []

    @property
    def temperature(self) -> float | None:
        frame = self.frames[0]
        if isinstance(frame, str):
            self.frames.pop(0)
            raise RuntimeError(frame)
        return frame[0]

    @property
    def humidity(self) -> float | None:
        frame = self.frames.pop(0)
        assert not isinstance(frame, str)
        return frame[1]

    def exit(self) -> None:
        self.closed = True


@pytest.fixture
def dht(monkeypatch: pytest.MonkeyPatch) -> list[FakeDht]:
    """The library and the board as a Raspberry Pi has them; gives the sensors that were made."""
    made: list[FakeDht] = []

    def make(pin: str, use_pulseio: bool = True) -> FakeDht:
        made.append(FakeDht(pin, use_pulseio))
        return made[-1]

    library, board = ModuleType("adafruit_dht"), ModuleType("board")
    vars(library).update(DHT22=make, DHT11=make)
    vars(board).update(D4="GPIO4", D17="GPIO17", SCL="GPIO3")
    monkeypatch.setitem(sys.modules, "adafruit_dht", library)
    monkeypatch.setitem(sys.modules, "board", board)
    return made


def test_a_dht_on_a_pin(dht: list[FakeDht]) -> None:
    sensor = open_dht(row("dht22", pin="D4"))
    dht[0].frames = [(21.5, 48.0), "Checksum did not validate. Try again.", (None, None), (0, 0)]
    assert sensor.read() == {"temperature": 21.5, "humidity": 48.0}
    with pytest.raises(SensorError, match="Checksum did not validate"):
        sensor.read()
    with pytest.raises(SensorError, match="check its power"):
        sensor.read()
    assert sensor.read() == {"temperature": 0.0, "humidity": 0.0}
    sensor.close()
    assert (dht[0].pin, dht[0].closed) == ("GPIO4", True)


def test_an_unknown_pin_is_answered_with_those_there_are(dht: list[FakeDht]) -> None:
    with pytest.raises(AttachedMissing, match="no pin D99: set pin to one of D17, D4"):
        open_dht(row("dht11", pin="D99"))
    vars(sys.modules["board"]).clear()
    with pytest.raises(AttachedMissing, match="it has none; wire the sensor to a Raspberry Pi"):
        open_dht(row("dht11", pin="D4"))


def test_without_the_library_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adafruit_dht", None)
    with pytest.raises(AttachedMissing, match=r"a dht22 needs a library: pip install 'aircue\[gateway,pi\]'"):
        open_dht(row("dht22", pin="D4"))


def test_on_a_machine_without_pins_it_says_so(monkeypatch: pytest.MonkeyPatch, dht: list[FakeDht]) -> None:
    def refuse(name: str) -> ModuleType:
        if name == "board":
            raise NotImplementedError("Board not supported GENERIC_LINUX_PC")
        return sys.modules[name]

    monkeypatch.setattr(attached, "importlib", SimpleNamespace(import_module=refuse))
    with pytest.raises(AttachedMissing, match="needs the pins of a Raspberry Pi: Board not supported"):
        open_dht(row("dht22", pin="D4"))


class Scripted:
    """An attachment that gives what a list says."""

    def __init__(self, *answers: dict[str, float] | Exception) -> None:
        self.answers = list(answers)
        self.closed = False

    def read(self) -> dict[str, float]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


def test_reads_go_on_after_failures_and_the_state_says_how_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    taken: list[dict[str, float]] = []
    failures: list[int] = []
    sensor = Scripted({"temperature": 20.0}, SensorError("wrong CRC"), StaleError("none"), {"temperature": 21.0})
    opened: list[Any] = [AttachedMissing("switch I2C on"), sensor]

    def open_it(_: AttachedConfig) -> Any:
        one = opened.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    one = Attached(
        row(interval_s=60),
        take=lambda _, values: taken.append(values),
        failed=lambda: failures.append(1),
        opener=open_it,
    )

    async def story() -> list[tuple[float, str]]:
        return [(await one.once(), one.report()["state"]) for _ in range(5)]

    assert asyncio.run(story()) == [
        (60, "switch I2C on"),
        (60, "ok"),
        (60, "wrong CRC"),
        (5, "wrong CRC"),
        (60, "ok"),
    ]
    assert taken == [{"temperature": 20.0}, {"temperature": 21.0}]
    assert len(failures) == 1
    assert (one.report()["reads"], one.report()["failed_reads"]) == (2, 1)


def test_an_attachment_is_closed_when_its_task_ends() -> None:
    sensor = Scripted(*[{"temperature": 20.0}] * 5)
    one = Attached(row(interval_s=60), take=lambda *_: None, failed=lambda: None, opener=lambda _: sensor)

    async def story() -> None:
        running = asyncio.create_task(one.run())
        while one.report()["reads"] == 0:  # noqa: ASYNC110 -- nothing tells of a read but its report
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(story(), 20))
    assert sensor.closed
