"""Answers only under its own names: a page from elsewhere whose own name is made to lead here learns nothing."""

from urllib.parse import urlsplit

from flask import Flask, abort, request

from aircue_cloud.config import Config, is_loopback


def register(app: Flask, config: Config) -> None:
    own = urlsplit(config.public_url).netloc.lower()

    def refuse_others() -> None:
        host = request.headers.get("Host", "")
        if not is_loopback(_name(host)) and not (own and host.lower() == own):
            names = f"127.0.0.1, [::1], localhost or {own}" if own else "127.0.0.1, [::1] or localhost"
            abort(400, f"this server is not called {host!r:.100}: use {names}")

    app.before_request(refuse_others)


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
