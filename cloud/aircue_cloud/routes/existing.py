"""What the routes take and answer that do not say it themselves, by endpoint."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any

from msgspec import Meta, Struct

from aircue_cloud import consents
from aircue_cloud.fields import Body
from aircue_cloud.routes.described import AFTER, BYTES, LIMIT, Operation

JSON = "application/json"
ZIP = "application/zip"


class Receipt(Struct, kw_only=True):
    """readings: how many are stored from the batch. number: its place in the order of acknowledgement, from 1; what was
    acknowledged up to there is stored. rules: the version that gateways should run."""

    batch: str
    duplicate: bool
    readings: int
    number: int
    rules: str


class Decision(Struct, kw_only=True):
    id: int
    episode: str
    household: str | None
    need: str
    at: datetime
    outcome: str
    reason: str
    person: str | None
    push: str | None
    kind: str
    product: str | None
    category: str | None
    channel: str | None
    arm: str | None
    propensity: float | None
    scheduled_at: datetime | None
    expires_at: datetime | None
    rules_version: str | None
    model_version: str | None
    trace: dict[str, Any]


class Decisions(Struct, kw_only=True):
    rows: list[Decision]
    next: int


class Episode(Struct, kw_only=True):
    id: str
    need: str
    site: str
    node: str
    quantity: str
    peak: float
    open: bool
    started_at: datetime
    confirmed_at: datetime
    ended_at: datetime | None


class Episodes(Struct, kw_only=True):
    episodes: list[Episode]


class Reading(Struct, kw_only=True):
    id: int
    site: str
    node: str
    installation: int
    boot: int
    sequence: int
    quantity: str
    unit: str
    flag: str
    clock: str
    batch: str
    value: float
    measured_at: datetime
    received_at: datetime
    ingested_at: datetime


class Readings(Struct, kw_only=True):
    rows: list[Reading]
    next: int


class ListedHousehold(Struct, kw_only=True):
    id: str
    name: str
    sites: list[str]


class Households(Struct, kw_only=True):
    households: list[ListedHousehold]


class Push(Struct, kw_only=True):
    """trigger: the reading that completed the dwell."""

    id: str
    need: str
    product: str
    product_name: str
    category: str
    price_minor: int
    currency: str
    title: str
    text: str
    reason: str
    episode: str
    trigger: dict[str, Any]
    at: datetime


class Inbox(Struct, kw_only=True):
    pushes: list[Push]


class GivenConsent(Struct, kw_only=True):
    purpose: str
    data_category: str
    channel: str
    granted: bool
    at: datetime
    receipt: str
    document: dict[str, Any] | None


class Consents(Struct, kw_only=True):
    """consents: what holds now. history: all that was ever said."""

    consents: list[GivenConsent]
    history: list[GivenConsent]


def _one_of(known: Sequence[str]) -> Meta:
    return Meta(extra_json_schema={"enum": list(known)})


class SaidConsent(Body):
    purpose: Annotated[str, _one_of(consents.PURPOSES)]
    data_category: Annotated[str, _one_of(consents.DATA_CATEGORIES)]
    channel: Annotated[str, _one_of(consents.CHANNELS)]
    granted: bool


class Rules(Struct, kw_only=True):
    version: str
    rules: list[dict[str, Any]]


class WantedUpload(Body):
    """batch: its id, gateway/epoch/sequence. sha256: of its bytes, in hex. size: of them."""

    batch: str
    sha256: str
    size: int


class OfferedUpload(Struct, kw_only=True):
    """Where to put the batch, with which headers."""

    upload: str
    url: str
    headers: dict[str, str]


class EnrolmentCode(Body):
    code: str


class Enrolled(Struct, kw_only=True):
    """key: shown here alone."""

    kind: str
    name: str
    key: str


class AuditEntry(Struct, kw_only=True):
    id: int
    at: datetime
    actor: str
    action: str
    target: str
    outcome: str
    address: str
    detail: dict[str, Any]


class AuditLog(Struct, kw_only=True):
    rows: list[AuditEntry]
    next: int


class Proof(Struct, kw_only=True):
    """removed, kept: rows by table, of those kept with the reason. places: what went beside the database. left: where
    something was found afterwards; with any the erasure is not complete."""

    id: str
    at: datetime
    subject: str
    salt: str
    pseudonym: str
    removed: dict[str, int]
    kept: dict[str, Annotated[list[int | str], Meta(min_length=2, max_length=2)]]
    places: dict[str, int]
    searched: list[str]
    left: list[str]
    complete: bool


class Proofs(Struct, kw_only=True):
    erasures: list[Proof]


_FEED_ROW = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
        "kind": {"type": "string"},
        "text": {"type": "string"},
    },
    "required": ["id", "at", "kind", "text"],
}
_FEED = {
    "type": "object",
    "properties": {"rows": {"type": "array", "items": _FEED_ROW}, "next": {"type": "integer"}},
    "required": ["rows", "next"],
}
_FIGURES = {
    "type": "object",
    "properties": {"rules": {"type": "string"}},
    "required": ["rules"],
    "additionalProperties": {"type": "integer"},
}

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "audit.get": Operation(summary="Who did what, by id", replies={200: AuditLog}, query=(AFTER, LIMIT)),
        "batches.post": Operation(
            summary="Take in one batch of a gateway, as its gateway sealed it",
            bodies={"application/octet-stream": BYTES},
            replies={200: Receipt},
            refusals=(401, 413, 422),
        ),
        "decisions.get": Operation(summary="Decisions by id", replies={200: Decisions}, query=(AFTER, LIMIT)),
        "enrolments.post": Operation(
            summary="Exchange a one-time code for a key",
            bodies={JSON: EnrolmentCode},
            replies={201: Enrolled},
            refusals=(401, 413, 415, 422, 429),
        ),
        "episodes.get": Operation(summary="Episodes, the latest first", replies={200: Episodes}, query=(LIMIT,)),
        "feed.get": Operation(summary="What happened, by id", replies={200: _FEED}, query=(AFTER, LIMIT)),
        "households.get": Operation(summary="All households with their sites", replies={200: Households}),
        "households.inbox": Operation(
            summary="A household's pushes, the latest first", replies={200: Inbox}, refusals=(404,)
        ),
        "households.get_consents": Operation(
            summary="What a household agrees to, and all it ever said", replies={200: Consents}, refusals=(404,)
        ),
        "households.post_consent": Operation(
            summary="Record that an agreement is given or taken back",
            bodies={JSON: SaidConsent},
            replies={201: GivenConsent},
            refusals=(404, 413, 415, 422),
        ),
        "readings.get": Operation(
            summary="Readings as they were stored", replies={200: Readings}, query=(AFTER, LIMIT)
        ),
        "rights.export_household": Operation(
            summary="Everything about a household as a ZIP", replies={200: BYTES}, media=ZIP, refusals=(404,)
        ),
        "rights.export_person": Operation(
            summary="Everything about one person as a ZIP", replies={200: BYTES}, media=ZIP, refusals=(404,)
        ),
        "rights.erase_household": Operation(
            summary="Erase a household from every layer", replies={200: Proof}, refusals=(404,)
        ),
        "rights.erase_person": Operation(
            summary="Erase one person from every layer", replies={200: Proof}, refusals=(404,)
        ),
        "rights.get_erasures": Operation(summary="The proofs of all erasures", replies={200: Proofs}),
        "rights.get_mine": Operation(
            summary="Everything about the shopper who is signed in",
            replies={200: BYTES},
            media=ZIP,
            refusals=(401, 404),
        ),
        "rights.get_my_consents": Operation(
            summary="What the shopper's household agrees to", replies={200: Consents}, refusals=(401, 404)
        ),
        "rights.post_my_consent": Operation(
            summary="Give an agreement, or take it back",
            bodies={JSON: SaidConsent},
            replies={201: GivenConsent},
            refusals=(401, 404, 413, 415, 422),
        ),
        "rules.get": Operation(summary="The rules that gateways run", replies={200: Rules}, refusals=(401,)),
        "status.get": Operation(summary="Figures of the whole installation", replies={200: _FIGURES}),
        "uploads.post": Operation(
            summary="Ask for a URL to put a batch to",
            bodies={JSON: WantedUpload},
            replies={200: (OfferedUpload, Receipt)},
            refusals=(401, 413, 415, 422, 501),
        ),
        "uploads.done": Operation(
            summary="Say that a batch was put to its URL", replies={200: Receipt}, refusals=(401, 404, 422, 501)
        ),
    }
)
