"""The intake from an MQTT broker that is not ours: paho-mqtt in its own thread, messages handed over to the event loop.

The session lasts (clean_session off), so the broker keeps what is published with QoS 1 while the gateway is away. A
message is acknowledged once its samples are on the disk; one that is not comes again. Receipts hold for the connection
they came on: a packet id means nothing on the next one.
"""

import asyncio
import ssl
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from aircue_gateway import log
from aircue_gateway.config import BrokerConfig
from aircue_gateway.intakes.behind_broker import Receipt
from aircue_gateway.intakes.devices import Heard

_JITTER_S = 1.0
_SLOWEST_RETRY_S = 30
_QOS = 1


class Broker:
    """filters: what to subscribe to. take: gets every message, in the event loop. hurry: called when the broker sends
    no more until something is acknowledged. noticed: called after each bunch of messages."""

    def __init__(
        self,
        config: BrokerConfig,
        client_id: str,
        filters: Sequence[str],
        *,
        take: Callable[[Heard, Receipt | None], None],
        noticed: Callable[[], None],
        hurry: Callable[[], None],
        random: Random,
    ) -> None:
        self._config = config
        self._filters = filters
        self._take = take
        self._noticed = noticed
        self._hurry = hurry
        self._random = random
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inbox: deque[tuple[Heard, Receipt | None]] = deque()
        self._called = False  # the loop was told that the inbox is not empty
        self._connection = 0
        self._connected = False
        self._unacknowledged = 0
        self._complaint = ""
        self._may_read = threading.Event()
        self._may_read.set()
        self._stopping = threading.Event()
        self._client = self._made(client_id)

    async def start(self) -> None:
        """Returns at once: a broker that is away is tried again for ever."""
        self._loop = asyncio.get_running_loop()
        config = self._config
        if config.tls:
            context = await asyncio.to_thread(ssl.create_default_context, cafile=config.ca)
            self._client.tls_set_context(context)
        self._client.connect_async(config.host, config.port, config.keep_alive_s)
        self._client.loop_start()

    def pause(self) -> None:
        """Reads no more; the broker keeps the rest."""
        self._may_read.clear()

    def resume(self) -> None:
        self._may_read.set()

    def stop(self) -> None:
        """Takes nothing more; what still arrives stays unacknowledged. Acknowledgements are still sent."""
        self._stopping.set()
        self._may_read.set()

    def close(self) -> None:
        """After what was to be sent has left."""
        self.stop()
        self._client.disconnect()
        self._client.loop_stop()

    def acknowledge(self, receipts: Iterable[Receipt]) -> None:
        """These messages are on the disk."""
        for receipt in receipts:
            if receipt.connection == self._connection and self._connected:
                self._unacknowledged -= 1
                self._client.ack(receipt.packet_id, _QOS)

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Whether it could be sent, with QoS 0: an ack that is lost is sent again when the sample is. Nothing is queued
        for a broker that is away."""
        if not self._connected:
            return False
        return self._client.publish(topic, payload, retain=retain).rc == paho.MQTT_ERR_SUCCESS

    def report(self) -> dict[str, Any]:
        where = f"{self._config.host}:{self._config.port}"
        return {"broker": where, "connected": self._connected, "error": self._complaint}

    def _made(self, client_id: str) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False, manual_ack=True)
        if self._config.username:
            client.username_pw_set(self._config.username, self._config.password or None)
        client.reconnect_delay_set(1, _SLOWEST_RETRY_S)
        client.suppress_exceptions = True  # or one would end the thread for good
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        return client

    # In paho's thread from here on.

    def _on_connect(self, client: paho.Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._complain(str(reason), "check username and password under [broker], and what the broker lets them do")
            return
        self._connection += 1
        self._unacknowledged = 0
        self._connected, self._complaint = True, ""
        where = f"{self._config.host}:{self._config.port}"
        log.event("broker_connected", broker=where, session="kept" if flags.session_present else "new")
        client.subscribe([(one, _QOS) for one in self._filters])

    def _on_subscribe(self, _client: paho.Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [one for one, reason in zip(self._filters, reasons, strict=False) if reason.is_failure]
        if refused:
            self._complain(
                f"subscriptions refused: {', '.join(refused)}", "give the gateway's user these topics to read"
            )

    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        """Called while the reason is being handled."""
        self._complain(str(sys.exc_info()[1]), "is it up, and are host, port, tls and ca under [broker] right?")
        self._wait()

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self._connected:
            self._connected = False
            if not self._stopping.is_set():
                self._complain(str(reason), "it is tried again; what it keeps for the gateway comes then")
        self._wait()

    def _wait(self) -> None:
        """A little at random, so that not everybody is back in the same second."""
        self._stopping.wait(self._random.uniform(0, _JITTER_S))

    def _complain(self, reason: str, remedy: str) -> None:
        """Once for each reason."""
        if reason != self._complaint:
            self._complaint = reason
            where = f"{self._config.host}:{self._config.port}"
            log.warning("broker_unavailable", broker=where, reason=reason, remedy=remedy)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._may_read.wait()
        if self._stopping.is_set() or self._loop is None:
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        packet_id = message.mid if message.qos else 0
        heard = Heard(topic, bytes(message.payload), packet_id, message.retain, message.dup)
        self._inbox.append((heard, Receipt(self._connection, packet_id) if packet_id else None))
        if not self._called:
            self._called = True
            self._loop.call_soon_threadsafe(self._hand_in)

    # In the event loop.

    def _hand_in(self) -> None:
        """The flag falls first, so that what arrives meanwhile is called for again."""
        self._called = False
        while self._inbox:
            heard, receipt = self._inbox.popleft()
            self._take(heard, receipt)
            if receipt is not None and receipt.connection == self._connection:
                self._unacknowledged += 1
        if self._unacknowledged >= self._config.in_flight:
            self._hurry()
        self._noticed()
