"""[broker]: an MQTT broker that is there already."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aircue_gateway.config.checks import NAME_OR_NONE, ConfigError, Kind, checked, is_host, is_text, whole
from aircue_gateway.intakes.recent import MOST
from aircue_gateway.payloads.formats import FORMATS


@dataclass(frozen=True, kw_only=True)
class BrokerConfig:
    """An MQTT broker that the gateway listens at. ca: a file with the certificates of who signed the broker's, None for
    the system's. group: name of a shared subscription, "" for one of its own. in_flight: as many messages as the broker
    sends without an acknowledgement. formats: listened to even without a device, so that status lists what is there.
    topics: by format, instead of the format's own."""

    host: str
    port: int = 1883
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca: Path | None = None
    client_id: str = ""
    group: str = ""
    in_flight: int = 20
    keep_alive_s: int = 60
    formats: tuple[str, ...] = ()
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _is_topics(value: Any) -> bool:
    return isinstance(value, dict) and all(
        name in FORMATS and isinstance(filters, list) and filters and all(map(_is_filter, filters))
        for name, filters in value.items()
    )


def _is_filter(value: Any) -> bool:
    """An MQTT topic filter, 4.7.1."""
    if not is_text(value) or value.startswith("$"):
        return False
    levels = value.split("/")
    wild = all(level in ("+", "#") or not {"+", "#"} & set(level) for level in levels)
    return wild and "#" not in levels[:-1]


_BROKER = {
    "host": Kind(expected="the broker's name or address", accepts=is_host, required=True),
    "port": whole(1, 65535),
    "username": Kind(expected="a text", accepts=is_text),
    "password": Kind(expected="a text", accepts=is_text, secret=True),
    "tls": Kind(expected="true or false", accepts=lambda value: type(value) is bool),
    "ca": Kind(expected="the path of a file with certificates", accepts=is_text),
    "client_id": NAME_OR_NONE,
    "group": NAME_OR_NONE,
    "in_flight": whole(1, MOST),
    "keep_alive_s": whole(5, 3600),
    "formats": Kind(
        expected=f"a list of {', '.join(FORMATS)}",
        accepts=lambda value: isinstance(value, list) and all(isinstance(one, str) and one in FORMATS for one in value),
    ),
    "topics": Kind(
        expected=f"a table of lists of MQTT topic filters, its keys among {', '.join(FORMATS)}", accepts=_is_topics
    ),
}


def read(file: Path, table: dict[str, Any]) -> BrokerConfig:
    fields = checked(file, "broker", table, _BROKER)
    if "ca" in fields:
        fields["ca"] = (file.parent / Path(fields["ca"]).expanduser()).resolve()
        if not fields.get("tls") or not fields["ca"].is_file():
            raise ConfigError(
                f"{file}: broker.ca = {str(fields['ca'])!r}: expected a file that is there, and tls = true"
            )
    fields["formats"] = tuple(fields.get("formats", ()))
    fields["topics"] = {name: tuple(filters) for name, filters in fields.get("topics", {}).items()}
    return BrokerConfig(**fields)
