"""The Wi-Fi station of a node, as its firmware sees it: a state machine over real seconds."""

from dataclasses import dataclass

IDLE, CONNECTING, GOT_IP = 1000, 1001, 1010
NO_AP_FOUND, WRONG_PASSWORD, BEACON_TIMEOUT = 201, 202, 200


@dataclass(frozen=True, kw_only=True)
class Wifi:
    """The access point of the bench, and how slow a station is: to join, to miss it, to give up looking.

    neighbours: names of further networks that a scan finds, and nobody can join.
    """

    ssid: str = "aircue-bench"
    key: str = "bench-wifi-key"
    join_s: float = 0.3
    notice_s: float = 3.0
    scan_s: float = 2.0
    rssi_dbm: int = -58
    neighbours: tuple[str, ...] = ()


class Station:
    """`poll` brings the state up to `now` (monotonic seconds). A lost station stays lost until it is told to connect,
    as on a Pico W."""

    def __init__(self, wifi: Wifi) -> None:
        self._wifi = wifi
        self._asked: tuple[str, str] = ("", "")
        self._since = 0.0
        self._in_air = True
        self._silent_since: float | None = None
        self.active = False
        self.status = IDLE

    @property
    def rssi_dbm(self) -> int:
        return self._wifi.rssi_dbm if self.status == GOT_IP else 0

    @property
    def joined(self) -> bool:
        """Whether the station believes so; see `flowing`."""
        return self.status == GOT_IP

    @property
    def flowing(self) -> bool:
        """Whether packets pass: joined, and the access point is in the air."""
        return self.joined and self._in_air

    @property
    def visible(self) -> str:
        """The networks that a scan finds, NUL between them, the bench's own first."""
        if not self.active:
            return ""
        return "\0".join(((self._wifi.ssid,) if self._in_air else ()) + self._wifi.neighbours)

    def power_on(self) -> None:
        self.active = False
        self.status = IDLE
        self._silent_since = None

    def activate(self, on: bool) -> None:
        self.active = on
        if not on:
            self.status = IDLE

    def connect(self, ssid: str, key: str, now: float) -> None:
        if not self.active:
            return
        self._asked, self._since, self.status = (ssid, key), now, CONNECTING

    def disconnect(self) -> None:
        self.status = IDLE

    def outage(self, begins: bool, now: float) -> None:
        """The access point leaves or comes back; a station that has not noticed yet goes on as before."""
        self.poll(now)
        self._in_air = not begins
        self._silent_since = now if begins else None

    def poll(self, now: float) -> int:
        if self.status == CONNECTING:
            self._join(now)
        elif self.status == GOT_IP and self._missed(now):
            self.status = BEACON_TIMEOUT
        return self.status

    def _missed(self, now: float) -> bool:
        """Whether the access point has been silent for long enough."""
        return self._silent_since is not None and now - self._silent_since >= self._wifi.notice_s

    def _join(self, now: float) -> None:
        found = self._in_air and self._asked[0] == self._wifi.ssid
        if now - self._since < (self._wifi.join_s if found else self._wifi.scan_s):
            return
        if not found:
            self.status = NO_AP_FOUND
        else:
            self.status = GOT_IP if self._asked[1] == self._wifi.key else WRONG_PASSWORD
