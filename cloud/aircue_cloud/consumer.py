"""Batches from a broker, through the same intake as those over HTTP; every answer goes back by the broker as well.

Any number of consumers may share the work. A message is acked to the broker once it is answered; one that was not is
sent by its gateway again, which keeps a batch until it is told that it is stored.
"""

import json
import logging
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from sqlalchemy import Engine

from aircue_cloud import counters, db
from aircue_cloud.errors import Refused, SettingsError
from aircue_cloud.identity import gateway_keys
from aircue_cloud.ingest.intake import Intake
from aircue_cloud.needs.needs import Needs
from aircue_gateway.uplink import messages

log = logging.getLogger(__name__)
_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, kw_only=True)
class Source:
    """broker: mqtt://HOST:PORT or mqtts://HOST:PORT. share: the group whose members take turns, "" for a broker without
    shared subscriptions, with one consumer. name: of this consumer; another one at the broker must have another."""

    broker: str
    user: str = ""
    password: str = ""
    ca: Path | None = None
    share: str = "aircue-cloud"
    name: str = "consumer-1"


class Answerer:
    """What a message means and what is answered. No broker in here."""

    def __init__(self, intake: Intake, most_bytes: int) -> None:
        self._intake = intake
        self._most_bytes = most_bytes
        self._leaves: dict[str, Callable[[str, bytes], tuple[int, dict[str, Any]]]] = {
            messages.BATCH: self._batch,
            messages.RULES: self._rules,
        }

    def answer(self, topic: str, message: bytes) -> tuple[str, bytes] | None:
        """Topic and payload of the answer; None for a message that no gateway of ours wrote."""
        found = messages.gateway_of(topic)
        if found is None or found[1] not in self._leaves:
            return None
        gateway, leaf = found
        opened = self._opened(gateway, topic, message)
        if opened is None:
            self._count("unknown_keys")
            log.warning("a message on %s is not under the key of gateway %s", topic, gateway)
            return None
        secret, content = opened
        where = messages.topic(gateway, messages.ACK)
        return where, messages.sealed(secret, where, messages.encode_ack(content, *self._taken(leaf, gateway, content)))

    def knows(self, topic: str, message: bytes) -> bool:
        """Whether it is under a key of this store's."""
        found = messages.gateway_of(topic)
        return found is not None and self._opened(found[0], topic, message) is not None

    def _taken(self, leaf: str, gateway: str, content: bytes) -> tuple[int, dict[str, Any]]:
        try:
            return self._leaves[leaf](gateway, content)
        except Exception:
            log.exception("a message of gateway %s could not be taken in", gateway)
            return 500, {"title": "Internal Server Error", "detail": "the consumer failed; its log says why"}

    def _batch(self, gateway: str, content: bytes) -> tuple[int, dict[str, Any]]:
        if len(content) > self._most_bytes:
            self._count("oversized_batches")
            detail = f"batch is over {self._most_bytes} bytes: seal smaller ones, or raise max_batch_bytes"
            return 413, {"title": "Content Too Large", "detail": detail}
        try:
            receipt = self._intake.take(gateway, content)
        except Refused as refused:
            return 422, {"title": "Unprocessable Content", "detail": f"{refused}; it is kept aside and not stored"}
        return 200, {**vars(receipt), "rules": self._needs.document["version"]}

    def _rules(self, gateway: str, content: bytes) -> tuple[int, dict[str, Any]]:
        return 200, {"document": json.dumps(self._needs.document)}

    @property
    def _needs(self) -> Needs:
        return self._intake.needs

    @property
    def _engine(self) -> Engine:
        return self._intake.engine

    def _opened(self, gateway: str, topic: str, message: bytes) -> tuple[str, bytes] | None:
        """The content, and which of the gateway's keys it is under: while a key is rotated there are two."""
        with db.reading(self._engine) as connection:
            secrets = gateway_keys.secrets_of(connection, gateway, self._intake.clock())
        for secret in secrets:
            content = messages.opened(secret, topic, message)
            if content is not None:
                return secret, content
        return None

    def _count(self, name: str) -> None:
        with db.writing(self._engine) as connection:
            counters.add(connection, {name: 1})


