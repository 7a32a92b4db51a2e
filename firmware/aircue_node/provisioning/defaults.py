"""provisioning.json: what whoever flashes many boards may put on each beside the firmware. It may be missing.

    {"ap_key": "the key on the label", "settings": {"gateway": "192.168.1.10", "site": "home-1"}}

What is wrong in it is said on the console and left out: a board must stay within reach.
"""

import json

from aircue_node import settings

MYPY = False
if MYPY:
    from typing import Any

PATH = "provisioning.json"
_HTTP_PORT, _DNS_PORT = 80, 53


class Defaults:
    """ap_key: of the access point, "" leaves it open; settings: those that the page begins with; http_port, dns_port:
    where the page and the names are served."""

    def __init__(self, given: "dict[str, Any]") -> None:
        self.ap_key = _text(given, "ap_key")
        self.http_port = _port(given, "http_port", _HTTP_PORT)
        self.dns_port = _port(given, "dns_port", _DNS_PORT)
        chosen = given.get("settings", {})
        self.settings = settings.sound(chosen) if isinstance(chosen, dict) else {}


def load(path: str = PATH) -> Defaults:
    try:
        with open(path) as file:
            given = json.loads(file.read())
    except OSError:
        return Defaults({})
    except ValueError:
        given = None
    if not isinstance(given, dict):
        print("setup:", path, "is no JSON object and is not used")
        return Defaults({})
    return Defaults(given)


def _text(given: "dict[str, Any]", name: str) -> str:
    """WPA2 wants 8 to 63 characters."""
    value = given.get(name, "")
    if isinstance(value, str) and (not value or 8 <= len(value) <= 63):
        return value
    print("setup:", name, "is not used: 8 to 63 characters are expected")
    return ""


def _port(given: "dict[str, Any]", name: str, default: int) -> int:
    value = given.get(name, default)
    if type(value) is int and 0 < value < 65536:
        return value
    print("setup:", name, "is not used: 1 to 65535 is expected")
    return default
