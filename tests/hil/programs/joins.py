"""Runs on the bench in MicroPython: joins Wi-Fi, asks the time, speaks to the gateway, is told to leave."""

import os
import socket
import time

import network
import ntptime

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
print("scan", wlan.scan()[0][0].decode())
wlan.connect("aircue-bench", "wrong")
while wlan.status() == network.STAT_CONNECTING:
    time.sleep_ms(10)
print("wrong key", wlan.status() == network.STAT_WRONG_PASSWORD, wlan.isconnected())
wlan.connect("aircue-bench", "bench-wifi-key")
while not wlan.isconnected():
    time.sleep_ms(10)
print("joined", wlan.status("rssi"), wlan.config("rssi"), wlan.ifconfig()[0])
print("time", ntptime.time())
line = socket.socket()
line.connect(socket.getaddrinfo("127.0.0.1", int(os.getenv("GATEWAY_PORT")))[0][-1])
line.write(b"hello gateway")
print("answer", line.read(5).decode())
wlan.disconnect()
print("left", wlan.isconnected())
