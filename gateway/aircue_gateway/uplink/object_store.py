"""Batches by way of an object store: the cloud gives out a URL for one object, the batch goes there, and is fetched.

Each step may be repeated: the object's key names the batch and its hash, and the cloud takes a batch in once.
"""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import urllib3

from aircue_gateway.spool.spool import Sealed
from aircue_gateway.uplink.http import Answer, Cloud, TryAgain, fields_of, pool, problem, request

_STORED = (200, 201, 204)


class Uploads:
    """ca: of the cloud, and perhaps of the store, whose certificate the system may vouch for as well."""

    def __init__(self, cloud: Cloud, ca: Path | None, now_s: Callable[[], float] = time.time) -> None:
        self._cloud = cloud
        self._ca = ca
        self._now_s = now_s
        self._pools: dict[str, urllib3.PoolManager] = {}

    def get_rules(self) -> Answer:
        return self._cloud.get_rules()

    def close(self) -> None:
        self._cloud.close()
        for one in self._pools.values():
            one.clear()

    def send(self, sealed: Sealed) -> Answer:
        """The cloud's last word: that it has the batch, or why not."""
        asked = self._cloud.ask("POST", "/api/v1/uploads", _request(sealed), "application/json")
        offer = fields_of(asked.body)
        if asked.status != 200 or "url" not in offer:
            return asked
        self._put(sealed.body, offer)
        done = self._cloud.ask("POST", f"/api/v1/uploads/{offer.get('upload')}/done", b"")
        if done.status == 404:
            raise TryAgain(f"404 {problem(done)}", "none needed: the batch is uploaded again")
        return done

    def _put(self, body: bytes, offer: dict[str, object]) -> None:
        url, headers = str(offer["url"]), offer.get("headers")
        fixed = {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
        answer = request(self._pool(url), "PUT", url, body, fixed, self._now_s())
        if answer.status not in _STORED:
            words = answer.body[:200].decode(errors="replace")
            where = f"{url.partition('?')[0]}: {answer.status} {words}"
            raise TryAgain(where, "is this machine's clock right? A URL holds for minutes", answer.after_s or 0.0)

    def _pool(self, url: str) -> urllib3.PoolManager:
        """Kept for the next batch."""
        address = urlsplit(url)
        origin = f"{address.scheme}://{address.netloc}"
        if origin not in self._pools:
            self._pools = {origin: pool(url, self._ca, or_system=True)}
        return self._pools[origin]


def _request(sealed: Sealed) -> bytes:
    fields = {"batch": sealed.id, "sha256": hashlib.sha256(sealed.body).hexdigest(), "size": len(sealed.body)}
    return json.dumps(fields).encode()
