"""Errors as RFC 9457 problem details, for every route of the API."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException, InternalServerError

CONTENT_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


def problem(status: int, title: str, detail: str) -> Response:
    """type about:blank: the status says what kind of problem it is, detail what to do about this one."""
    response = jsonify({"type": "about:blank", "title": title, "status": status, "detail": detail})
    response.status_code = status
    response.content_type = CONTENT_TYPE
    return response


# Draws an error as a page; None where no page was asked for, or it is another's.
Page = Callable[[HTTPException], Response | None]


def register(app: Flask, pages: Sequence[Page] = ()) -> None:
    """pages: the first that draws one is served; a problem document where none does."""
    app.register_error_handler(HTTPException, partial(_told, pages))
    app.register_error_handler(Exception, partial(_our_fault, pages))


def _told(pages: Sequence[Page], error: HTTPException) -> Response:
    drawn = (page(error) for page in pages)
    return next((one for one in drawn if one is not None), None) or _http_problem(error)


def _http_problem(error: HTTPException) -> Response:
    response = problem(error.code or 500, error.name, error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after", "www-authenticate"):
            response.headers[name] = value
    return response


def _our_fault(pages: Sequence[Page], error: Exception) -> Response:
    log.error("request failed", exc_info=error)
    return _told(pages, InternalServerError("the server failed; its log says why. Try again later."))
