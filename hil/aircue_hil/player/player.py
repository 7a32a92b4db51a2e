"""A second Pico plays sensors for a real board: it answers on I2C and on a DHT's line, and the bench tells it what.

Lines over its own USB serial, words apart by spaces, bytes in hex:

    bench -> player   T <address>            an I2C target from now on
                      L <pin>                a DHT's line from now on
                      G <address> <hex>      what reads of this address give from now on ("-": nothing, it reads as FF)
                      P <pin> <us,us,...>    the pulses that answer the start pulse just told of ("-": none)
    player -> bench   w <address> <hex>      a write has ended
                      r <address> <count>    a read has ended, so many bytes long
                      s <pin>                a start pulse has begun
                      ok | ! <text>          a line was taken, or why it was not

What a read gives must be there before it begins: an interrupt cannot ask the bench. A sensor that would not acknowledge
is therefore played as one that gives FF. Runs in MicroPython and, with other ends given, in CPython.
"""

LONGEST = 64
_IDLE = 0xFF


class Target:
    """One I2C address. The interrupt handler calls the methods in the first half and must not allocate."""

    def __init__(self, address):
        self.address = address
        self._reply = bytearray(b"\xff" * LONGEST)
        self._written = bytearray(LONGEST)
        self._writing = 0
        self._reading = 0
        self._ended_write = -1
        self._ended_read = -1

    def begin_write(self):
        self._writing = 0

    def take(self, byte):
        if self._writing < LONGEST:
            self._written[self._writing] = byte
            self._writing += 1

    def end_write(self):
        self._ended_write = self._writing

    def begin_read(self):
        self._reading = 0

    def give(self):
        byte = self._reply[self._reading] if self._reading < LONGEST else _IDLE
        self._reading += 1
        return byte

    def end_read(self):
        self._ended_read = self._reading

    def prepare(self, data):
        for place in range(LONGEST):
            self._reply[place] = data[place] if place < len(data) else _IDLE

    def ended(self):
        """Lines for the bench about what has ended since the last call."""
        lines = []
        if self._ended_write >= 0:
            lines.append("w {} {}".format(self.address, bytes(self._written[: self._ended_write]).hex()))
            self._ended_write = -1
        if self._ended_read >= 0:
            lines.append("r {} {}".format(self.address, self._ended_read))
            self._ended_read = -1
        return lines


class Player:
    """connect(target): puts a Target onto the bus. line(pin): a DHT's line, with begun() and play(pulses)."""

    def __init__(self, connect, line):
        self._connect, self._line = connect, line
        self._targets = {}
        self._lines = {}
        self._orders = {"T": self._be_target, "L": self._be_line, "G": self._give, "P": self._play}

    def obey(self, text):
        """The answer to one line of the bench."""
        words = text.split()
        try:
            self._orders[words[0]](*words[1:])
        except (KeyError, ValueError, TypeError, IndexError, OSError) as error:
            return "! {}: {!r}".format(text, error)
        return "ok"

    def news(self):
        """Lines for the bench."""
        lines = []
        for target in self._targets.values():
            lines += target.ended()
        return lines + ["s {}".format(pin) for pin, line in self._lines.items() if line.begun()]

    def _be_target(self, address):
        target = Target(int(address))
        self._connect(target)
        self._targets[target.address] = target

    def _be_line(self, pin):
        self._lines[int(pin)] = self._line(int(pin))

    def _give(self, address, data):
        self._targets[int(address)].prepare(b"" if data == "-" else bytes.fromhex(data))

    def _play(self, pin, pulses):
        if pulses != "-":
            self._lines[int(pin)].play([int(length) for length in pulses.split(",")])