class Answering(Protocol):
    def answer(self, topic: str, message: bytes) -> tuple[str, bytes] | None:
        """Topic and payload of the answer; None for a message that no gateway of ours wrote."""


class EveryStore:
    """A message belongs to the store under one of whose keys it is: topics carry the gateway's name alone, and gateways
    of several stores may share one."""

    def __init__(self, names: Callable[[], Sequence[str]], open_store: Callable[[str], Answerer]) -> None:
        """names: of the stores, the first of which counts what is nobody's; asked again when a message is none of the
        known ones', so that a store that was added since is served."""
        self._names = names
        self._open_store = open_store
        self._open: dict[str, Answerer] = {}

    def answer(self, topic: str, message: bytes) -> tuple[str, bytes] | None:
        if messages.gateway_of(topic) is None:
            return None
        found = self._of(self._open.values(), topic, message) or self._of(self._opened(), topic, message)
        return (found or next(iter(self._open.values()))).answer(topic, message)

    def _opened(self) -> list[Answerer]:
        """Those that were added since."""
        new = [name for name in self._names() if name not in self._open]
        self._open.update((name, self._open_store(name)) for name in new)
        return [self._open[name] for name in new]

    @staticmethod
    def _of(some: Iterable[Answerer], topic: str, message: bytes) -> Answerer | None:
        return next((one for one in some if one.knows(topic, message)), None)


class Consumer:
    def __init__(self, source: Source, answerer: Answering, announce: Callable[[str], object]) -> None:
        """SettingsError where the broker's address or the CA cannot be used."""
        self._source = source
        self._answerer = answerer
        self._announce = announce
        address = urlsplit(source.broker)
        if address.scheme not in _PORTS or not address.hostname:
            raise SettingsError(f"broker {source.broker!r}: expected mqtt://HOST:PORT or mqtts://HOST:PORT")
        self._address = address.hostname, address.port or _PORTS[address.scheme]
        self._client = self._built(address.scheme == "mqtts")

    def _built(self, secure: bool) -> paho.Client:
        name = f"aircue-cloud-{self._source.name}"
        client = paho.Client(CallbackAPIVersion.VERSION2, name, clean_session=False, manual_ack=True)
        if self._source.user:
            client.username_pw_set(self._source.user, self._source.password)
        if secure:
            client.tls_set_context(_tls(self._source.ca))
        client.reconnect_delay_set(1, 30)
        client.on_connect, client.on_subscribe, client.on_message = self._connected, self._subscribed, self._received
        return client

    def run(self) -> None:
        """For ever, through every loss of the broker."""
        self._client.connect_async(*self._address, keepalive=60)
        self._client.loop_forever(retry_first_connection=True)

    def _connected(
        self, client: paho.Client, _: object, flags: paho.ConnectFlags, reason: ReasonCode, __: Properties | None
    ) -> None:
        if reason.is_failure:
            log.error("broker %s: %s; check user and password", self._source.broker, reason)
            return
        shared = f"$share/{self._source.share}/" if self._source.share else ""
        client.subscribe([(shared + messages.topic("+", leaf), 1) for leaf in (messages.BATCH, messages.RULES)])

    def _subscribed(
        self, client: paho.Client, _: object, mid: int, reasons: list[ReasonCode], __: Properties | None
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            log.error("broker %s refuses the subscription: %s", self._source.broker, ", ".join(refused))
        else:
            self._announce(f"aircue-cloud: takes batches from {self._source.broker}")

    def _received(self, client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        try:
            answer = self._answerer.answer(message.topic, bytes(message.payload))
        except Exception:
            log.exception("a message on %s could not be answered; its gateway sends it again", message.topic)
            answer = None
        if answer is not None:
            client.publish(*answer, 1)
        client.ack(message.mid, message.qos)


def _tls(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise SettingsError(f"ca {ca}: expected a file of certificates in PEM: {error}") from error
