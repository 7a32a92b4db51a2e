"""Refusals as pages in the console's frame, with the next step. What asks for no page gets a problem document."""

import logging

from flask import Response, current_app, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from aircue_cloud import texts
from aircue_cloud.routes import browsers, language
from aircue_cloud.web import frame

PLACES = ("/console", "/sign-in", "/sign-out", "/account")
_KEPT = ("allow", "retry-after", "www-authenticate")
log = logging.getLogger(__name__)


def page(error: HTTPException) -> Response | None:
    """None where this is none of the console's pages, or nobody looks at it."""
    here = any(request.path == one or request.path.startswith(f"{one}/") for one in PLACES)
    if not here or not browsers.wants_a_page():
        return None
    status, words = error.code or 500, texts.of(language.wanted())
    title, step = texts.refusal(words, status)
    shown = {"title": title, "step": step, "detail": error.description or error.name, "status": status, "t": words}
    response = frame.guard(make_response(_drawn(shown), status))
    for name, value in error.get_headers():
        if name.lower() in _KEPT:
            response.headers[name] = value
    return response


def _drawn(shown: dict[str, object]) -> str:
    """In the frame; without it where nobody may be known, or not even that can be found out."""
    try:
        return render_template("console/refused.html", **{**frame.framed(), **shown})
    except HTTPException:
        return render_template("refused.html", **shown)
    except Exception as failure:
        log.error("the frame of a refusal failed as well", exc_info=failure)
        return current_app.jinja_env.get_template("refused.html").render(**shown, url_for=current_app.url_for)
