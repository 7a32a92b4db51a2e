"""Batches that gateways put into the object store themselves, and then say so. Nothing is remembered in between: the
upload's id and its object's key both name the batch and its hash, so each step may be repeated.

Errors: Refused for what no gateway would ask; KeyError where nothing was uploaded.
"""

import hashlib
import re
from dataclasses import dataclass

from aircue_cloud.errors import Refused
from aircue_cloud.ingest.intake import Intake, Receipt
from aircue_cloud.s3 import S3Store, Upload

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_BATCH = re.compile(rf"({_PART})/({_PART})/(0|[1-9][0-9]{{0,15}})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(rf"({_PART})~(0|[1-9][0-9]{{0,15}})~([0-9a-f]{{64}})")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One upload: epoch and sequence of a batch of this gateway, and its hash."""

    gateway: str
    epoch: str
    sequence: str
    sha256: str

    @property
    def id(self) -> str:
        return f"{self.epoch}~{self.sequence}~{self.sha256}"

    @property
    def batch(self) -> str:
        return f"{self.gateway}/{self.epoch}/{self.sequence}"

    @property
    def key(self) -> str:
        """Below the gateway's own prefix; never in the base layer, where only what was checked goes."""
        return f"incoming/{self.batch}-{self.sha256}.batch"


def wanted(gateway: str, batch: str, sha256: str) -> Wanted:
    """What a gateway asks for; Refused for another's batch."""
    found = _BATCH.fullmatch(batch)
    if found is None or found[1] != gateway:
        raise Refused(f"batch {batch!r:.200} is none of gateway {gateway}: expected {gateway}/<epoch>/<sequence>")
    if not _SHA256.fullmatch(sha256):
        raise Refused(f"sha256 {sha256!r:.100} is no hash: expected 64 hex digits, small letters")
    return Wanted(gateway=gateway, epoch=found[2], sequence=found[3], sha256=sha256)


def named(gateway: str, upload: str) -> Wanted:
    """What an id of this gateway stands for; KeyError for none."""
    found = _ID.fullmatch(upload)
    if found is None:
        raise KeyError(upload)
    return Wanted(gateway=gateway, epoch=found[1], sequence=found[2], sha256=found[3])


@dataclass(frozen=True, kw_only=True)
class Uploads:
    intake: Intake
    store: S3Store
    url_s: int

    def offer(self, upload: Wanted, size: int) -> Upload | Receipt:
        """Where to put the batch; the receipt where it is stored already."""
        known = self.intake.stored(upload.batch, upload.sha256)
        if known is not None:
            return known
        return self.store.upload(upload.key, size, bytes.fromhex(upload.sha256), self.url_s)

    def done(self, upload: Wanted) -> Receipt:
        """Takes the batch in from the store. Refused as by the intake; KeyError where there is no object."""
        known = self.intake.stored(upload.batch, upload.sha256)
        receipt = self._taken(upload) if known is None else known
        self.store.remove(upload.key)
        return receipt

    def _taken(self, upload: Wanted) -> Receipt:
        data = self.store.get(upload.key)
        if hashlib.sha256(data).hexdigest() != upload.sha256:  # a store that checks no checksums
            self.store.remove(upload.key)
            raise KeyError(upload.key)
        try:
            return self.intake.take(upload.gateway, data)
        except Refused:
            self.store.remove(upload.key)  # it is kept aside
            raise
