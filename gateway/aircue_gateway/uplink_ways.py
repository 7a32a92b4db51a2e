"""The ways to the cloud, by the name they have in the configuration."""

from collections.abc import Callable

from aircue_gateway.cloud import Cloud
from aircue_gateway.config import Config
from aircue_gateway.uplink import Api
from aircue_gateway.uplink_store import Uploads


def way_to_cloud(config: Config) -> Api:
    """ConfigError where something that it needs is missing."""
    return _WAYS[config.uplink.via](config)


def _http(config: Config) -> Api:
    return Cloud(config.uplink)


def _object_store(config: Config) -> Api:
    return Uploads(Cloud(config.uplink), config.uplink.ca)


def _mqtt(config: Config) -> Api:
    from aircue_gateway.uplink_mqtt import Broker  # only this way needs paho-mqtt

    return Broker(config.name, config.uplink)


_WAYS: dict[str, Callable[[Config], Api]] = {"http": _http, "object-store": _object_store, "mqtt": _mqtt}
