"""Services outside that detect what a question is about, such as Dialogflow: behind one Protocol, by configuration.

What a shopper writes leaves this server then, so nothing is sent unless the store has configured it. A service that
fails, is slow or says something unreadable is passed over, and our own bot answers.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import msgspec
import urllib3

from aircue_cloud.errors import SettingsError
from aircue_cloud.settings import build

log = logging.getLogger(__name__)

LARGEST = 256 * 1024  # bytes of an answer
LONGEST_TEXT = 256  # characters that Dialogflow takes
LONGEST_REPLY = 2000
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,36}")


@dataclass(frozen=True, kw_only=True)
class Detected:
    """intent: its display name. confidence: 0 to 1. parameters: as the service read them. reply: what it would say."""

    intent: str
    confidence: float
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reply: str = ""


class NotDetected(Exception):
    """Why a service told nothing."""


class Detector(Protocol):
    def detect(self, text: str, session: str, language: str) -> Detected | None:
        """None where it found no intent of its own. NotDetected where it did not answer as it should."""


@dataclass(frozen=True, kw_only=True)
class DetectorSettings:
    """[support.STORE]. url: up to the project, such as https://dialogflow.googleapis.com/v2/projects/PROJECT.
    token_file: holds the bearer token, read anew for each question, since tokens are short-lived. least: confidence
    below which our own bot answers."""

    url: str
    token_file: str = ""
    timeout_s: float = 5.0
    least: float = 0.7


class _Intent(msgspec.Struct):
    display_name: str = msgspec.field(name="displayName", default="")
    is_fallback: bool = msgspec.field(name="isFallback", default=False)


class _Result(msgspec.Struct):
    intent: _Intent | None = None
    confidence: float = msgspec.field(name="intentDetectionConfidence", default=0.0)
    parameters: dict[str, Any] = {}
    reply: str = msgspec.field(name="fulfillmentText", default="")


class _Answer(msgspec.Struct):
    result: _Result = msgspec.field(name="queryResult")


class Dialogflow:
    """The REST form of Dialogflow ES, v2: POST .../agent/sessions/SESSION:detectIntent."""

    def __init__(self, settings: DetectorSettings, http: urllib3.PoolManager) -> None:
        self._settings, self._http = settings, http

    def detect(self, text: str, session: str, language: str) -> Detected | None:
        answer = self._asked(text, session, language)
        try:
            result = msgspec.json.decode(answer, type=_Answer).result
        except msgspec.DecodeError as error:
            raise NotDetected(f"an answer that cannot be read: {error}") from error
        if result.intent is None or result.intent.is_fallback or result.confidence < self._settings.least:
            return None
        return Detected(
            intent=result.intent.display_name,
            confidence=min(1.0, result.confidence),
            parameters=result.parameters,
            reply=result.reply[:LONGEST_REPLY].replace("\0", " "),
        )

    def _asked(self, text: str, session: str, language: str) -> bytes:
        if not _SESSION.fullmatch(session):
            raise NotDetected("a session is up to 36 letters, digits, hyphens and underscores")
        url = f"{self._settings.url.rstrip('/')}/agent/sessions/{quote(session)}:detectIntent"
        query = {"queryInput": {"text": {"text": text[:LONGEST_TEXT], "languageCode": language}}}
        try:
            response = self._http.request(
                "POST",
                url,
                body=msgspec.json.encode(query),
                headers={"Content-Type": "application/json", **self._authorization()},
                timeout=self._settings.timeout_s,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            content = response.read(LARGEST + 1)
            response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NotDetected(f"{type(error).__name__}: {error}") from error
        if response.status != 200 or len(content) > LARGEST:
            raise NotDetected(f"status {response.status}, {len(content)} bytes")
        return bytes(content)

    def _authorization(self) -> Mapping[str, str]:
        if not self._settings.token_file:
            return {}
        return {"Authorization": f"Bearer {Path(self._settings.token_file).read_text(encoding='utf-8').strip()}"}


def opened(table: Mapping[str, Any], store: str) -> Detector | None:
    """Of the configuration's [support.STORE]; None where the store has none. SettingsError where it does not fit."""
    said = table.get(store)
    if said is None:
        return None
    where = f"[support.{store}]"
    if not isinstance(said, dict):
        raise SettingsError(f"{where}: expected a table with the key 'url'")
    settings = build(DetectorSettings, said, where)
    parts = urlsplit(settings.url)
    loopback = parts.hostname in ("127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise SettingsError(f"{where}: key 'url' is {settings.url!r:.100}, expected https://... (what shoppers write)")
    if not 0 <= settings.least <= 1 or settings.timeout_s <= 0:
        raise SettingsError(f"{where}: expected least within 0 and 1, and timeout_s over 0")
    return Dialogflow(settings, urllib3.PoolManager(num_pools=1, maxsize=4))


def asked(detector: Detector | None, text: str, session: str, language: str) -> Detected | None:
    """None where there is none, or it failed: our own bot answers then."""
    if detector is None:
        return None
    try:
        return detector.detect(text, session, language)
    except NotDetected as error:
        log.warning("the configured intent service was passed over: %s", error)
        return None
