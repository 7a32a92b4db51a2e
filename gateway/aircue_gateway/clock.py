"""From a node's uptime to the time of day: what one boot's samples say about when the boot began."""

FIRST_BELIEVED_S = 1_577_836_800  # 2020-01-01
LAST_BELIEVED_S = 4_102_444_800  # 2100-01-01
_LONGEST_ON_ITS_WAY_MS = 86_400_000


class Clock:
    """The time at uptime 0 of one boot, learnt from its samples; later ones narrow it.

    offset_ms: that time in ms since the epoch, None before anything was learnt. known: it comes from the node's own
    clock; otherwise from the arrival of its messages, the least delayed of them.

    >>> clock = Clock()
    >>> clock.note(uptime_ms=500, epoch_s=1_800_000_000, received_at_ms=1_800_000_001_234)
    >>> clock.at(1250) - 1_800_000_000_000
    750
    """

    def __init__(self, offset_ms: int | None = None, known: bool = False) -> None:
        self.offset_ms = offset_ms
        self.known = known

    def note(self, uptime_ms: int, epoch_s: int, received_at_ms: int) -> None:
        """Learns from a sample. epoch_s: the whole second it was taken in, 0 while the node has no time.

        The sample lies within its second; inside it, the milliseconds follow the uptime of the samples before.
        """
        if epoch_s:
            earliest = epoch_s * 1000 - uptime_ms
            if not self.known or self.offset_ms is None or self.offset_ms < earliest:
                self.offset_ms, self.known = earliest, True
            elif self.offset_ms > earliest + 999:
                self.offset_ms = earliest + 999
        elif not self.known:
            latest = received_at_ms - uptime_ms
            self.offset_ms = latest if self.offset_ms is None else min(self.offset_ms, latest)

    def heard(self, uptime_ms: int, received_at_ms: int) -> None:
        """Learns from a message that was sent just now. Where it comes more than a day after the time learnt so far, it
        is the gateway's own clock that was behind: a Raspberry Pi has none that runs on without power."""
        latest = received_at_ms - uptime_ms
        if not self.known and self.offset_ms is not None and latest > self.offset_ms + _LONGEST_ON_ITS_WAY_MS:
            self.offset_ms = latest
        else:
            self.note(uptime_ms, 0, received_at_ms)

    def at(self, uptime_ms: int) -> int:
        """ms since the epoch at an uptime. Something must have been noted before."""
        assert self.offset_ms is not None
        return self.offset_ms + uptime_ms


def believed(epoch_s: int) -> bool:
    """Whether a node's time can be one: not the epoch of its chip, nor garbage."""
    return epoch_s == 0 or FIRST_BELIEVED_S <= epoch_s <= LAST_BELIEVED_S
