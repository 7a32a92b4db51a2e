"""Joins the Wi-Fi network of the settings and says whether the node is still in it."""

import asyncio

MYPY = False
if MYPY:
    from aircue_node.ports import Wlan

_JOIN_S = 20
_POLL_S = 0.2


class Wifi:
    def __init__(self, wlan: "Wlan", ssid: str, key: str) -> None:
        self._wlan = wlan
        self._ssid = ssid
        self._key = key

    def connected(self) -> bool:
        return self._wlan.isconnected()

    async def connect(self) -> None:
        """Returns once the node is in the network; OSError when that takes too long."""
        if self.connected():
            return
        self._wlan.active(True)
        self._wlan.connect(self._ssid, self._key)
        for _ in range(int(_JOIN_S / _POLL_S)):
            if self.connected():
                return
            await asyncio.sleep(_POLL_S)
        self._wlan.disconnect()
        raise OSError(f"Wi-Fi {self._ssid} not joined in {_JOIN_S} s")

    def off(self) -> None:
        """The radio draws no current any more."""
        self._wlan.disconnect()
        self._wlan.active(False)
