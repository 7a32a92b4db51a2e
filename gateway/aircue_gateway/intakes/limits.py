"""What keeps one client from spoiling the listener for the others: how fast, how many, how often wrong. No I/O."""

from collections import Counter

_FREE_FAILURES = 3  # a mistyped key costs its owner nothing
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 4.0  # a node's own patience is longer, so that it gets in once its key is right
_FORGOTTEN_S = 600.0
_MOST_REMEMBERED = 1024  # names and addresses


class Allowance:
    """So many messages a second, and `burst` of them at once now and then (a token bucket). now: seconds.

    >>> allowance = Allowance(per_s=10, burst=5)
    >>> allowance.take(5, now=0.0), allowance.take(5, now=0.0), allowance.take(1, now=2.0)
    (0.0, 0.5, 0.0)
    """

    def __init__(self, *, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = float(burst)
        self._at = 0.0

    def take(self, count: int, now: float) -> float:
        """Counts messages that came; the seconds until the next ones may, 0 where they may at once."""
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s) - count
        self._at = now
        return max(0.0, -self._left / self._per_s)


class Places:
    """How many connections there are, in all and from each address.

    >>> places = Places(most=2, most_per_address=1)
    >>> places.take("a"), places.take("a"), places.take("b"), places.take("c")
    (True, False, True, False)
    >>> places.give_back("a"), places.take("c")
    (None, True)
    """

    def __init__(self, *, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._taken: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        if self._taken.total() >= self._most or self._taken[address] >= self._most_per_address:
            return False
        self._taken[address] += 1
        return True

    def give_back(self, address: str) -> None:
        self._taken[address] -= 1
        if not self._taken[address]:
            del self._taken[address]


class Logins:
    """How long a login has to wait: each failure with this name from this address, past the first few, doubles it.

    The wait comes before the key is looked at and one login waits behind the other, so that many connections at once
    guess no more keys than one. Who comes from another address, or has another name, is not held up. None: there are
    too many to wait behind.

    >>> logins = Logins()
    >>> for _ in range(4): logins.failed("bathroom", "10.0.0.9", now=0.0)
    >>> logins.wait_s("bathroom", "10.0.0.9", now=0.0), logins.wait_s("bathroom", "10.0.0.9", now=0.0)
    (1.0, 2.0)
    >>> logins.wait_s("kitchen", "10.0.0.9", now=0.0), logins.wait_s("bathroom", "10.0.0.7", now=0.0)
    (0.0, 0.0)
    """

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}  # how many, and when the next may be looked at

    def wait_s(self, name: str, address: str, now: float) -> float | None:
        """Takes a turn: the seconds until it."""
        failures, turn = self._failures.get((name, address), (0, 0.0))
        if failures <= _FREE_FAILURES or now - turn > _FORGOTTEN_S:
            return 0.0
        turn = max(now, turn) + _pause_s(failures)
        if turn - now > 2 * _LONGEST_WAIT_S:
            return None
        self._failures[name, address] = failures, turn
        return turn - now

    def failed(self, name: str, address: str, now: float) -> None:
        failures, turn = self._failures.pop((name, address), (0, now))
        if now - turn > _FORGOTTEN_S:
            failures = 0
        self._failures[name, address] = failures + 1, max(turn, now)
        if len(self._failures) > _MOST_REMEMBERED:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, name: str, address: str) -> None:
        self._failures.pop((name, address), None)


def _pause_s(failures: int) -> float:
    return float(min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(failures - _FREE_FAILURES, 10)))
