"""One-time codes by time (RFC 6238): six digits, SHA-1, 30 seconds, as every app of this kind knows them."""

import base64
import secrets
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_S = 30
_DRIFT = (0, -1, 1)  # steps that a clock may be off by
_SECRET_BYTES = 20


def draw() -> str:
    """A new secret, base 32."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def uri(secret: str, account: str, issuer: str) -> str:
    """What an app reads from a QR code."""
    return _totp(secret).get_provisioning_uri(account, issuer)


def step_of(secret: str, code: str, last_step: int | None, now: datetime) -> int | None:
    """The step whose code this is; None for a wrong one, and for one of a step that was taken already."""
    current = int(now.timestamp()) // STEP_S
    for step in (current + drift for drift in _DRIFT):
        if (last_step is None or step > last_step) and _is(secret, code, step):
            return step
    return None


def _is(secret: str, code: str, step: int) -> bool:
    try:
        _totp(secret).verify(code.encode(), step * STEP_S)
    except InvalidToken:
        return False
    return True


def _totp(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), 6, SHA1(), STEP_S)
