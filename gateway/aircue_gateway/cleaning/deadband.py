"""Deadband: a value that tells nothing new is not sent, yet never for longer than a heartbeat."""

from aircue_gateway.batch import Status


class Deadband:
    """Suppresses values closer than width to the last one kept, for at most heartbeat_s of event time.

    >>> deadband = Deadband(width=0.5, heartbeat_s=60)
    >>> [deadband.update(at, value).name for at, value in [(0, 20.0), (30, 20.4), (60, 20.4), (90, 20.9)]]
    ['OK', 'SUPPRESSED', 'OK', 'OK']
    """

    def __init__(self, *, width: float, heartbeat_s: float) -> None:
        self._width = width
        self._heartbeat_s = heartbeat_s
        self._kept_at: float | None = None
        self._kept = 0.0

    def update(self, at: float, value: float) -> Status:
        if self._kept_at is not None and self._is_old_news(at - self._kept_at, value):
            return Status.SUPPRESSED
        self.keep(at, value)
        return Status.OK

    def _is_old_news(self, passed: float, value: float) -> bool:
        return 0 <= passed < self._heartbeat_s and abs(value - self._kept) < self._width

    def keep(self, at: float, value: float) -> None:
        """This value goes out whatever it is."""
        self._kept_at = at
        self._kept = value
