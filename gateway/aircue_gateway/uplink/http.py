"""The cloud's HTTP interface as a gateway uses it, and what its answers mean.

A batch is sent as it is: it is compressed already, so no Content-Encoding would make it smaller.
"""

import email.utils
import json
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import urllib3

from aircue_gateway.config import ConfigError, UplinkConfig
from aircue_gateway.spool.spool import Sealed

_TIMEOUT = urllib3.Timeout(connect=5.0, read=20.0)
# Not this batch's fault: another key, more time or a cloud that is well again will do.
_TRY_AGAIN = {401, 408, 429}
_REMEDIES = {401: "make key under [uplink] the one the cloud gave this gateway"}
_LONGEST_DETAIL = 500
_LONGEST_ANSWER = 1024 * 1024
_LONGEST_WAIT_S = 3600.0  # whatever a server asks for


class TryAgain(Exception):
    """The cloud gave no answer, or one that a later attempt may better. after_s: no sooner, as the cloud says."""

    def __init__(self, reason: str, remedy: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.after_s = after_s


class Answer(NamedTuple):
    """after_s: the seconds of its Retry-After, None where it has none."""

    status: int
    body: bytes
    after_s: float | None = None


class Cloud:
    """Each call is one attempt; nothing is repeated here. Connections are kept for the next call. For a worker thread:
    calls block. ConfigError where the uplink's own CA cannot be read."""

    def __init__(self, config: UplinkConfig, now_s: Callable[[], float] = time.time) -> None:
        self._pool = pool(config.url, config.ca)
        self._url = config.url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {config.key}"}
        self._now_s = now_s

    def send(self, sealed: Sealed) -> Answer:
        """The batch, straight to the cloud."""
        return self.ask("POST", "/api/v1/batches", sealed.body)

    def get_rules(self) -> Answer:
        return self.ask("GET", "/api/v1/rules", None)

    def close(self) -> None:
        self._pool.clear()

    def ask(self, method: str, path: str, body: bytes | None, kind: str = "application/octet-stream") -> Answer:
        headers = self._headers if body is None else {**self._headers, "Content-Type": kind}
        return request(self._pool, method, self._url + path, body, headers, self._now_s())


def pool(url: str, ca: Path | None, *, or_system: bool = False) -> urllib3.PoolManager:
    """Through the proxy that the environment names for this address (HTTPS_PROXY, NO_PROXY ...), if any. ca: of the
    server, instead of those that the system trusts, or beside them."""
    address = urlsplit(url)
    context = None
    if address.scheme == "https" or ca is not None:  # the system's certificates take megabytes
        context = tls_context(ca)
        if or_system:
            context.load_default_certs()
    proxy = urllib.request.getproxies().get(address.scheme)
    if proxy and not urllib.request.proxy_bypass(address.netloc):
        return urllib3.ProxyManager(proxy, timeout=_TIMEOUT, retries=False, ssl_context=context)
    return urllib3.PoolManager(timeout=_TIMEOUT, retries=False, ssl_context=context)


def tls_context(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ConfigError(f"uplink.ca = '{ca}': expected a file of certificates in PEM: {error}") from error


def request(
    pool: urllib3.PoolManager, method: str, url: str, body: bytes | None, headers: Mapping[str, str], now_s: float
) -> Answer:
    """One attempt; TryAgain where there is no answer, or one without end."""
    shown = url.partition("?")[0]  # behind it may stand what only the two ends should know
    try:
        answer = pool.request(method, url, body=body, headers=headers, redirect=False, preload_content=False)
        data = answer.read(_LONGEST_ANSWER + 1)
        if len(data) > _LONGEST_ANSWER:
            answer.close()
            raise TryAgain(f"{shown}: an answer of over {_LONGEST_ANSWER} bytes", "check url under [uplink]")
        answer.drain_conn()
        answer.release_conn()
    except urllib3.exceptions.HTTPError as error:
        words = str(error).replace(url, shown)
        raise TryAgain(f"{shown}: {words}", "is the cloud up, and url under [uplink] right?") from error
    return Answer(answer.status, data, _after_s(answer.headers.get("Retry-After"), now_s))


def _after_s(text: str | None, now_s: float) -> float | None:
    """Seconds, or the time of day as HTTP writes it (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return min(float(text), _LONGEST_WAIT_S)
    try:
        at_s = email.utils.parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
    return min(max(at_s - now_s, 0.0), _LONGEST_WAIT_S)


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """The cloud stored the batch. rules: the version of the rules it has."""

    rules: str


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The cloud will never take it."""

    detail: str


def verdict(answer: Answer, batch_id: str) -> Delivered | Refused:
    """What an answer to a batch means for it. A 200 counts once it names the batch: a captive portal says 200 to
    everything. TryAgain where the batch stays to be sent."""
    refusal = refused(answer)
    if refusal is not None:
        return refusal
    fields = fields_of(answer.body)
    if fields.get("batch") != batch_id:
        raise TryAgain("200 from something that is no Aircue cloud", "check url under [uplink]")
    return Delivered(rules=str(fields.get("rules", "")))


def refused(answer: Answer) -> Refused | None:
    """None for a 200. TryAgain for what passes with time or another key; a Retry-After says that it will."""
    if answer.status == 200:
        return None
    words = f"{answer.status} {problem(answer)}"
    if 400 <= answer.status < 500 and answer.status not in _TRY_AGAIN and answer.after_s is None:
        return Refused(detail=words)
    raise TryAgain(words, _REMEDIES.get(answer.status, "none needed: it is tried again"), answer.after_s or 0.0)


def problem(answer: Answer) -> str:
    """The cloud's own words (RFC 9457), or whatever came instead."""
    fields = fields_of(answer.body)
    words = [str(fields[name]) for name in ("title", "detail") if name in fields]
    return ": ".join(words)[:_LONGEST_DETAIL] or answer.body[:100].decode(errors="replace")


def fields_of(body: bytes) -> dict[str, object]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
