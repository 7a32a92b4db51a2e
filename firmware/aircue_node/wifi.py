"""Joins the Wi-Fi network of the settings and says whether the node is still in it."""

import asyncio

from aircue_node.escalation import ABSENT, UNJOINED

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import Wlan

_JOIN_S = 20
_POLL_S = 0.2
_OFF_S = 1
# status() of the ports while an attempt goes on or went well: cyw43 (Pico W) 0 to 3, ESP32 1000 and more.
_GOING_ON = (0, 1, 2, 3, 1000, 1001, 1010)
# The network is not in the air: cyw43 -2; ESP32 beacon gone, not found, too weak. Every other number is a failure that
# leaves open whose it is; the ESP32 also says 202, wrong password, when it is confused.
_ABSENT = (-2, 200, 201, 212)
# cyw43 without power saving, for MicroPython that has no name for it.
_CYW43_NO_POWER_SAVING = 0xA11140


class NotJoined(OSError):
    """kind: ABSENT or UNJOINED."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Wifi:
    """tick is called whenever joining goes on."""

    def __init__(self, wlan: "Wlan", ssid: str, key: str, tick: "Callable[[], None]" = lambda: None) -> None:
        self._wlan = wlan
        self._ssid = ssid
        self._key = key
        self._tick = tick

    def connected(self) -> bool:
        return self._wlan.isconnected()

    async def connect(self) -> None:
        """Returns once the node is in the network; NotJoined when the radio gave up or takes too long."""
        if self.connected():
            return
        try:
            self._begin()
            status = await self._outcome()
        except OSError as error:
            raise NotJoined(UNJOINED, f"Wi-Fi: the radio says {error}")
        if self.connected():
            return
        self._leave()
        kind = ABSENT if status in _ABSENT else UNJOINED
        raise NotJoined(kind, f"Wi-Fi {self._ssid} not joined: status {status}, {kind}")

    async def restart(self) -> None:
        """The radio goes off for a second and on: it cures an ESP32 stuck at status 202 and a Pico W that believes it
        is in a network that has forgotten it."""
        print("uplink: Wi-Fi off and on")
        self._leave()
        self._switch(False)
        await asyncio.sleep(_OFF_S)
        self._switch(True)

    def off(self) -> None:
        """The radio draws no current any more."""
        self._leave()
        self._switch(False)

    def _begin(self) -> None:
        self._wlan.active(True)
        self._configure()
        self._wlan.connect(self._ssid, self._key)

    async def _outcome(self) -> int:
        """The status that ended the attempt, or the one it is stuck at."""
        for _ in range(int(_JOIN_S / _POLL_S)):
            await asyncio.sleep(_POLL_S)
            self._tick()
            status = self._wlan.status()
            if self.connected() or status not in _GOING_ON:
                break
        return status

    def _configure(self) -> None:
        """No power saving: a Pico W that sleeps between beacons loses its network and does not say so. No attempts of
        the ESP32's own: they stand in the way of these. Each chip refuses what only the other knows."""
        for option in ({"pm": getattr(self._wlan, "PM_NONE", _CYW43_NO_POWER_SAVING)}, {"reconnects": 0}):
            try:
                self._wlan.config(**option)
            except (ValueError, OSError):
                pass

    def _leave(self) -> None:
        try:
            self._wlan.disconnect()
        except OSError as error:
            print("uplink: the radio says", error)

    def _switch(self, on: bool) -> None:
        try:
            self._wlan.active(on)
        except OSError as error:
            print("uplink: the radio says", error)
