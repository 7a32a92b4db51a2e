"""What a gateway and the cloud say to each other by way of a broker, and how each knows that it was the other.

    aircue/up/<gateway>/batch   gateway   a batch's bytes
    aircue/up/<gateway>/rules   gateway   a few random bytes: it wants the rules
    aircue/up/<gateway>/ack     cloud     JSON: status as in HTTP; of, the hex SHA-256 of what it answers; and the
                                          fields of the HTTP answer, or document, the text of the rules

Each message begins with HMAC-SHA256, under the hex SHA-256 of the gateway's key, of topic, a zero byte and the rest.
Who can publish at the broker can therefore neither send for a gateway nor tell it that a batch is stored.
"""

import hashlib
import hmac
import json
from typing import Any

BATCH, RULES, ACK = "batch", "rules", "ack"
_ROOT = "aircue/up"
_MAC_SIZE = 32


def topic(gateway: str, leaf: str) -> str:
    return f"{_ROOT}/{gateway}/{leaf}"


def gateway_of(topic: str) -> tuple[str, str] | None:
    """Gateway and leaf; None for a topic that is none of these."""
    parts = topic.split("/")
    return (parts[2], parts[3]) if len(parts) == 4 and topic.startswith(f"{_ROOT}/") else None


def secret(key: str) -> str:
    """What both ends know of a gateway's key."""
    return hashlib.sha256(key.encode()).hexdigest()


def sealed(secret: str, topic: str, content: bytes) -> bytes:
    return _mac(secret, topic, content) + content


def opened(secret: str, topic: str, message: bytes) -> bytes | None:
    """The content; None where somebody else wrote it."""
    content = message[_MAC_SIZE:]
    return content if hmac.compare_digest(message[:_MAC_SIZE], _mac(secret, topic, content)) else None


def _mac(secret: str, topic: str, content: bytes) -> bytes:
    return hmac.digest(secret.encode(), topic.encode() + b"\0" + content, "sha256")


def name_of(content: bytes) -> str:
    """What an ack calls the message it answers."""
    return hashlib.sha256(content).hexdigest()


def encode_ack(content: bytes, status: int, fields: dict[str, Any]) -> bytes:
    return json.dumps({"of": name_of(content), "status": status, **fields}).encode()
