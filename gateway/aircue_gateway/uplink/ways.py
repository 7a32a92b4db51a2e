"""The ways to the cloud, by the name they have in the configuration."""

from collections.abc import Callable

from aircue_gateway.config import Config, ConfigError
from aircue_gateway.uplink.http import Cloud
from aircue_gateway.uplink.uplink import Api


def way_to_cloud(config: Config) -> Api:
    """ConfigError where something that it needs is missing."""
    return _WAYS[config.uplink.via](config)


def _http(config: Config) -> Api:
    return Cloud(config.uplink)


def _object_store(config: Config) -> Api:
    from aircue_gateway.uplink.object_store import Uploads

    return Uploads(Cloud(config.uplink), config.uplink.ca)


def _mqtt(config: Config) -> Api:
    try:
        from aircue_gateway.uplink.mqtt import Broker  # only this way needs paho-mqtt
    except ModuleNotFoundError as error:
        raise ConfigError(f"{config.file}: uplink.via = 'mqtt' needs {error.name}: pip install paho-mqtt") from error
    return Broker(config.name, config.uplink)


_WAYS: dict[str, Callable[[Config], Api]] = {"http": _http, "object-store": _object_store, "mqtt": _mqtt}
