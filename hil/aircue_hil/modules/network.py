"""MicroPython's network module for a node on the bench: a Wi-Fi station whose radio the bench plays, and the node's own
access point, which here is loopback: what the node serves there is reached at 127.0.0.1.

The constants are those of the ESP32 port.
"""

import struct

import bench_line
import machine

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD, STAT_BEACON_TIMEOUT, STAT_CONNECT_FAIL = 201, 202, 200, 203
_NOWHERE = ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
_LOOPBACK = ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")


class WLAN:
    """The station; WLAN(AP_IF) is the access point."""

    IF_STA, IF_AP = 0, 1
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2
    SEC_OPEN, SEC_WPA2 = 0, 3

    def __new__(cls, interface_id=STA_IF):
        made = object.__new__(_AccessPoint if interface_id == AP_IF else WLAN)
        made._begin()
        return made

    def _begin(self):
        """MicroPython calls no __init__ on what __new__ made of another class."""
        self._given = {"hostname": "mpy-" + bench_line.NODE, "pm": WLAN.PM_PERFORMANCE, "txpower": 20}

    def active(self, is_active=None):
        if is_active is None:
            return _state()[1] != 0
        bench_line.ask(b"N", b"A\x01" if is_active else b"A\x00")
        return bool(is_active)

    def connect(self, ssid=None, key=None, **options):
        bench_line.ask(b"N", b"C" + (ssid or "").encode() + b"\x00" + (key or "").encode())

    def disconnect(self):
        bench_line.ask(b"N", b"D")

    def isconnected(self):
        return _state()[0] == STAT_GOT_IP

    def status(self, param=None):
        if param is None:
            return _state()[0]
        if param == "rssi":
            return _state()[2]
        raise ValueError("unknown status param")

    def ifconfig(self, config=None):
        return _LOOPBACK if self.isconnected() else _NOWHERE

    def scan(self):
        """One tuple an access point in reach: (ssid, bssid, channel, rssi, security, hidden). The bench's own is first,
        its neighbours are weaker."""
        found = [ssid for ssid in bench_line.ask(b"N", b"L").split(b"\x00") if ssid]
        return [
            (ssid, b"\x02\x00\x00\x00\x00" + bytes((1 + place,)), 6, _state()[2] - 10 * place, 3, False)
            for place, ssid in enumerate(found)
        ]

    def config(self, *names, **values):
        if values:
            self._given.update(values)
            return None
        if names[0] == "rssi":
            return _state()[2]
        if names[0] == "mac":
            return b"\x02" + machine.unique_id()[:5]
        return self._given[names[0]]


class _AccessPoint(WLAN):
    """It has what it was given, and no clients to tell of."""

    up = False

    def _begin(self):
        self._given = {"ssid": "MPY-" + bench_line.NODE, "security": WLAN.SEC_OPEN, "key": "", "channel": 1}

    def active(self, is_active=None):
        if is_active is not None:
            if is_active and self._given["security"] and len(self._given["key"]) < 8:
                raise OSError("a key of 8 characters or more is expected")
            _AccessPoint.up = bool(is_active)
        return _AccessPoint.up

    def isconnected(self):
        return False

    def status(self, param=None):
        if param == "stations":
            return []
        raise ValueError("unknown status param")

    def ifconfig(self, config=None):
        return _LOOPBACK if _AccessPoint.up else _NOWHERE

    def config(self, *names, **values):
        for name in values:
            if name not in self._given:
                raise ValueError("unknown config param")
        self._given.update(values)
        return self._given[names[0]] if names else None

    def connect(self, ssid=None, key=None, **options):
        raise OSError("STA must be active")

    disconnect = scan = connect


def _state():
    """(status, radio on, rssi)"""
    return struct.unpack(">HBb", bench_line.ask(b"N", b"S"))
