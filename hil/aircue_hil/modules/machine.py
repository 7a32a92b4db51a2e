"""MicroPython's machine module for a node on the bench: pins, I2C, UART and the DHT line are played by the bench."""

import hashlib
import struct
import sys

import bench_line

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
EXIT_RESET = 42  # the exit code that asks the bench to start the node anew
_ETIMEDOUT = 110
_ONE_OVER_US = 48
_DHT_LOW_US = 18000
_SOFT_I2C = 255


class Pin:
    """A GPIO. An output tells the bench its level; an input asks for it (high where nothing drives it)."""

    IN, OUT, OPEN_DRAIN = 0, 1, 2
    PULL_UP, PULL_DOWN = 1, 2

    def __init__(self, id, mode=-1, pull=-1, *, value=None):
        self.id = id
        self._mode = Pin.IN
        self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None):
        if mode != -1:
            self._mode = mode
        if value is not None:
            self.value(value)

    def value(self, x=None):
        if x is None:
            return bench_line.ask(b"I", bytes((self.id,)))[0]
        bench_line.ask(b"O", bytes((self.id, 1 if x else 0)))
        return None

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def __repr__(self):
        return "Pin({})".format(self.id)


class I2C:
    """Each transfer is one request to the bench, blocking as the bus is."""

    def __init__(self, id=-1, *, scl=None, sda=None, freq=400000, timeout=50000):
        self._id = _SOFT_I2C if id == -1 else id
        if scl is not None and sda is not None:
            bench_line.ask(b"C", bytes((self._id, scl.id, sda.id)))

    def scan(self):
        return [address for address in range(8, 0x78) if self._answers(address)]

    def writeto(self, addr, buf, stop=True):
        bench_line.ask(b"W", bytes((self._id, addr)) + bytes(buf))
        return len(buf)

    def writevto(self, addr, vector, stop=True):
        return self.writeto(addr, b"".join(bytes(part) for part in vector), stop)

    def readfrom(self, addr, nbytes, stop=True):
        return bench_line.ask(b"R", struct.pack(">BBH", self._id, addr, nbytes))

    def readfrom_into(self, addr, buf, stop=True):
        buf[:] = self.readfrom(addr, len(buf), stop)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self.writeto(addr, memaddr.to_bytes(addrsize // 8, "big") + bytes(buf))

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        self.writeto(addr, memaddr.to_bytes(addrsize // 8, "big"), False)
        return self.readfrom(addr, nbytes)

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        buf[:] = self.readfrom_mem(addr, memaddr, len(buf), addrsize=addrsize)

    def _answers(self, address):
        try:
            self.writeto(address, b"")
            return True
        except OSError:
            return False


class ADC:
    """A converter's pin; 65535 is the reference voltage of 3.3 V."""

    ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = 0, 1, 2, 3

    def __init__(self, id, *, atten=ATTN_11DB):
        self._pin = bytes((id.id if isinstance(id, Pin) else id,))

    def read_u16(self):
        return struct.unpack(">H", bench_line.ask(b"V", self._pin))[0]


class UART:
    """What the sensor sent so far waits at the bench; nothing blocks."""

    def __init__(self, id, baudrate=9600, bits=8, parity=None, stop=1, *, tx=None, rx=None, timeout=0, rxbuf=256):
        self._id = bytes((id,))
        self.init(baudrate, bits, parity, stop)

    def init(self, baudrate=9600, bits=8, parity=None, stop=1, *, tx=None, rx=None, timeout=0, rxbuf=256):
        self._ask(b"B", struct.pack(">I", baudrate))

    def any(self):
        return struct.unpack(">H", self._ask(b"A"))[0]

    def read(self, nbytes=256):
        return self._ask(b"R", struct.pack(">H", nbytes)) or None

    def readinto(self, buf, nbytes=None):
        data = self.read(len(buf) if nbytes is None else nbytes) or b""
        buf[: len(data)] = data
        return len(data) or None

    def write(self, buf):
        self._ask(b"W", bytes(buf))
        return len(buf)

    def _ask(self, action, payload=b""):
        return bench_line.ask(b"U", self._id + action + payload)


class SoftI2C(I2C):
    def __init__(self, scl, sda, *, freq=400000, timeout=50000):
        super().__init__(-1, scl=scl, sda=sda, freq=freq, timeout=timeout)


def dht_readinto(pin, buf):
    """Decodes the bench's pulse train by the rules of MicroPython's own C code: limits 100/150/100 us, 1 over 48 us."""
    train = bench_line.ask(b"D", struct.pack(">BH", pin.id, _DHT_LOW_US))
    count = 3 + 80
    if len(train) < 2 * count:
        raise OSError(_ETIMEDOUT)
    pulses = struct.unpack(">{}H".format(count), train)
    if pulses[0] > 100 or pulses[1] > 150 or pulses[2] > 150:
        raise OSError(_ETIMEDOUT)
    for bit in range(40):
        low, high = pulses[3 + 2 * bit], pulses[4 + 2 * bit]
        if low > 100 or high > 100:
            raise OSError(_ETIMEDOUT)
        buf[bit // 8] = (buf[bit // 8] << 1 | (high > _ONE_OVER_US)) & 0xFF


def reset():
    """Ends the process at once, as a reset ends a program: nothing is flushed, no finally block runs."""
    try:
        import ffi

        ffi.open(None).func("v", "_exit", "i")(EXIT_RESET)
    except (ImportError, OSError):
        sys.exit(EXIT_RESET)


soft_reset = reset


def reset_cause():
    return PWRON_RESET if bench_line.RESET == "power-on" else SOFT_RESET


def unique_id():
    return hashlib.sha256(bench_line.NODE.encode()).digest()[:8]


def freq(hz=None):
    return 160000000


def idle():
    pass
