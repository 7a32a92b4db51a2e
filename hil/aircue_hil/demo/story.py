"""What the demo prints: progress while it sets up, then what happens in the homes, each line with both times."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

# What a row's own text does not say already.
_LABELS = {"episode": "Episode: "}


class Story:
    """world_us gives the simulated world's time once there is one."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.world_us: Callable[[], int] | None = None

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        sys.stdout.write(f"{self.elapsed_s:6.1f} s {self._world()} {text}\n")
        sys.stdout.flush()

    def tell(self, kind: str, text: str) -> None:
        """A row of the cloud's feed."""
        self.say(_LABELS.get(kind, "") + text)

    def _world(self) -> str:
        """The time in the homes (UTC), or nothing before their day begins."""
        if self.world_us is None:
            return "        |"
        return datetime.fromtimestamp(self.world_us() / 1e6, UTC).strftime("| %H:%M |")
