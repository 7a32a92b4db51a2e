"""Web Push: encrypted for the browser alone (RFC 8291), signed by the store's VAPID key (RFC 8292).

TTL: the seconds until the push is over. Topic: the episode, so that a push service that holds several keeps the latest.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import py_vapid  # type: ignore[import-untyped]
import pywebpush  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aircue_cloud.delivery import own_keys, statuses
from aircue_cloud.delivery.channel import AT_LEAST_ONCE, Address, Result
from aircue_cloud.delivery.endpoints import Answered, Gate, NotReached, Unsafe
from aircue_cloud.delivery.notice import Notice, encode, fields

_CLAIM_LIFE = timedelta(hours=12)  # RFC 8292: 24 at most
_REFUSING = (400, 403, 413)  # it will not take this message, however often
_TOPIC = 32  # RFC 8030, 5.4: at most so many of the URL-safe base64 signs


def _make_key() -> bytes:
    private = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(serialization.Encoding.PEM, private, plain)


def vapid_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    """Of the store; made once."""
    found = serialization.load_pem_private_key(own_keys.kept(folder, "vapid.pem", _make_key), password=None)
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    return found


def topic(episode: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(episode.encode()).digest())[:_TOPIC].decode()


@dataclass(frozen=True, kw_only=True)
class WebPushChannel:
    """contact: mailto: or https: of who answers for the sender."""

    gate: Gate
    key: ec.EllipticCurvePrivateKey
    contact: str
    name: str = "web-push"
    guarantee: str = AT_LEAST_ONCE

    @property
    def public_key(self) -> str:
        """As a browser takes it for applicationServerKey."""
        return _public(self.key)

    def amiss(self, address: Address) -> str | None:
        keys = address.get("keys")
        if set(address) != {"endpoint", "keys"} or not isinstance(keys, dict) or set(keys) != {"p256dh", "auth"}:
            return "expected endpoint and keys (p256dh, auth), as the browser's subscription has them"
        if not isinstance(address["endpoint"], str):
            return "endpoint: expected a URL"
        try:
            self.gate.check(address["endpoint"])
        except (Unsafe, NotReached) as reason:
            return f"endpoint: {reason}"
        return None if _are_keys(keys) else "keys: expected a point of P-256 and 16 bytes, in URL-safe base64"

    def hand_over(self, notice: Notice, address: Address, now: datetime) -> Result:
        return statuses.posted(lambda: self._push(notice, address, now), _REFUSING)

    def _push(self, notice: Notice, address: Address, now: datetime) -> Answered:
        sender = _Sender(self.gate)
        try:
            pywebpush.webpush(
                dict(address),
                data=encode(fields(notice)),
                vapid_private_key=py_vapid.Vapid02(self.key),
                vapid_claims={"sub": self.contact, "exp": round((now + _CLAIM_LIFE).timestamp())},
                ttl=notice.seconds_left(now),
                headers={"Topic": topic(notice.episode), "Urgency": "normal"},
                timeout=self.gate.timeout_s,
                requests_session=sender,
            )
        except pywebpush.WebPushException:
            if sender.answer is None:
                raise
        assert sender.answer is not None
        return sender.answer

    def close(self) -> None:
        pass


class _Sender:
    """What pywebpush posts with: our gate in place of a session of requests."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.answer: Answered | None = None

    def post(self, endpoint: str, *, data: bytes, headers: dict[str, Any], timeout: float) -> "_Response":
        sent = {name: str(value) for name, value in headers.items()}
        self.answer = self._gate.post(endpoint, data, sent)
        return _Response(self.answer.status)


@dataclass(frozen=True)
class _Response:
    status_code: int
    reason: str = ""
    text: str = ""
    headers: tuple[()] = ()


def _are_keys(keys: dict[str, Any]) -> bool:
    try:
        point, auth = (_decoded(keys[name]) for name in ("p256dh", "auth"))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (ValueError, TypeError, AttributeError):
        return False
    return len(auth) == 16


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _public(key: ec.EllipticCurvePrivateKey) -> str:
    point = serialization.PublicFormat.UncompressedPoint
    raw = key.public_key().public_bytes(serialization.Encoding.X962, point)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
