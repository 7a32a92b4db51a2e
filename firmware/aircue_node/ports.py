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

SleepMs = Callable[[int], Awaitable[None]]


class Bus(Protocol):
    """The part of machine.I2C that drivers use; OSError where nobody answers."""

    def writeto(self, addr: int, buf: bytes) -> object: ...

    def readfrom_into(self, addr: int, buf: bytearray) -> object: ...


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


class Sensor(Protocol):
    """What a driver is to the sampler. channels: (quantity, unit, scale); read() gives one integer for each. A sensor
    that must be asked more often than samples are taken has a coroutine run() too, which never ends."""

    @property
    def name(self) -> str: ...

    @property
    def channels(self) -> tuple[tuple[str, str, int], ...]: ...

    async def read(self) -> list[int]: ...


class Reporter(Protocol):
    """Gives the payloads of birth and status."""

    def birth(self) -> bytes: ...

    def status(self) -> bytes: ...
