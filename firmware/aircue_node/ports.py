"""Shapes that the type checker reads; a board never imports this file, MicroPython having no typing module."""

from collections.abc import Awaitable, Callable
from typing import Protocol, overload

Sample = tuple[int, int, int, list[int | None]]
"""(sequence, uptime_ms, epoch_s or 0 while the time is not known, values: integers or None for a gap)."""

Channel = tuple[str, str, int, str]
"""(quantity, SenML unit, scale, sensor)."""

Range = tuple[int, int]
"""(first, last) sequence, both included."""

Loss = tuple[int, int, int, int]
"""(boot, first sequence, last sequence, samples dropped between them)."""

Message = tuple[str, bytes, bool, bool]
"""(leaf of the topic, payload, retained, sent before)."""

Line = tuple[str, bytes, bool, bool]
"""(topic, payload, retained, sent before)."""
Seen = tuple[bytes, bytes, int, int, int, int]
"""(ssid, bssid, channel, rssi in dBm, security: 0 for none, hidden) of an access point, as a scan gives it."""

Network = tuple[str, int, bool]
"""(name, rssi in dBm, secured)."""

SleepMs = Callable[[int], Awaitable[None]]


class Bus(Protocol):
    """The part of machine.I2C that drivers use; OSError where nobody answers."""

    def writeto(self, addr: int, buf: bytes) -> object: ...

    def readfrom_into(self, addr: int, buf: bytearray) -> object: ...


class ScannedBus(Bus, Protocol):
    def scan(self) -> list[int]: ...


class Uart(Protocol):
    """The part of machine.UART that drivers use; read gives None or fewer bytes where less came in."""

    def any(self) -> int: ...

    def read(self, nbytes: int) -> bytes | None: ...

    def write(self, buf: bytes) -> object: ...


class AnalogPin(Protocol):
    """The part of machine.ADC that drivers use: 0 to 65535."""

    def read_u16(self) -> int: ...


class OutputPin(Protocol):
    def value(self, x: int) -> object: ...


class Console(Protocol):
    """The board's own serial line. read() gives what has come in, at once; write() never waits for a listener."""

    def read(self) -> bytes: ...

    def write(self, data: bytes) -> object: ...


class Carrier(Protocol):
    """What carries a courier's messages; wake() tells that the journal has something new."""

    def wake(self) -> None: ...

    async def run(self) -> None: ...


class InputPin(Protocol):
    def value(self) -> int: ...


class OpenDrainPin(Protocol):
    """A pin that pulls low or lets go; without an argument value() gives the level of the line."""

    @overload
    def value(self) -> int: ...

    @overload
    def value(self, x: int, /) -> object: ...


class Wlan(Protocol):
    """The part of network.WLAN that the node uses."""

    def active(self, is_active: bool) -> object: ...

    def connect(self, ssid: str, key: str) -> object: ...

    def disconnect(self) -> object: ...

    def isconnected(self) -> bool: ...

    def status(self) -> int: ...

    def config(self, *, pm: int = ..., reconnects: int = ...) -> object: ...


class Dog(Protocol):
    """machine.WDT."""

    def feed(self) -> object: ...


class Announcer(Protocol):
    """Says what this node is to a home automation: topic and payload of a retained message, and the topic on which
    that side says "online" when it wants to hear it again. edition: another number when the payload has changed."""

    topic: str
    asked_on: str

    @property
    def edition(self) -> int: ...

    def payload(self) -> bytes: ...


class ScanningWlan(Wlan, Protocol):
    """A station that looks around; OSError where it cannot."""

    def scan(self) -> list[Seen]: ...

    def ifconfig(self) -> tuple[str, str, str, str]: ...


class AccessPoint(Protocol):
    """The part of network.WLAN(AP_IF) that setting up uses."""

    def active(self, is_active: bool) -> object: ...

    def config(self, *, ssid: str, security: int, key: str) -> object: ...

    def ifconfig(self) -> tuple[str, str, str, str]: ...


class Sensor(Protocol):
    """What a driver is to the sampler. channels: (quantity, unit, scale); read() gives one integer for each. A sensor
    that must be asked more often than samples are taken has a coroutine run() too, which never ends."""

    @property
    def name(self) -> str: ...

    @property
    def channels(self) -> tuple[tuple[str, str, int], ...]: ...

    async def read(self) -> list[int]: ...


class Stock(Protocol):
    """What waits for the gateway, as a report counts it; loss: what had to be dropped."""

    def __len__(self) -> int: ...

    @property
    def loss(self) -> list[Loss]: ...


class RtcMemory(Protocol):
    """machine.RTC of the ESP32 port: bytes that survive deep sleep."""

    @overload
    def memory(self) -> bytes: ...

    @overload
    def memory(self, data: memoryview, /) -> None: ...


class Reporter(Protocol):
    """Gives the payloads of birth and status."""

    def birth(self) -> bytes: ...

    def status(self) -> bytes: ...


class Answering(Protocol):
    """Runs a command and gives the reply."""

    def answer(self, payload: bytes, /) -> bytes: ...
