"""Consent receipts: what somebody agreed to, or took back, in a form they can keep.

Field names are those of the Kantara Initiative's Consent Receipt Specification 1.1, which ISO/IEC TS 27560 builds on.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

VERSION = "KI-CR-v1.1.0"


@dataclass(frozen=True, kw_only=True)
class Controller:
    """Who answers for the data. jurisdiction: an ISO 3166 code."""

    name: str = "the operator of this store"
    contact: str = ""
    policy_url: str = ""
    jurisdiction: str = "GB"
    service: str = "Aircue"


@dataclass(frozen=True, kw_only=True)
class Said:
    """One answer. method: how it was collected (API, console, shop page, command line). language: of what was read."""

    receipt: str
    principal: str
    purpose: str
    data_category: str
    channel: str
    granted: bool
    at: datetime
    method: str
    language: str
    sensitive: bool


def document(said: Said, controller: Controller) -> dict[str, Any]:
    """The receipt itself, as it is stored with the answer and never changed."""
    return {
        "version": VERSION,
        "jurisdiction": controller.jurisdiction,
        "consentTimestamp": int(said.at.timestamp()),
        "collectionMethod": said.method,
        "consentReceiptID": said.receipt,
        "language": said.language,
        "piiPrincipalId": said.principal,
        "piiControllers": [{"piiController": controller.name, "contact": controller.contact}],
        "policyUrl": controller.policy_url,
        "services": [{"service": controller.service, "purposes": [_purpose(said)]}],
        "sensitive": said.sensitive,
        "spiCat": [said.data_category] if said.sensitive else [],
    }


def _purpose(said: Said) -> dict[str, Any]:
    return {
        "purpose": said.purpose,
        "consentType": "EXPLICIT" if said.granted else "WITHDRAWN",
        "piiCategory": [said.data_category],
        "primaryPurpose": False,
        "termination": "until withdrawn",
        "thirdPartyDisclosure": False,
        "channel": said.channel,
    }
