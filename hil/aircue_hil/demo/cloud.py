"""The cloud as its users see it, over HTTP."""

from collections.abc import Iterator
from typing import Any

import urllib3


class CloudError(Exception):
    """The cloud answered with an error; the text is its own."""


class Cloud:
    """Reads; blocking, to be called from a worker thread where that matters."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(10), retries=urllib3.Retry(3, backoff_factor=0.1))
        self._page_after = {"readings": 0, "feed": 0}

    def status(self) -> dict[str, Any]:
        return self._get("/api/v1/status")

    def new_feed(self) -> list[dict[str, Any]]:
        """What was told since the last call."""
        return list(self._new("feed", 500))

    def new_readings(self) -> list[dict[str, Any]]:
        """Readings stored since the last call."""
        return list(self._new("readings", 5000))

    def inbox(self, household: str) -> list[dict[str, Any]]:
        return list(self._get(f"/api/v1/households/{household}/inbox")["pushes"])

    def episodes(self) -> list[dict[str, Any]]:
        body = self._get("/api/v1/episodes")
        return list(body["episodes"])

    def why(self, person: str) -> list[str]:
        """Of the latest decision, in words, the outcome first; nothing before there is one."""
        answers = self._get(f"/api/v1/why?person={person}")["answers"]
        return list(answers[0]["lines"]) if answers else []

    def prefer(self, person: str, preferences: dict[str, Any]) -> None:
        self._send("PATCH", f"/api/v1/people/{person}/preferences", json=preferences)

    def hand_in(self, batch: bytes, key: str) -> None:
        """As a gateway does."""
        self._send("POST", "/api/v1/batches", body=batch, headers={"Authorization": f"Bearer {key}"})

    def rules(self, key: str) -> list[dict[str, Any]]:
        return list(self._get("/api/v1/rules", {"Authorization": f"Bearer {key}"})["rules"])

    def _new(self, noun: str, limit: int) -> Iterator[dict[str, Any]]:
        while True:
            page = self._get(f"/api/v1/{noun}?after={self._page_after[noun]}&limit={limit}")
            yield from page["rows"]
            self._page_after[noun] = page["next"]
            if len(page["rows"]) < limit:
                return

    def _send(self, method: str, path: str, **request: Any) -> None:
        reply = self._http.request(method, self.url + path, **request)
        if reply.status >= 300:
            raise CloudError(f"{method} {path}: status {reply.status}: {reply.data.decode(errors='replace')[:300]}")

    def _get(self, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        reply = self._http.request("GET", self.url + path, headers=headers)
        if reply.status != 200:
            raise CloudError(f"GET {path}: status {reply.status}: {reply.data.decode(errors='replace')[:300]}")
        body: dict[str, Any] = reply.json()
        return body
