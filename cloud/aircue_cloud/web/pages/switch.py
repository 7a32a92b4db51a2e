"""The switch that stops all pushes of the store: what it stands at, and moving it, which is asked about twice."""

from flask import Response, redirect, request, url_for

from aircue_cloud import audit, db
from aircue_cloud.audit import Act
from aircue_cloud.decision import kill_switch
from aircue_cloud.routes import browsers
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame

blueprint = frame.blueprint("switch", __name__)
NEEDED = "pushes:write"
LONGEST = 200
_STOP, _START = "stop", "start"


@blueprint.get("/switch")
@requires("status:read")
def page() -> Response:
    return _page("")


@blueprint.post("/switch")
@requires(NEEDED)
def move() -> Response:
    """Stopping needs a reason, which every decision's record then says; either needs the box ticked."""
    reason, action = request.form.get("reason", "").strip()[:LONGEST], request.form.get("action", "")
    if action not in (_STOP, _START):
        return _page("Nothing was changed: the form did not say whether to stop or to start.", 422)
    if request.form.get("sure") != "yes":
        return _page("Nothing was changed: tick the box if you are sure.", 422)
    if action == _STOP and not reason:
        return _page("Nothing was changed: say why, because every decision meanwhile is recorded with it.", 422)
    _move(on=action == _START, reason=reason if action == _STOP else "")
    return redirect(url_for(".page"), 303)  # type: ignore[return-value]  # a werkzeug response; Flask serves both


def _move(*, on: bool, reason: str) -> None:
    now, actor = services().intake.clock(), who()
    act = Act(
        actor=f"{actor.kind} {actor.name}".strip(),
        action="pushes start" if on else "pushes stop",
        target=reason,
        address=browsers.address(),
    )
    with db.writing(services().engine) as connection:
        kill_switch.switch(connection, now, on=on, reason=reason)
        audit.append(connection, act, now)


def _page(said: str, status: int = 200) -> Response:
    with db.reading(services().engine) as connection:
        off = kill_switch.switched_off(connection)
    return frame.page(
        "console/switch.html",
        title="Stop or start pushes",
        crumbs=[("Now", url_for("console.console")), ("Pushes", "")],
        status=status,
        off=off,
        said=said,
        reason=request.form.get("reason", ""),
        longest=LONGEST,
        may=NEEDED in who().scopes,
    )
