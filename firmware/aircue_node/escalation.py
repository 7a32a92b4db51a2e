"""What to do after the connection to the gateway failed: try again, join the Wi-Fi anew, or reset. Pure.

A failure is of one kind:
    ABSENT     the Wi-Fi network is not in the air
    UNJOINED   the network is there, or nobody can tell, and the radio does not get into it or gets no address
    UNREACHED  in the network; the gateway's host gives no sign: no answer, no route, no address for its name
    ANSWERED   the host answered: it refuses connections, closes them, or takes them and says nothing
    REFUSED    the gateway said no, or nonsense: wrong key, wrong certificate, no MQTT

A server that is away never costs more than a radio switched off and on; a network that is away not even that often.
Only a radio that fails to join the network it was in before leads to a reset, and each one comes twice as late.
"""

ABSENT = "absent"
UNJOINED = "unjoined"
UNREACHED = "unreached"
ANSWERED = "answered"
REFUSED = "refused"

RETRY = "retry"
REJOIN = "rejoin"
RESET = "reset"

# After so many failures of one kind in a row the radio is switched off and on; None: never.
_REJOIN_AFTER = {ABSENT: 20, UNJOINED: 2, UNREACHED: 4, ANSWERED: None, REFUSED: None}
# A radio that is off for a second cannot notice a gateway that is back: each time in a row comes twice as late.
_FIRST_REJOIN_MS = 20_000
_LONGEST_REJOIN_MS = 1_800_000
_RESET_AFTER_REJOINS = 10
_FIRST_RESET_MS = 1_800_000
_LONGEST_RESET_MS = 86_400_000

_FIRST_PAUSE_MS = 500
# A host that is away costs nobody anything, so that it is asked often. One that refuses has work with each attempt.
_LONGEST_PAUSE_MS = {ABSENT: 500, UNJOINED: 500, UNREACHED: 2000, ANSWERED: 2000, REFUSED: 30_000}


class Escalation:
    """resets: how many resets for the radio's sake came right before this boot (0: the power came on)."""

    def __init__(self, resets: int) -> None:
        self.resets = resets
        self._joined_before = resets > 0
        self._kind = ""
        self._in_a_row = 0
        self._rejoins = 0
        self._rejoined_ms: int | None = None
        self._unjoined_since: int | None = None
        self._unjoined_rejoins = 0

    def joined(self) -> None:
        """The radio is in the network and has an address."""
        self.resets = 0
        self._joined_before = True
        self._unjoined_since = None
        self._unjoined_rejoins = 0

    def settled(self) -> None:
        """A session has stood for a while: whatever failed before is over."""
        self._kind = ""
        self._rejoins = 0
        self._rejoined_ms = None

    def after(self, kind: str, now_ms: int) -> str:
        """RETRY, REJOIN or RESET. After RESET the caller ends this boot."""
        self._in_a_row = self._in_a_row + 1 if kind == self._kind else 1
        self._kind = kind
        if kind == UNJOINED and self._unjoined_since is None:
            self._unjoined_since = now_ms
        if kind == ABSENT:
            self._unjoined_since = None
            self._unjoined_rejoins = 0
        if self._reset_is_due(now_ms):
            self.resets += 1
            return RESET
        return REJOIN if self._rejoin_is_due(kind, now_ms) else RETRY

    def pause_ms(self) -> int:
        """How long to wait at most before the next attempt; the caller shortens it by chance."""
        longest = _LONGEST_PAUSE_MS.get(self._kind, _FIRST_PAUSE_MS)
        return min(longest, _FIRST_PAUSE_MS << min(self._in_a_row - 1, 10))

    def _rejoin_is_due(self, kind: str, now_ms: int) -> bool:
        most = _REJOIN_AFTER[kind]
        if most is None or self._in_a_row % most:
            return False
        wait_ms = min(_LONGEST_REJOIN_MS, _FIRST_REJOIN_MS << min(self._rejoins, 10))
        if kind != UNJOINED and self._rejoined_ms is not None and now_ms - self._rejoined_ms < wait_ms:
            return False
        self._rejoins += 1
        self._rejoined_ms = now_ms
        if kind == UNJOINED:
            self._unjoined_rejoins += 1
        return True

    def _reset_is_due(self, now_ms: int) -> bool:
        if self._unjoined_since is None or not self._joined_before:
            return False
        wait_ms = min(_LONGEST_RESET_MS, _FIRST_RESET_MS << min(self.resets, 10))
        return self._unjoined_rejoins >= _RESET_AFTER_REJOINS and now_ms - self._unjoined_since >= wait_ms
