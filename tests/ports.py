"""TCP ports of 127.0.0.1 for servers of tests, which run in several processes at once."""

import itertools
import os
import random
import socket

# Under the range from which systems draw ports for outgoing connections, and a slice for each process: between the
# look and the server's own bind nobody else takes it.
_FIRST, _SLICE, _SLICES = 20000, 1200, 10
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SLICES
_places = itertools.count(random.Random().randrange(_SLICE))


def free_port() -> int:
    """One nobody listens on; another one with every call."""
    for place in itertools.islice(_places, _SLICE):
        port = _FIRST + _worker * _SLICE + place % _SLICE
        if _can_be_bound(port):
            return port
    raise OSError(f"every port of 127.0.0.1 from {_FIRST + _worker * _SLICE} on is taken; stop what listens there")


def _can_be_bound(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
