"""Webhooks, signed as Standard Webhooks says: the same `webhook-id` however often a notice is sent."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime

from standardwebhooks import Webhook

from aircue_cloud.delivery import statuses
from aircue_cloud.delivery.channel import AT_LEAST_ONCE, Address, Result
from aircue_cloud.delivery.endpoints import Gate, NotReached, Unsafe
from aircue_cloud.delivery.notice import Notice, encode, fields

EVENT = "push.offered"


def draw_secret() -> str:
    """256 random bits, as Standard Webhooks writes them."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


@dataclass(frozen=True, kw_only=True)
class WebhookChannel:
    gate: Gate
    name: str = "webhook"
    guarantee: str = AT_LEAST_ONCE

    def amiss(self, address: Address) -> str | None:
        if set(address) != {"url", "secret"} or not all(isinstance(one, str) for one in address.values()):
            return "expected url and secret"
        return _unreachable(self.gate, address["url"])

    def hand_over(self, notice: Notice, address: Address, now: datetime) -> Result:
        body = encode({"type": EVENT, "timestamp": now.isoformat(timespec="seconds"), "data": fields(notice)})
        headers = {
            "Content-Type": "application/json",
            "webhook-id": notice.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(address["secret"]).sign(notice.id, now, body),
        }
        return statuses.posted(lambda: self.gate.post(address["url"], body.encode(), headers))

    def close(self) -> None:
        pass


def _unreachable(gate: Gate, url: str) -> str | None:
    try:
        gate.check(url)
    except (Unsafe, NotReached) as reason:
        return f"url: {reason}"
    return None
