"""Batches by way of a broker of the cloud. A broker's PUBACK means that a batch is in its memory; delivered it is when
the cloud itself answers.

The session is a persistent one: an answer that comes while the gateway is away waits for it.
"""

import secrets
import ssl
import threading
from collections import OrderedDict
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from aircue_gateway.config import UplinkConfig
from aircue_gateway.spool.spool import Sealed
from aircue_gateway.uplink import messages
from aircue_gateway.uplink.http import Answer, TryAgain, fields_of, tls_context

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_CONNECT_S = 10.0
_ANSWER_S = 30.0
_ANSWERS_KEPT = 16
_KEEP_ALIVE_S = 60


class Broker:
    """Calls block, one after the other; paho's own thread keeps the connection. ConfigError where the uplink's own CA
    cannot be read."""

    def __init__(self, gateway: str, config: UplinkConfig, answer_s: float = _ANSWER_S) -> None:
        address = urlsplit(config.broker)
        self._gateway = gateway
        self._secret = messages.secret(config.key)
        self._where = f"{address.hostname}:{address.port or _PORTS[address.scheme]}"
        self._answer_s = answer_s
        self._changed = threading.Condition()
        self._listening = False
        self._trouble = "no connection"
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._sent: tuple[str, paho.MQTTMessageInfo] | None = None
        self._started = False
        tls = tls_context(config.ca) if address.scheme == "mqtts" else None
        self._client = self._built(config.key, tls)
        self._address = address.hostname or "", address.port or _PORTS[address.scheme]

    def _built(self, key: str, tls: ssl.SSLContext | None) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, f"aircue-up-{self._gateway}", clean_session=False)
        client.username_pw_set(self._gateway, key)
        client.reconnect_delay_set(1, 30)
        if tls is not None:
            client.tls_set_context(tls)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        return client

    def send(self, sealed: Sealed) -> Answer:
        return self._ask(messages.BATCH, sealed.body)

    def get_rules(self) -> Answer:
        answer = self._ask(messages.RULES, secrets.token_bytes(16))
        document = fields_of(answer.body).get("document")
        return answer if document is None else Answer(answer.status, str(document).encode())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _ask(self, leaf: str, content: bytes) -> Answer:
        self._start()
        name = messages.name_of(content)
        with self._changed:
            if not self._changed.wait_for(lambda: self._listening or name in self._answers, _CONNECT_S):
                raise TryAgain(
                    f"broker {self._where}: {self._trouble}", "is the broker up, and broker under [uplink] right?"
                )
            if name not in self._answers:
                self._publish(leaf, content, name)
            if not self._changed.wait_for(lambda: name in self._answers, self._answer_s):
                remedy = "is aircue-cloud consume running, and key under [uplink] right? It is sent again"
                raise TryAgain(f"broker {self._where}: no answer of the cloud in {self._answer_s:g} s", remedy)
            return self._answers.pop(name)

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._client.connect_async(*self._address, keepalive=_KEEP_ALIVE_S)
            self._client.loop_start()

    def _publish(self, leaf: str, content: bytes, name: str) -> None:
        """Once more only where the broker took the one before: what it did not, paho still sends by itself."""
        if self._sent is not None and self._sent[0] == name and _on_its_way(self._sent[1]):
            return
        topic = messages.topic(self._gateway, leaf)
        self._sent = name, self._client.publish(topic, messages.sealed(self._secret, topic, content), 1)

    # paho's thread calls these.

    def _connected(
        self, client: paho.Client, _: object, flags: paho.ConnectFlags, reason: ReasonCode, __: Properties | None
    ) -> None:
        if reason.is_failure:
            self._note(False, str(reason))
        else:
            client.subscribe(messages.topic(self._gateway, messages.ACK), 1)

    def _subscribed(
        self, client: paho.Client, _: object, mid: int, reasons: list[ReasonCode], __: Properties | None
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        self._note(not refused, f"subscription refused: {', '.join(refused)}")

    def _disconnected(
        self, client: paho.Client, _: object, flags: paho.DisconnectFlags, reason: ReasonCode, __: Properties | None
    ) -> None:
        self._note(False, str(reason))

    def _note(self, listening: bool, trouble: str) -> None:
        with self._changed:
            self._listening, self._trouble = listening, trouble
            self._changed.notify_all()

    def _received(self, client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        content = messages.opened(self._secret, message.topic, bytes(message.payload))
        fields = {} if content is None else fields_of(content)
        name, status = fields.get("of"), fields.get("status")
        if content is None or not isinstance(name, str) or type(status) is not int:
            return  # not the cloud's
        with self._changed:
            self._answers[name] = Answer(status, content)
            while len(self._answers) > _ANSWERS_KEPT:
                self._answers.popitem(last=False)
            self._changed.notify_all()


def _on_its_way(sent: paho.MQTTMessageInfo) -> bool:
    """Whether paho surely still has it to send. Of what was published while the line was down paho says only that this
    failed: it goes once more, and the cloud knows a batch by its id."""
    try:
        return not sent.is_published()
    except (RuntimeError, ValueError):
        return False
