"""An I2C bus of Linux as the drivers want one: plain transfers through the kernel's I2C_RDWR (linux/i2c-dev.h).

OSError where nobody answers, as on a board.
"""

import ctypes
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

I2C_RDWR = 0x0707
I2C_M_RD = 0x0001

Ioctl = Callable[[int, int, Any], Any]


class Message(ctypes.Structure):
    """struct i2c_msg."""

    _fields_ = (
        ("addr", ctypes.c_uint16),
        ("flags", ctypes.c_uint16),
        ("len", ctypes.c_uint16),
        ("buf", ctypes.POINTER(ctypes.c_uint8)),
    )


class Transfer(ctypes.Structure):
    """struct i2c_rdwr_ioctl_data."""

    _fields_ = (("msgs", ctypes.POINTER(Message)), ("nmsgs", ctypes.c_uint32))


class LinuxI2c:
    """path: /dev/i2c-1 on a Raspberry Pi. OSError where it cannot be opened."""

    def __init__(self, path: Path, ioctl: Ioctl = fcntl.ioctl) -> None:
        self._ioctl = ioctl
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._fd)

    def writeto(self, addr: int, buf: bytes) -> None:
        self._transfer(addr, 0, bytearray(buf))

    def readfrom_into(self, addr: int, buf: bytearray) -> None:
        self._transfer(addr, I2C_M_RD, buf)

    def _transfer(self, addr: int, flags: int, data: bytearray) -> None:
        """The kernel reads from and writes into data itself."""
        memory = (ctypes.c_uint8 * len(data)).from_buffer(data)
        message = Message(addr, flags, len(data), ctypes.cast(memory, ctypes.POINTER(ctypes.c_uint8)))
        self._ioctl(self._fd, I2C_RDWR, Transfer(ctypes.pointer(message), 1))
