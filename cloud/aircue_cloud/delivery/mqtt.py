"""MQTT to the home: a display, or Home Assistant, which listens to the topic. QoS 1: at least once, with the stable id.

An address is a site of the person's household; the topic is `aircue/SITE/notify`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from aircue_cloud.delivery.channel import AT_LEAST_ONCE, Address, Failed, Handed, Refused, Result, Unknown
from aircue_cloud.delivery.notice import Notice, encode, fields
from aircue_cloud.errors import SettingsError

_LEAF = "notify"


@dataclass(frozen=True, kw_only=True)
class MqttSettings:
    """[delivery.mqtt]. prefix: of the topics. tls: with the system's certificates, or those in ca."""

    host: str
    port: int = 1883
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca: str = ""
    prefix: str = "aircue"
    client_id: str = ""
    timeout_s: float = 10.0


class MqttChannel:
    """One connection, made when the first notice comes, and kept through every loss of the broker."""

    name = "mqtt"
    guarantee = AT_LEAST_ONCE

    def __init__(self, settings: MqttSettings, where: str = "") -> None:
        self._settings, self._where = settings, where
        self._lock = Lock()
        self._client: paho.Client | None = None

    def amiss(self, address: Address) -> str | None:
        """No wildcard and no further level gets into a topic."""
        site = address.get("site")
        fit = set(address) == {"site"} and isinstance(site, str) and 0 < len(site) <= 128
        return None if fit and not set(str(site)) & set("/+#$\0") else "expected site, the name of a home"

    def hand_over(self, notice: Notice, address: Address, now: datetime) -> Result:
        if self.amiss(address) is not None:
            return Refused(detail="the address is no site")
        topic = f"{self._settings.prefix}/{address['site']}/{_LEAF}"
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = max(1, notice.seconds_left(now))
        try:
            sent = self._connected().publish(topic, encode(fields(notice)), qos=1, properties=properties)
        except OSError as error:
            return Failed(detail=type(error).__name__)
        return self._awaited(sent)

    def _awaited(self, sent: paho.MQTTMessageInfo) -> Result:
        try:
            sent.wait_for_publish(self._settings.timeout_s)
        except (RuntimeError, ValueError):  # not connected: paho keeps it, and may send it later
            return Unknown(detail="the broker is not there")
        return Handed() if sent.is_published() else Unknown(detail="the broker does not acknowledge")

    def _connected(self) -> paho.Client:
        with self._lock:
            if self._client is None:
                client = self._built()
                client.connect(self._settings.host, self._settings.port, keepalive=60)
                client.loop_start()
                self._client = client
            return self._client

    def _built(self) -> paho.Client:
        one = self._settings
        client = paho.Client(CallbackAPIVersion.VERSION2, one.client_id, protocol=paho.MQTTv5)
        if one.user:
            client.username_pw_set(one.user, one.password)
        if one.tls:
            try:
                client.tls_set(one.ca or None)
            except OSError as error:
                raise SettingsError(f"{self._where}: key 'ca' is {one.ca!r}: {error}") from error
        client.reconnect_delay_set(1, 30)
        return client

    def close(self) -> None:
        with self._lock:
            client: Any = self._client
            if client is not None:
                client.disconnect()
                client.loop_stop()
                self._client = None
