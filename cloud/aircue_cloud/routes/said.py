"""Consents at the API's border."""

from typing import Any

from aircue_cloud import consents
from aircue_cloud.consents import Consent
from aircue_cloud.routes import wire


def asked() -> dict[str, Any]:
    """What the request says: purpose, data category, channel, and whether it is granted."""
    said = wire.fields({"purpose": str, "data_category": str, "channel": str, "granted": bool})
    wire.one_of("purpose", said["purpose"], consents.PURPOSES)
    wire.one_of("data_category", said["data_category"], consents.DATA_CATEGORIES)
    wire.one_of("channel", said["channel"], consents.CHANNELS)
    return said


def one(consent: Consent) -> dict[str, Any]:
    return {**vars(consent), "at": wire.iso(consent.at)}


def all_of(history: list[Consent]) -> dict[str, Any]:
    """What holds now, and all that was ever said."""
    return {"consents": [one(said) for said in consents.latest(history)], "history": [one(said) for said in history]}
