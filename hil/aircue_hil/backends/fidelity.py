"""What a pass on each backend is worth; every report names it."""

FIDELITY = {
    "unix": "MicroPython's unix port, real sockets; simulated sensors, buses and radio; 64-bit, no chip's timing",
    "pico_w": "emulated RP2040, MicroPython's own image and C drivers, 32-bit; simulated sensors and access point",
    "board": "a real board with its own sensors and network",
}
