"""Which ways of paying are switched on: those with a table of their own in the configuration's [payment]. What a
provider needs is loaded when it is switched on, and not before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module

from aircue_cloud.config import Config, Place
from aircue_cloud.errors import SettingsError
from aircue_cloud.payment import on_delivery
from aircue_cloud.payment.provider import Http, Opening, Provider
from aircue_cloud.settings import build

# Each is a file of this package with a function open_provider; in the order in which shoppers see them.
PROVIDERS = ("stripe", "paypal", "alipay", "wechat", "sandbox")


@dataclass(frozen=True, kw_only=True)
class PaymentSettings:
    """[payment], without its providers. on_delivery: whether an order may be paid when it is delivered; None: where
    there is no other way. unpaid_min: for how long the pieces of an order are kept without its payment.
    reconcile_s: between two looks for what providers did not tell; 0: only by aircue-cloud orders reconcile."""

    on_delivery: bool | None = None
    unpaid_min: int = 30
    reconcile_s: float = 5.0

    @property
    def waits(self) -> timedelta:
        return timedelta(minutes=self.unpaid_min)


@dataclass(frozen=True, kw_only=True)
class Payments:
    """Of one store. providers: by name, in the order in which they are offered."""

    settings: PaymentSettings
    providers: Mapping[str, Provider] = field(default_factory=dict)


def settings(config: Config) -> PaymentSettings:
    """SettingsError names the key that is not known, or holds something it may not."""
    own = {name: value for name, value in config.payment.items() if name not in PROVIDERS}
    found = build(PaymentSettings, own, "[payment]")
    if not 1 <= found.unpaid_min <= 60 * 24 * 30 or not 0 <= found.reconcile_s <= 86_400:
        raise SettingsError("[payment]: unpaid_min is 1 to 43200, reconcile_s 0 to 86400")
    return found


def names(config: Config) -> list[str]:
    return [name for name in PROVIDERS if name in config.payment]


def open_payments(config: Config, place: Place, http: Http, clock: Callable[[], datetime]) -> Payments:
    """SettingsError where one could not work."""
    said, found = settings(config), names(config)
    providers = {name: _opened(name, config, place, http, clock) for name in found}
    if said.on_delivery or (said.on_delivery is None and not found):
        by_hand = on_delivery.OnDelivery(clock=clock)
        providers[by_hand.name] = by_hand
    if not providers:
        raise SettingsError("[payment]: on_delivery is false and no provider is switched on: nobody could pay")
    return Payments(settings=said, providers=providers)


def _opened(name: str, config: Config, place: Place, http: Http, clock: Callable[[], datetime]) -> Provider:
    where = f"[payment.{name}]"
    table = config.payment[name]
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: expected a table")
    opening = Opening(
        table=table,
        where=where,
        folder=place.folder,
        base_url=config.base_url,
        notify_url=f"{config.base_url}/api/v1/payments/{name}/callback/{place.store}",
        environment=config.environment,
        http=http,
        clock=clock,
    )
    provider: Provider = import_module(f"aircue_cloud.payment.{name}").open_provider(opening)
    return provider
