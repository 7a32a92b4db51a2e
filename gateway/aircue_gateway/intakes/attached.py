"""Sensors wired to this machine itself: SHT4x and SCD4x on its I2C bus through our own drivers, DHT11 and DHT22 on a
pin through Adafruit's library.

What is missing (the library, the bus, the right to use it, the sensor) is said once with what to do about it, stands in
`aircue-gateway status`, and is tried again at every interval; the rest of the gateway goes on.
"""

import asyncio
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from aircue_gateway import log
from aircue_gateway.config import AttachedConfig
from aircue_gateway.intakes.linux_i2c import LinuxI2c
from aircue_node.ports import SleepMs
from aircue_node.sensors.errors import SensorError, StaleError
from aircue_node.sensors.scd4x import Scd4x
from aircue_node.sensors.sht4x import Sht4x

_SOON_S = 5.0  # an SCD4x has its next result after this


class AttachedMissing(Exception):
    """Something that a sensor needs is not there; the text says what to do."""


class Attachment(Protocol):
    """An opened sensor."""

    def read(self) -> dict[str, float]:
        """Values by quantity. Takes its time, so it runs beside the event loop. SensorError: this read failed."""
        ...

    def close(self) -> None: ...


Open = Callable[[AttachedConfig], Attachment]


class OnBus:
    """A driver of the firmware on a bus of Linux."""

    def __init__(self, driver: Any, bus: LinuxI2c) -> None:
        self._driver = driver
        self._bus = bus

    def read(self) -> dict[str, float]:
        values = asyncio.run(self._driver.read())
        return {name: value / scale for (name, _, scale), value in zip(self._driver.channels, values, strict=True)}

    def close(self) -> None:
        self._bus.close()


class OnPin:
    """A DHT of Adafruit's library, which keeps what it read for two seconds."""

    def __init__(self, sensor: Any) -> None:
        self._sensor = sensor

    def read(self) -> dict[str, float]:
        try:
            temperature, humidity = self._sensor.temperature, self._sensor.humidity
        except Exception as error:  # each backend of the library has its own; none may end the gateway
            raise SensorError(f"{error}") from error
        if temperature is None or humidity is None:
            raise SensorError("no answer: check its power, the pin and the pull-up")
        return {"temperature": float(temperature), "humidity": float(humidity)}

    def close(self) -> None:
        self._sensor.exit()


async def _sleep_ms(ms: int) -> None:
    await asyncio.sleep(ms / 1000)


def open_sht4x(config: AttachedConfig, sleep_ms: SleepMs = _sleep_ms) -> Attachment:
    bus = _bus(config)
    return OnBus(Sht4x(bus, sleep_ms, *_address(config)), bus)


def open_scd4x(config: AttachedConfig, sleep_ms: SleepMs = _sleep_ms) -> Attachment:
    bus = _bus(config)
    return OnBus(Scd4x(bus, sleep_ms, *_address(config)), bus)


def open_dht(config: AttachedConfig) -> Attachment:
    library, board = _library(config.sensor)
    if not hasattr(board, config.pin):
        pins = ", ".join(sorted(name for name in dir(board) if name.startswith("D")))
        remedy = f"set pin to one of {pins}" if pins else "it has none; wire the sensor to a Raspberry Pi"
        raise AttachedMissing(f"this machine has no pin {config.pin}: {remedy}")
    kind = getattr(library, config.sensor.upper())
    try:
        return OnPin(kind(getattr(board, config.pin), use_pulseio=False))
    except Exception as error:  # as above
        raise AttachedMissing(f"pin {config.pin} cannot be used: {error}") from error


OPENERS: Mapping[str, Open] = {"sht4x": open_sht4x, "scd4x": open_scd4x, "dht11": open_dht, "dht22": open_dht}


def _address(config: AttachedConfig) -> tuple[int, ...]:
    return () if config.address is None else (config.address,)


def _bus(config: AttachedConfig) -> LinuxI2c:
    try:
        return LinuxI2c(Path(config.bus))
    except FileNotFoundError:
        raise AttachedMissing(
            f"{config.bus} does not exist: switch I2C on (raspi-config, Interface Options), or set bus to another one"
        ) from None
    except PermissionError:
        raise AttachedMissing(
            f"{config.bus} may not be opened: put the gateway's user into the group i2c, then restart it"
        ) from None
    except OSError as error:
        raise AttachedMissing(f"{config.bus} cannot be opened: {error.strerror}") from error


def _library(sensor: str) -> tuple[Any, Any]:
    """(adafruit_dht, board)."""
    try:
        return importlib.import_module("adafruit_dht"), importlib.import_module("board")
    except ImportError as error:
        raise AttachedMissing(f"a {sensor} needs a library: pip install 'aircue[gateway,pi]' ({error})") from error
    except (NotImplementedError, RuntimeError, OSError) as error:
        raise AttachedMissing(f"a {sensor} needs the pins of a Raspberry Pi: {error}") from error


class Attached:
    """Reads one sensor for ever. take: gets its values. failed: called for each read that failed."""

    def __init__(
        self,
        config: AttachedConfig,
        *,
        take: Callable[[AttachedConfig, dict[str, float]], None],
        failed: Callable[[], None],
        opener: Open | None = None,
    ) -> None:
        self._config = config
        self._take = take
        self._failed = failed
        self._open = opener or OPENERS[config.sensor]
        self._attachment: Attachment | None = None
        self._reads = self._failures = 0
        self._complaint = ""

    async def run(self) -> None:
        try:
            while True:
                wait_s = await self.once()
                await asyncio.sleep(wait_s)
        finally:
            if self._attachment is not None:
                self._attachment.close()

    async def once(self) -> float:
        """One read, or the attempt to; the seconds to wait before the next one."""
        try:
            if self._attachment is None:
                self._attachment = await asyncio.to_thread(self._open, self._config)
            values = await asyncio.to_thread(self._attachment.read)
        except StaleError:
            return min(_SOON_S, self._config.interval_s)
        except (AttachedMissing, SensorError, OSError) as error:
            self._note(error)
            return self._config.interval_s
        self._reads += 1
        self._complaint = ""
        self._take(self._config, values)
        return self._config.interval_s

    def report(self) -> dict[str, Any]:
        where = self._config.pin or self._config.bus
        state = self._complaint or ("ok" if self._reads else "not read yet")
        counts = {"reads": self._reads, "failed_reads": self._failures}
        return {"sensor": self._config.sensor, "on": where, "node": self._config.node, "state": state, **counts}

    def _note(self, error: Exception) -> None:
        """A failed read is counted; what is wrong is said once."""
        if not isinstance(error, AttachedMissing):
            self._failures += 1
            self._failed()
        if str(error) != self._complaint:
            self._complaint = str(error)
            log.warning("attached_sensor", sensor=self._config.sensor, node=self._config.node, reason=error)
