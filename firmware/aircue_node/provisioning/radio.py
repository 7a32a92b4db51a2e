"""The radio while a node is set up: its own access point, and a station beside it that looks around and joins."""

from aircue_node.wifi import Wifi

MYPY = False
if MYPY:
    from aircue_node.ports import AccessPoint, ScanningWlan, Seen

_NOWHERE = "0.0.0.0"


class Radio:
    """secured: what the port calls WPA2; key: of the access point, "" leaves it open.

    It is open unless a key was put on the board: without a cable nobody could read a key that the board made up, and a
    board out of the box has no label. It is up only until the node has its settings.
    """

    def __init__(self, point: "AccessPoint", wlan: "ScanningWlan", name: str, key: str, secured: int) -> None:
        self._point = point
        self._wlan = wlan
        self._joined = ("", "")
        security = secured if key else 0
        try:
            point.config(ssid=name, security=security, key=key)  # a Pico W wants it before the interface is up
        except OSError:
            pass  # an ESP32 wants it after
        point.active(True)
        point.config(ssid=name, security=security, key=key)

    @property
    def own_address(self) -> str:
        """In the network that the access point spans."""
        return self._point.ifconfig()[0]

    @property
    def joined_address(self) -> str:
        """In the network that was joined, or ""."""
        address = self._wlan.ifconfig()[0] if self._wlan.isconnected() else _NOWHERE
        return "" if address == _NOWHERE else address

    def scan(self) -> "list[Seen]":
        """The networks in reach; none where the radio cannot tell. It takes some seconds, and nothing else runs."""
        try:
            self._wlan.active(True)
            return self._wlan.scan()
        except OSError as error:
            print("setup: no scan:", error)
            return []

    async def join(self, ssid: str, key: str) -> None:
        """OSError where the network cannot be joined. Nothing happens where the node is in it already."""
        if self._joined == (ssid, key) and self._wlan.isconnected():
            return
        self._joined = ("", "")
        self._wlan.active(True)
        if self._wlan.isconnected():
            self._wlan.disconnect()
        await Wifi(self._wlan, ssid, key).connect()
        self._joined = (ssid, key)
