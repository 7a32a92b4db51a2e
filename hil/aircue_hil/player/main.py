"""On the second Pico, MicroPython 1.26 or newer: the pins of the player. I2C target on GP4 (SDA) and GP5 (SCL), or on
GP6 and GP7 for a second address; DHT lines by PIO, open drain, with the pull-up of the board under test.

Wire ground to ground and each pin to the pin of the board under test. Never run on hardware by its authors.
"""

import select
import sys

import rp2
from machine import I2CTarget, Pin
from player import Player

_BUSES = ((0, 5, 4), (1, 7, 6))  # id, scl, sda
_TICKS_A_US = 10
_HIGH_COST, _LOW_COST = 3, 3  # ticks of the other instructions around a pulse
_connected = []


def connect(target):
    """The next free I2C block answers for this target."""
    number, scl, sda = _BUSES[len(_connected)]
    port = I2CTarget(number, target.address, scl=Pin(scl), sda=Pin(sda))
    one = bytearray(1)

    def handle(port):
        flags = port.irq().flags()
        if flags & I2CTarget.IRQ_ADDR_MATCH_WRITE:
            target.begin_write()
        if flags & I2CTarget.IRQ_ADDR_MATCH_READ:
            target.begin_read()
        if flags & I2CTarget.IRQ_WRITE_REQ:
            port.readinto(one)
            target.take(one[0])
        if flags & I2CTarget.IRQ_READ_REQ:
            one[0] = target.give()
            port.write(one)
        if flags & I2CTarget.IRQ_END_WRITE:
            target.end_write()
        if flags & I2CTarget.IRQ_END_READ:
            target.end_read()

    every = (
        I2CTarget.IRQ_ADDR_MATCH_READ
        | I2CTarget.IRQ_ADDR_MATCH_WRITE
        | I2CTarget.IRQ_READ_REQ
        | I2CTarget.IRQ_WRITE_REQ
        | I2CTarget.IRQ_END_READ
        | I2CTarget.IRQ_END_WRITE
    )
    port.irq(handle, trigger=every, hard=True)
    _connected.append(port)


@rp2.asm_pio(set_init=rp2.PIO.IN_LOW, fifo_join=rp2.PIO.JOIN_TX)
def _pulses():
    """Once the line is let go: high and low in turn, each as long as the FIFO says; low is driven, high is let go."""
    wait(1, pin, 0)
    wrap_target()
    pull(block)
    mov(x, osr)
    label("high")
    jmp(x_dec, "high")
    pull(block)
    set(pindirs, 1)
    mov(x, osr)
    label("low")
    jmp(x_dec, "low")
    set(pindirs, 0)
    wrap()


class Line:
    """A DHT's line: notices a start pulse, and plays an answer once the line is let go."""

    _used = 0

    def __init__(self, number):
        self._pin = Pin(number, Pin.IN)
        self._machine = rp2.StateMachine(
            Line._used, _pulses, freq=_TICKS_A_US * 1_000_000, in_base=self._pin, set_base=self._pin
        )
        Line._used += 1
        self._begun = False
        self._listen()

    def begun(self):
        begun, self._begun = self._begun, False
        return begun

    def play(self, pulses):
        """The last pulse is low; then the line is let go."""
        self._pin.irq(None)
        self._machine.restart()
        self._machine.active(1)
        for place, length in enumerate(pulses):
            self._machine.put(_TICKS_A_US * length - (_LOW_COST if place % 2 else _HIGH_COST))
        while self._machine.tx_fifo():
            pass
        self._machine.active(0)
        self._pin.init(Pin.IN)
        self._listen()

    def _listen(self):
        self._pin.irq(self._notice, Pin.IRQ_FALLING)

    def _notice(self, _pin):
        self._begun = True


def run():
    player, poll = Player(connect, Line), select.poll()
    poll.register(sys.stdin, select.POLLIN)
    while True:
        for line in player.news():
            print(line)
        if poll.poll(0):
            print(player.obey(sys.stdin.readline()))


run()
