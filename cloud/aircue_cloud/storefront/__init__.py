"""What shoppers see: the shop's own pages, each person's page with their rights, and the snippet for other shops."""

from flask import Blueprint, Flask, Response, redirect, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from aircue_cloud.config import Config
from aircue_cloud.routes import browsers
from aircue_cloud.routes.access import public
from aircue_cloud.storefront import (
    buttons_page,
    cart,
    checkout,
    embed,
    following,
    frame,
    home,
    inbox,
    me,
    my_data,
    product_page,
    sandbox_page,
    support,
    wanted,
)

__all__ = ["refusal", "register"]

# A person's own pages are there whatever the shop does: rights do not go with a shop window.
OWN = (me, inbox, wanted, my_data, buttons_page, embed, support)
WINDOW = (home, product_page, cart, checkout, sandbox_page, following)

_files = Blueprint("shop_files", __name__, static_folder="static", static_url_path="/shop/static")


def register(app: Flask, config: Config) -> None:
    for module in (*OWN, *(WINDOW if config.has_storefront else ())):
        app.register_blueprint(module.blueprint)
    app.register_blueprint(_files)
    if not config.has_storefront:
        app.add_url_rule("/", "home", _console)


def refusal(error: HTTPException) -> Response | None:
    """An error as a page of the shop; None for the API and for what asks for no page."""
    if not browsers.wants_a_page() or request.path.startswith("/api/"):
        return None
    return frame.guard(frame.problem_page(error))


@_files.get("/sw.js")
@public
def service_worker() -> Response:
    """At the root, so that it may speak for every page."""
    return frame.script("sw.js", "no-cache")


@public
def _console() -> AnyResponse:
    return redirect("/console")
