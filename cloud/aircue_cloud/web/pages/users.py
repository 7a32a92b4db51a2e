"""Users and roles: who may sign in, with which role, and what each role may do. Owners add them, change them and take
them away; a removed one's sessions end at once."""

from collections.abc import Callable

from flask import Response, redirect, request, url_for
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import operators, passwords, scopes
from aircue_cloud.identity.operators import Operator
from aircue_cloud.identity.scopes import ROLES
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame
from aircue_cloud.web.listing import Cell, Listing, Row

blueprint = frame.blueprint("users", __name__)
READ, WRITE = "operators:read", "operators:write"


@blueprint.get("/users")
@requires(READ)
def page() -> Response:
    return _page("")


@blueprint.post("/users")
@requires(WRITE)
def add() -> Response:
    name, role = request.form.get("name", "").strip(), request.form.get("role", "")
    now = services().intake.clock()
    try:
        hashed = passwords.hashed(request.form.get("password", ""))
    except CommandError as error:
        return _page(f"Not added: {error}.", 422)
    return _done(lambda connection: operators.add(connection, name, hashed, role, now))


@blueprint.post("/users/<name>/role")
@requires(WRITE)
def change_role(name: str) -> Response:
    return _done(lambda connection: operators.set_role(connection, name, request.form.get("role", "")))


@blueprint.post("/users/<name>/remove")
@requires(WRITE)
def remove(name: str) -> Response:
    if request.form.get("sure") != "yes":
        return _page("Nothing was changed: tick the box if you are sure.", 422)
    return _done(lambda connection: operators.remove(connection, name))


def _done(change: Callable[[Connection], None]) -> Response:
    try:
        with db.writing(services().engine) as connection:
            change(connection)
    except CommandError as error:
        return _page(f"Nothing was changed: {error}.", 422)
    return redirect(url_for(".page"), 303)  # type: ignore[return-value]  # a werkzeug response; Flask serves both


def _page(said: str, status: int = 200) -> Response:
    with db.reading(services().engine) as connection:
        found = operators.listed(connection)
    return frame.page(
        "console/users.html",
        title="Users and roles",
        listings=[_users(found), _roles()],
        status=status,
        said=said,
        users=found,
        roles=list(ROLES),
        may=WRITE in who().scopes,
    )


def _users(found: list[Operator]) -> Listing:
    rows: list[Row] = [
        [
            one.name,
            one.role,
            Cell(text="yes", tone="good") if one.totp_on else Cell(text="no", tone="warn"),
            Cell(text=f"{one.added_at:%d %b %Y}", raw=one.added_at.isoformat()),
        ]
        for one in found
    ]
    columns = ("Name", "Role", "Second factor", "Added")
    empty = "Nobody signs in yet: whoever sits at this machine may do everything. Add an owner, and that ends."
    return Listing(name="users", caption="Users", columns=columns, rows=rows, empty=empty)


def _roles() -> Listing:
    rows: list[Row] = [
        [scope, *(Cell(text="yes", tone="good") if scope in ROLES[role] else None for role in ROLES)]
        for scope in sorted(scopes.ALL)
    ]
    return Listing(name="roles", caption="What each role may do", columns=("Permission", *ROLES), rows=rows, empty="")
