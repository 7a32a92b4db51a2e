"""Payment on delivery: no provider, and so nothing that anybody tells or could be asked. Refunds are made by hand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aircue_cloud.payment import provider
from aircue_cloud.payment.provider import Asked, Begun, Callback, NotGenuine, Opening, Told


@dataclass(frozen=True, kw_only=True)
class OnDelivery:
    clock: Any
    name: str = "on-delivery"

    def begin(self, asked: Asked) -> Begun:
        return Begun(provider_reference=asked.payment)

    def read(self, _callback: Callback, _now: datetime) -> Told | None:
        raise NotGenuine("nobody calls back about a payment on delivery")

    def look(self, _payment: str, _provider_reference: str) -> Told | None:
        return None

    def refund(self, payment: str, provider_reference: str, amount_minor: int, currency: str, key: str) -> Told:
        """Done by whoever asks for it."""
        return self._told(provider.REFUNDED, payment, provider_reference, amount_minor, currency, key)

    def received(self, payment: str, amount_minor: int, currency: str) -> Told:
        """The money was handed over."""
        return self._told(provider.PAID, payment, payment, amount_minor, currency, "")

    def _told(
        self, kind: provider.Kind, payment: str, reference: str, amount_minor: int, currency: str, refund: str
    ) -> Told:
        return Told(
            event=f"{kind}-{payment}-{refund}",
            payment=payment,
            provider_reference=reference,
            kind=kind,
            amount_minor=amount_minor,
            currency=currency,
            at=self.clock(),
            refund=refund,
        )

    def reply(self, _accepted: bool) -> tuple[int, str, bytes]:
        return 404, "text/plain", b""


def open_provider(opening: Opening) -> OnDelivery:
    return OnDelivery(clock=opening.clock)
