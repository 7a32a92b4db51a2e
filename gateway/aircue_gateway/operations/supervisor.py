"""What systemd is told (sd_notify(3)): the gateway is up, its pipeline moves, it stops. Elsewhere nobody listens."""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping

from aircue_gateway import log

_A_WATCHDOG = 3  # signs of life in the time systemd grants


class Supervisor:
    """environment: systemd names its socket and its patience there (NOTIFY_SOCKET, WATCHDOG_USEC)."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        self._patience_s = int(environment.get("WATCHDOG_USEC", "0")) / 1e6

    def ready(self, status: str) -> None:
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """To be followed by ready."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    async def watch(self, stuck_for_s: Callable[[], float]) -> None:
        """Gives signs of life for as long as the pipeline moves; systemd restarts a gateway that gives none.

        stuck_for_s: how long the write in hand has been waiting for the disk.
        """
        if not self._address or not self._patience_s:
            return
        while True:
            stuck_s = stuck_for_s()
            if stuck_s < self._patience_s:
                self._tell("WATCHDOG=1")
            else:
                log.error("pipeline_stuck", seconds=round(stuck_s), remedy="systemd restarts the gateway")
            await asyncio.sleep(self._patience_s / _A_WATCHDOG)

    def _tell(self, text: str) -> None:
        """A supervisor that cannot be told does not stop the gateway."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.sendto(text.encode(), self._address)
        except OSError as error:
            log.warning("supervisor_deaf", reason=error, remedy="the unit needs Type=notify and NotifyAccess=main")
