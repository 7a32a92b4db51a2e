"""MicroPython's network module for a node on the bench: a Wi-Fi station whose radio the bench plays.

The constants are those of the ESP32 port.
"""

import struct

import bench_line
import machine

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD, STAT_BEACON_TIMEOUT, STAT_CONNECT_FAIL = 201, 202, 200, 203
_NO_NETWORK = "0.0.0.0"


class WLAN:
    """The station interface; the access point of a board is not simulated."""

    IF_STA, IF_AP = 0, 1
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2

    def __init__(self, interface_id=STA_IF):
        if interface_id != STA_IF:
            raise ValueError("the bench plays a Wi-Fi station only")
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
        state = _state()
        if state[0] != STAT_GOT_IP:
            return (_NO_NETWORK, _NO_NETWORK, _NO_NETWORK, _NO_NETWORK)
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")

    def scan(self):
        """One tuple an access point in reach: (ssid, bssid, channel, rssi, security, hidden)."""
        ssid = bench_line.ask(b"N", b"L")
        return [(ssid, b"\x02\x00\x00\x00\x00\x01", 6, _state()[2], 3, False)] if ssid else []

    def config(self, *names, **values):
        if values:
            self._given.update(values)
            return None
        if names[0] == "rssi":
            return _state()[2]
        if names[0] == "mac":
            return b"\x02" + machine.unique_id()[:5]
        return self._given[names[0]]


def _state():
    """(status, radio on, rssi)"""
    return struct.unpack(">HBb", bench_line.ask(b"N", b"S"))
