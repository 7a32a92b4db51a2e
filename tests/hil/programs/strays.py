"""Runs in MicroPython on an emulated Pico W: reaches for addresses that are none of its business, then for the gateway,
and says what came of it, one JSON object a line."""

import json
import socket
import time

import network

ELSEWHERE = (("203.0.113.7", 80), ("192.168.1.1", 443), ("10.0.0.1", 22))

with open("settings.json") as file:  # noqa: PTH123 -- MicroPython has no pathlib
    given = json.load(file)
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect(given["ssid"], given["wifi_key"])
while not wlan.isconnected():
    time.sleep_ms(50)


def reached(host, port):
    line = socket.socket()
    line.settimeout(20)
    try:
        line.connect((host, port))
        return True
    except OSError:
        return False
    finally:
        line.close()


print(json.dumps({"name": socket.getaddrinfo("example.com", 80)[0][-1][0]}))
for host, port in ELSEWHERE:
    print(json.dumps({"reached": reached(host, port)}))
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.settimeout(5)
out.sendto(b"\x00" * 40, ("203.0.113.7", 53))
try:
    heard = len(out.recv(100))
except OSError:
    heard = 0
print(json.dumps({"heard": heard}))
print(json.dumps({"gateway": reached(given["gateway"], given["port"])}))
