"""The audit log; and what adds to it: every write of an operator or a key."""

from typing import Any

from flask import Blueprint, Flask, Response, g, request

from aircue_cloud import audit, db
from aircue_cloud.audit import Act, Entry
from aircue_cloud.routes import browsers, wire
from aircue_cloud.routes.access import Actor, requires
from aircue_cloud.routes.services import services

blueprint = Blueprint("audit", __name__, url_prefix="/api/v1/audit")
_WRITERS = ("operator", "partner", "node", "nobody", "shopper")  # a gateway's batches say themselves whose they are
_OK = 400


@blueprint.get("")
@requires("audit:read")
def get() -> dict[str, Any]:
    after, limit = wire.page()
    with db.reading(services().engine) as connection:
        rows = [_fields(entry) for entry in audit.listed(connection, after, limit)]
    return {"rows": rows, "next": rows[-1]["id"] if rows else after}


def register(app: Flask) -> None:
    app.after_request(_write_down)


def _fields(entry: Entry) -> dict[str, Any]:
    return {**vars(entry), "at": wire.iso(entry.at)}


def _write_down(response: Response) -> Response:
    actor: Actor | None = g.get("actor")
    if actor is not None and actor.kind in _WRITERS and browsers.changes():
        act = Act(
            actor=f"{actor.kind} {actor.name}".strip(),
            action=f"{request.method} {request.endpoint}",
            target=request.path.replace("\0", "%00"),  # which PostgreSQL cannot hold
            outcome=audit.DONE if response.status_code < _OK else str(response.status_code),
            address=browsers.address(),
        )
        with db.writing(services().engine) as connection:
            audit.append(connection, act, services().intake.clock())
    return response
