"""The state of setting up one node: what is known, what was found, what was typed, and how far it is. Without I/O."""

from aircue_node.provisioning import form

MYPY = False
if MYPY:
    from typing import Any

    from aircue_node.ports import Network, Seen
    from aircue_node.provisioning.presets import Preset

EDITING, JOINING, SAVED = "editing", "joining", "saved"

_LONGEST_SSID = 32


class Setup:
    """name: the access point's; base: settings that are known already; reason: why the old ones are not used, or "".

    networks: strongest first; found: I2C address by driver; errors: by field; problem: what is wrong with no field of
    the form; pending: the settings that are being tried, or were saved.
    """

    def __init__(self, name: str, preset: "Preset", base: "dict[str, Any]", reason: str, new_key: str) -> None:
        self.name = name
        self.preset = preset
        self.base = base
        self.reason = reason
        self._new_key = new_key
        self.networks: list[Network] = []
        self.found: dict[str, int] = {}
        self.errors: dict[str, str] = {}
        self.problem = ""
        self.phase = EDITING
        self.pending: dict[str, Any] = {}
        self.untried = False
        self.fields: dict[str, str] = {}
        self.typed = False

    @property
    def ssid(self) -> str:
        return str(self.pending.get("ssid", ""))

    def scanned(self, scanned: "list[Seen]") -> "list[Network]":
        self.networks = networks_of(scanned)
        return self.networks

    def suggest_name(self, name: str) -> None:
        """For the node, where nobody has typed one yet."""
        self.base["node"] = name
        if not self.typed:
            self.fields["node"] = name

    def saw(self, scanned: "list[Seen]", found: dict[str, int]) -> None:
        """What the radio and the buses found. Fields that somebody has filled in stay as they are; a sensor that
        answers for the first time is ticked."""
        self.networks = networks_of(scanned)
        for driver in found:
            if driver not in self.found:
                self.fields["use_" + driver] = "on"
        self.found = found
        if not self.typed:
            self.fields = form.first_fields(self.base, self.preset, found)
            if not self.base.get("key"):
                self.fields["key"] = self._new_key

    def joined(self, ssid: str, key: str) -> None:
        """The node is in this network: the form need not ask for it again."""
        self.base["ssid"], self.base["wifi_key"] = ssid, key
        self.fields["ssid"] = ssid
        self.fields.pop("network", None)

    def submit(self, fields: dict[str, str]) -> bool:
        """Takes a filled-in form. True where its settings may be tried: they are in pending."""
        self.keep(fields)
        reader = form.Reader(fields, self.base, self.preset, self.found)
        given = reader.settings()
        self.errors = reader.errors
        self.problem = reader.errors.get("", "")
        if self.errors:
            return False
        self.pending = given
        self.phase = JOINING
        self.untried = bool(fields.get("untried"))
        return True

    def keep(self, fields: dict[str, str]) -> None:
        """What was typed is shown again, secrets left out; the password of the Wi-Fi is remembered with its network."""
        ssid = fields.get("ssid", "") or fields.get("network", "")
        if fields.get("wifi_key") and ssid:
            self.base["ssid"], self.base["wifi_key"] = ssid, fields["wifi_key"]
        self.fields = {name: fields[name] for name in fields if name not in ("wifi_key", "act")}
        self.typed = True
        self.errors = {}
        self.problem = ""

    def failed(self, problem: str) -> None:
        """The settings could not be tried or saved: the form again, as it was filled in."""
        self.phase = EDITING
        self.problem = problem

    def succeeded(self) -> None:
        self.phase = SAVED


def networks_of(scanned: "list[Seen]") -> "list[Network]":
    """Networks that can be shown and typed, each once, strongest first. A name is whatever a neighbour chose."""
    best: dict[str, Network] = {}
    for row in scanned:
        name, rssi = _name_of(row[0]), row[3]
        if name and (name not in best or rssi > best[name][1]):
            best[name] = (name, rssi, row[4] != 0)
    return sorted(best.values(), key=_weakness)


def _weakness(network: "Network") -> int:
    return -network[1]


def _name_of(ssid: bytes) -> str:
    """ "" where it is hidden, no UTF-8, or has control characters."""
    try:
        name = bytes(ssid).decode()
    except UnicodeError:
        return ""
    return name if len(ssid) <= _LONGEST_SSID and all([character >= " " for character in name]) else ""
