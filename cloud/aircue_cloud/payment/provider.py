"""What every payment provider does for us. Pure but for what goes through Http.

PaymentError
+-- NotGenuine     a callback that the provider did not sign, or too long ago
+-- ProviderDown   nobody knows whether it was done: ask again with the same key
+-- Refused        the provider said no, for certain
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from aircue_cloud.errors import CloudError

Kind: TypeAlias = Literal["paid", "failed", "refunded", "pending"]
PAID: Kind = "paid"
FAILED: Kind = "failed"
REFUNDED: Kind = "refunded"
PENDING: Kind = "pending"


class PaymentError(CloudError):
    pass


class NotGenuine(PaymentError):
    """Its argument says what did not fit: signature, time, certificate, format."""


class ProviderDown(PaymentError):
    """It did not answer, or not as it should."""


class Refused(PaymentError):
    """It answered that it will not."""


class Answered(NamedTuple):
    """headers: names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """The one way out. ProviderDown where no whole answer came."""

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answered: ...


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A payment to begin. payment: our id of it, which comes back in every callback. amount_minor: in minor units of
    the currency's exponent (shop/money.py). return_url, cancel_url: where the shopper comes back to; neither is proof
    of anything. notify_url: where callbacks go."""

    payment: str
    order_number: int
    amount_minor: int
    currency: str
    description: str
    return_url: str
    cancel_url: str
    notify_url: str


@dataclass(frozen=True, kw_only=True)
class Begun:
    """redirect_url: where the shopper pays; None where fields say how else (a code to scan)."""

    provider_reference: str
    redirect_url: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Callback:
    """A request as it came. headers: names in small letters. body: the very bytes, which the signature is over."""

    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str]
    received_at: datetime


@dataclass(frozen=True, kw_only=True)
class Refund:
    """id: one refund's, the same whoever tells of it: refund(), look(), a callback."""

    id: str
    amount_minor: int


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a provider says of a payment, signed by it or asked of it.

    event: its id of this message, under which it is taken once. payment: ours, "" where the provider only names its
    own reference. amount_minor: what was charged; of one refund for refunded. refund: that refund's id, for refunded.
    refunds: every refund of the payment, where look() knows them; with kind paid."""

    event: str
    payment: str
    provider_reference: str
    kind: Kind
    amount_minor: int
    currency: str
    at: datetime
    refund: str = ""
    refunds: tuple[Refund, ...] = ()


class Provider(Protocol):
    @property
    def name(self) -> str:
        """In URLs and tables: small letters."""

    def begin(self, asked: Asked) -> Begun:
        """The same payment twice is one at the provider. ProviderDown, Refused."""

    def read(self, callback: Callback, now: datetime) -> Told | None:
        """Verified before it is parsed. None: genuine, and of no interest. NotGenuine, ProviderDown."""

    def look(self, payment: str, provider_reference: str) -> Told | None:
        """How a payment stands: paid, failed or pending, and its refunds beside it. provider_reference: "" where
        beginning it was not heard the end of. None: the provider knows no such payment. ProviderDown."""

    def refund(self, payment: str, provider_reference: str, amount_minor: int, currency: str, key: str) -> Told:
        """Gives back a part or all; the same key twice is one refund. refunded, or pending where it takes its time: a
        callback or look() then tells its end, under the same refund id. ProviderDown, Refused."""

    def reply(self, accepted: bool) -> tuple[int, str, bytes]:
        """What a callback is answered, as the provider wants it: status, content type, body."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What a provider is opened with. table: its own of the configuration, [payment.NAME]; where: what an error calls
    it. folder: the store's, for keys of our own. base_url: what people call this server.
    notify_url: where callbacks go that no payment was begun with, such as a refund's."""

    table: dict[str, Any]
    where: str
    folder: Path
    base_url: str
    notify_url: str
    environment: str
    http: Http
    clock: Callable[[], datetime]


# A file of a provider has a function of this form, which payment/switched_on.py names. SettingsError where the table
# does not do.
Open: TypeAlias = Callable[[Opening], Provider]
