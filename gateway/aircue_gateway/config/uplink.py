"""[uplink]: the way to the cloud."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aircue_gateway.config.checks import KEY, ConfigError, Kind, checked, is_text, number


@dataclass(frozen=True, kw_only=True)
class UplinkConfig:
    """via: "http", "object-store" or "mqtt". url: of the cloud; broker: of the cloud's broker, for "mqtt". ca: of the
    server's certificate, None for those that the system trusts. backlog_per_s: batches that had to wait, a second."""

    url: str = ""
    key: str = field(repr=False)
    batch_window_s: float = 300.0
    via: str = "http"
    broker: str = ""
    ca: Path | None = None
    backlog_per_s: float = 5.0


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in ("http", "https") and bool(urlsplit(value).netloc)


def _is_broker(value: Any) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in ("mqtt", "mqtts") and bool(urlsplit(value).hostname)


# Ways to the cloud, and the key each needs.
_WAYS = {"http": "url", "object-store": "url", "mqtt": "broker"}


_UPLINK = {
    "url": Kind(expected="the cloud's address, http://... or https://...", accepts=_is_url),
    "key": KEY,
    "batch_window_s": number(0.1, 86_400),
    "via": Kind(expected=f"one of {', '.join(_WAYS)}", accepts=lambda value: value in tuple(_WAYS)),
    "broker": Kind(expected="the cloud's broker, mqtt://HOST:PORT or mqtts://HOST:PORT", accepts=_is_broker),
    "ca": Kind(expected="the path of a file of certificates", accepts=is_text),
    "backlog_per_s": number(0.01, 1000),
}


def read(file: Path, table: dict[str, Any]) -> UplinkConfig:
    """A relative ca starts at the file's own folder."""
    fields = checked(file, "uplink", table, _UPLINK)
    way = fields.get("via", "http")
    if _WAYS[way] not in fields:
        kind = _UPLINK[_WAYS[way]]
        known = f"known keys here: {', '.join(_UPLINK)}"
        raise ConfigError(f"{file}: uplink.{_WAYS[way]} is missing: expected {kind.expected}; {known}")
    if "ca" in fields:
        fields["ca"] = (file.parent / Path(fields["ca"]).expanduser()).resolve()
    return UplinkConfig(**fields)
