"""MicroPython's machine module for a node on the bench: pins, I2C, UART and the DHT line are played by the bench."""

import hashlib
import os
import struct
import sys

import bench_line
import micropython

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
_CAUSES = {"power-on": PWRON_RESET, "soft": SOFT_RESET, "watchdog": WDT_RESET, "deep-sleep": DEEPSLEEP_RESET}
EXIT_RESET = 42  # the exit code that asks the bench to start the node anew
EXIT_DEEP_SLEEP = 44  # the exit code that asks the bench to start it after the ms in the file SLEEP_MS
_RTC = os.getenv("AIRCUE_BENCH_RTC", ".")
_RTC_BYTES = 2048
_ETIMEDOUT = 110
_ONE_OVER_US = 48
_DHT_LOW_US = 18000
_SOFT_I2C = 255
_timers = []  # what C calls must not be collected


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


def _libc(result, name, arguments):
    import ffi

    return ffi.open(None).func(result, name, arguments)


def _itimerspec(ms, again_ms):
    """What POSIX calls itimerspec: when again, and when first, each in seconds and nanoseconds."""
    return struct.pack("llll", again_ms // 1000, again_ms % 1000 * 1000000, ms // 1000, ms % 1000 * 1000000)


class WDT:
    """A simulated watchdog: the kernel's alarm clock ends the process, whatever it is at, as nothing on a chip stops
    its reset. PoweredNode starts the node again with the cause "watchdog"."""

    _REAL_TIME = 0

    def __init__(self, id=0, timeout=5000):
        self._timeout = timeout
        self._set = _libc("i", "setitimer", "iPP")
        self.feed()

    def feed(self):
        us = self._timeout % 1000 * 1000
        self._set(WDT._REAL_TIME, struct.pack("llll", 0, 0, self._timeout // 1000, us), None)


class Timer:
    """A timer whose callback runs between two steps of the program, also while that waits for something: a signal of
    the kernel puts it into MicroPython's queue of callbacks, as a chip's interrupt does."""

    ONE_SHOT, PERIODIC = 0, 1
    _FIRST_SIGNAL = 44  # a real-time signal; MicroPython's threads use lower ones
    _MONOTONIC = 1

    def __init__(self, id=-1, **options):
        self._ident = None
        self._signal = Timer._FIRST_SIGNAL + len(_timers)
        _timers.append(self)
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, freq=-1, period=-1, callback=None, hard=False):
        self.deinit()
        self._callback = callback
        ms = period if freq == -1 else 1000 // freq
        self._create()
        self._arm(ms, ms if mode == Timer.PERIODIC else 0)

    def deinit(self):
        if self._ident is not None:
            self._arm(0, 0)

    def _create(self):
        if self._ident is not None:
            return
        import ffi

        self._handler = ffi.callback("v", self._interrupt, "i", lock=True)
        _libc("P", "signal", "iP")(self._signal, self._handler.cfun())
        event, ident = struct.pack("PiiPPPPPP", 0, self._signal, 0, 0, 0, 0, 0, 0, 0), bytearray(8)
        _libc("i", "timer_create", "iPP")(Timer._MONOTONIC, event, ident)
        self._ident = struct.unpack("P", ident)[0]
        self._settime = _libc("i", "timer_settime", "PiPP")
        self._run_bound = self._run

    def _arm(self, ms, again_ms):
        self._settime(self._ident, 0, _itimerspec(ms, again_ms), None)

    def _interrupt(self, _number):
        """Nothing may be allocated here."""
        try:
            micropython.schedule(self._run_bound, 0)
        except RuntimeError:
            pass  # the queue is full: a chip drops the callback too

    def _run(self, _nothing):
        if self._callback is not None:
            self._callback(self)


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


class RTC:
    """Of the ESP32 port: memory that survives deep sleep, and is lost with the power."""

    def memory(self, data=None):
        if data is not None:
            if len(data) > _RTC_BYTES:
                raise ValueError("buffer too long")
            _write("rtc-memory", data)
            return None
        try:
            with open(_RTC + "/rtc-memory", "rb") as file:
                return file.read()
        except OSError:
            return b""


def _write(name, data):
    with open(_RTC + "/" + name, "wb") as file:
        file.write(data)


def reset():
    """Ends the process at once, as a reset ends a program: nothing is flushed, no finally block runs."""
    _end(EXIT_RESET)


soft_reset = reset


def deepsleep(time_ms):
    """The radio is off first: of what the sleeper still had to say, nobody hears."""
    bench_line.ask(b"N", b"A\x00")
    _write("sleep-ms", str(time_ms).encode())
    _end(EXIT_DEEP_SLEEP)


def _end(code):
    try:
        _libc("v", "_exit", "i")(code)
    except (ImportError, OSError):
        sys.exit(code)


def reset_cause():
    return _CAUSES[bench_line.RESET]


def unique_id():
    return hashlib.sha256(bench_line.NODE.encode()).digest()[:8]


def freq(hz=None):
    return 160000000


def idle():
    pass
