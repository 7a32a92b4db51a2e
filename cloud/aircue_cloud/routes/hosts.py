"""Answers only under loopback names: a page from elsewhere whose own name is made to lead here learns nothing."""

from urllib.parse import urlsplit

from flask import Flask, abort, request

from aircue_cloud.config import is_loopback


def register(app: Flask) -> None:
    app.before_request(_refuse_others)


def _refuse_others() -> None:
    host = request.headers.get("Host", "")
    if not is_loopback(_name(host)):
        abort(400, f"this server is not called {host!r:.100}: use 127.0.0.1, [::1] or localhost")


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
