"""The cloud's HTTP interface as a gateway uses it, and what its answers mean."""

import json
from dataclasses import dataclass
from typing import NamedTuple

import urllib3

from aircue_gateway.config import UplinkConfig

_TIMEOUT = urllib3.Timeout(connect=5.0, read=20.0)
# Not this batch's fault: another key, more time or a cloud that is well again will do.
_TRY_AGAIN = {401, 408, 429}
_REMEDIES = {401: "make key under [uplink] the one the cloud gave this gateway"}
_LONGEST_DETAIL = 500


class TryAgain(Exception):
    """The cloud gave no answer, or one that a later attempt may better."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class Answer(NamedTuple):
    status: int
    body: bytes


class Cloud:
    """Each call is one attempt; nothing is repeated here. For a worker thread: calls block."""

    def __init__(self, config: UplinkConfig) -> None:
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)
        self._url = config.url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {config.key}"}

    def post_batch(self, body: bytes) -> Answer:
        return self._ask("POST", "/api/v1/batches", body)

    def get_rules(self) -> Answer:
        return self._ask("GET", "/api/v1/rules", None)

    def _ask(self, method: str, path: str, body: bytes | None) -> Answer:
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/octet-stream"}
        try:
            answer = self._pool.request(method, self._url + path, body=body, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise TryAgain(f"{self._url}{path}: {error}", "is the cloud up, and url under [uplink] right?") from error
        return Answer(answer.status, answer.data)


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
    fields = _object(answer.body)
    if fields.get("batch") != batch_id:
        raise TryAgain("200 from something that is no Aircue cloud", "check url under [uplink]")
    return Delivered(rules=str(fields.get("rules", "")))


def refused(answer: Answer) -> Refused | None:
    """None for a 200. TryAgain for what passes with time or another key."""
    if answer.status == 200:
        return None
    words = f"{answer.status} {problem(answer)}"
    if 400 <= answer.status < 500 and answer.status not in _TRY_AGAIN:
        return Refused(detail=words)
    raise TryAgain(words, _REMEDIES.get(answer.status, "none needed: it is tried again"))


def problem(answer: Answer) -> str:
    """The cloud's own words (RFC 9457), or whatever came instead."""
    fields = _object(answer.body)
    words = [str(fields[name]) for name in ("title", "detail") if name in fields]
    return ": ".join(words)[:_LONGEST_DETAIL] or answer.body[:100].decode(errors="replace")


def _object(body: bytes) -> dict[str, object]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
