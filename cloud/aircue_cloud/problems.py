"""Errors as RFC 9457 problem details, for every route of the API."""

import logging

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

CONTENT_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


def problem(status: int, title: str, detail: str) -> Response:
    """type about:blank: the status says what kind of problem it is, detail what to do about this one."""
    response = jsonify({"type": "about:blank", "title": title, "status": status, "detail": detail})
    response.status_code = status
    response.content_type = CONTENT_TYPE
    return response


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _our_fault)


def _http_problem(error: HTTPException) -> Response:
    response = problem(error.code or 500, error.name, error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after", "www-authenticate"):
            response.headers[name] = value
    return response


def _our_fault(error: Exception) -> Response:
    log.error("request failed", exc_info=error)
    return problem(500, "Internal Server Error", "the server failed; its log says why. Try again later.")
