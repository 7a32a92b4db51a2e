"""One UART of a node: the sensor's bytes come one after the other at its baud rate, and wait until the node reads."""

from aircue_hil.air import Air
from aircue_hil.sensors.model import Reply, UartSensor

_BITS = 10  # 8N1
_FIFO = 256  # bytes that MicroPython's ports keep by default; more are lost


class Wire:
    """`baudrate` is the node's. Where it is not the sensor's, neither understands the other: bytes come through wrong.

    A measurement counts as delivered when its last byte is read.
    """

    def __init__(self, sensor: UartSensor) -> None:
        self.sensor = sensor
        self.baudrate = sensor.baudrate
        self._incoming: list[tuple[int, int, Reply | None]] = []  # moment, byte, and the reply that ends with it
        self._free_at = 0

    @property
    def understood(self) -> bool:
        return self.baudrate == self.sensor.baudrate

    def power_on(self, now: int) -> None:
        self._incoming.clear()
        self._free_at = 0
        self.sensor.power_on(now)

    def silence(self, now: int) -> None:
        """Nobody is on the wire: what was still under way never comes."""
        self._incoming = [one for one in self._incoming if one[0] <= now]

    def listen(self, now: int, air: Air) -> list[Reply]:
        """Puts onto the wire what the sensor said; gives back the replies that never came."""
        said = self.sensor.sent(now, air)
        for begun, reply in said:
            self._put(begun, reply)
        return [reply for _, reply in said if not reply.ack]

    def waiting(self, now: int) -> int:
        self._drop_what_overflows(now)
        return sum(moment <= now for moment, _, _ in self._incoming)

    def read(self, count: int, now: int) -> tuple[bytes, list[Reply]]:
        """Up to `count` bytes, and the replies whose last byte is among them."""
        count = min(count, self.waiting(now))
        taken, self._incoming = self._incoming[:count], self._incoming[count:]
        if not self.understood:
            return bytes(byte ^ 0xFF for _, byte, _ in taken), []
        return bytes(byte for _, byte, _ in taken), [reply for _, _, reply in taken if reply is not None]

    def _put(self, begun: int, reply: Reply) -> None:
        byte_us = 1_000_000 * _BITS // self.sensor.baudrate
        self._free_at = max(self._free_at, begun)
        for place, byte in enumerate(reply.data, start=1):
            self._free_at += byte_us
            self._incoming.append((self._free_at, byte, reply if place == len(reply.data) else None))

    def _drop_what_overflows(self, now: int) -> None:
        here = [one for one in self._incoming if one[0] <= now]
        self._incoming = here[:_FIFO] + self._incoming[len(here) :]
