"""Enrolment: a one-time code for a key, so that no key has to be carried by hand."""

from typing import Any

from flask import Blueprint, abort

from aircue_cloud import audit, db
from aircue_cloud.audit import Act
from aircue_cloud.identity import codes, keys, rates, tokens
from aircue_cloud.routes import browsers, limits, wire
from aircue_cloud.routes.access import public
from aircue_cloud.routes.services import enter, services

blueprint = Blueprint("enrolments", __name__, url_prefix="/api/v1/enrolments")


@blueprint.post("")
@public
def post() -> tuple[dict[str, Any], int]:
    """Only the code says who this is; the key is shown here, once."""
    code = wire.fields({"code": str})["code"]
    limits.must_not_be_too_often(rates.CODES_BY_ADDRESS, browsers.address())
    enter(tokens.store_of(code))
    now = services().intake.clock()
    with db.writing(services().engine) as connection:
        found = codes.use(connection, codes.ENROLLED, code, now)
        if found is None:
            abort(401, "this code is not known, was used or is over: make another one with: aircue-cloud gateway enrol")
        kind, name = found
        key = keys.issue(connection, kind, name, now)
        act = Act(actor=f"{kind} {name}", action="enrol", target=name, address=browsers.address())
        audit.append(connection, act, now)
    return {"kind": kind, "name": name, "key": key}, 201
