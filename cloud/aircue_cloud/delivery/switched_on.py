"""Which channels are switched on: those with a table of their own in the configuration's [delivery]. What a channel
needs is loaded when it is switched on, and not before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from aircue_cloud.config import Config, Place
from aircue_cloud.delivery.channel import Channel
from aircue_cloud.errors import SettingsError
from aircue_cloud.settings import build


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """[delivery], without its channels. in_server: whether the server delivers, or `aircue-cloud deliver` alone.
    at_once: notices that are under way at a time. lease_s: after which a silent worker is held to be gone. waiting: how
    many clients may wait for their inbox to change; None for a quarter of the server's threads."""

    in_server: bool = True
    at_once: int = 16
    lease_s: float = 30.0
    waiting: int | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """[delivery.webhook]."""

    timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class WebPushSettings:
    """[delivery.web-push]. contact: mailto:NAME@DOMAIN, or a page, of who answers for what is sent."""

    contact: str
    timeout_s: float = 10.0


class _Open(Protocol):
    def __call__(self, table: dict[str, Any], where: str, folder: Path, /) -> Channel: ...


def _webhook(table: dict[str, Any], where: str, _: Path) -> Channel:
    settings = build(WebhookSettings, table, where)
    return cast(Channel, _late("webhook").WebhookChannel(gate=_gate(settings.timeout_s)))


def _web_push(table: dict[str, Any], where: str, folder: Path) -> Channel:
    settings, module = build(WebPushSettings, table, where), _late("web_push")
    if not settings.contact.startswith(("mailto:", "https://")):
        raise SettingsError(f"{where}: key 'contact' is {settings.contact!r}, expected mailto:... or https://...")
    channel = module.WebPushChannel
    key = module.vapid_key(folder)
    return cast(Channel, channel(gate=_gate(settings.timeout_s), key=key, contact=settings.contact))


def _email(table: dict[str, Any], where: str, _: Path) -> Channel:
    module = _late("email")
    settings = build(module.EmailSettings, table, where)
    module.check(settings, where)
    return cast(Channel, module.EmailChannel(settings=settings))


def _apprise(table: dict[str, Any], where: str, _: Path) -> Channel:
    return cast(Channel, _late("apprise").AppriseChannel(table, where))


def _mqtt(table: dict[str, Any], where: str, _: Path) -> Channel:
    module = _late("mqtt")
    return cast(Channel, module.MqttChannel(build(module.MqttSettings, table, where), where))


def _sns(table: dict[str, Any], where: str, _: Path) -> Channel:
    try:
        module = _late("sns")
    except ModuleNotFoundError as error:
        raise SettingsError(f"{where}: {error.name} is not installed: pip install aircue[s3]") from error
    return cast(Channel, module.SnsChannel(build(module.SnsSettings, table, where)))


def _late(name: str) -> Any:
    return import_module(f"aircue_cloud.delivery.{name}")


def _gate(timeout_s: float) -> Any:
    return _late("endpoints").Gate(timeout_s=timeout_s)


OPENERS: Mapping[str, _Open] = {
    "web-push": _web_push,
    "webhook": _webhook,
    "email": _email,
    "apprise": _apprise,
    "mqtt": _mqtt,
    "sns": _sns,
}
_OWN = tuple(field.name for field in fields(DeliverySettings))
Channels = dict[str, Channel]
OpenChannels = Callable[[Config, Place], Channels]


def settings(config: Config) -> DeliverySettings:
    """SettingsError names the key that is not known, or holds something it may not."""
    own = {name: value for name, value in config.delivery.items() if name not in OPENERS}
    found = build(DeliverySettings, own, "[delivery]")
    if not 1 <= found.at_once <= 256 or not 1 <= found.lease_s <= 3600:
        raise SettingsError("[delivery]: at_once is 1 to 256, lease_s 1 to 3600")
    return found


def names(config: Config) -> list[str]:
    return [name for name in OPENERS if name in config.delivery]


def open_channels(config: Config, place: Place) -> Channels:
    """SettingsError where one could not work."""
    return {name: OPENERS[name](config.delivery[name], f"[delivery.{name}]", place.folder) for name in names(config)}
