"""A new need: a copy of one that is there, changed, tried on past readings, and then saved."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Response, redirect, request, url_for
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.errors import SettingsError
from aircue_cloud.needs import stored, toml
from aircue_cloud.needs.needs import Need
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame, wording
from aircue_cloud.web.pages import needs as of_needs
from aircue_cloud.web.pages.needs import DAYS, MOST_SITES, WRITE
from aircue_cloud.web.views import need_form, needs_shown, tried
from aircue_cloud.web.views.need_form import Draft, Field

blueprint = frame.blueprint("new_need", __name__)

_TYPED = "as it is typed"
_UNTRIED = "Not saved: try it on past readings first, as it stands now."


@blueprint.get("/new-need")
@requires(WRITE)
def page() -> Response:
    return _page(None, "", "", 200)


@blueprint.post("/new-need")
@requires(WRITE)
def write() -> Response:
    """Checks what was typed; tries it on past readings, or saves what was tried."""
    typed = request.form.to_dict()
    name = " ".join(typed.get("name", "").split())
    draft = _checked(name, of_needs.drafted(_template().document, typed))
    if draft.errors:
        return _page(draft, name, "Not saved: see what is marked below.", 422)
    if typed.get("do") != "save":
        return _page(draft, name, "This is how it would have been; nothing is saved yet.", 200)
    if typed.get("tried") != _mark(name, draft.document):
        return _page(draft, name, _UNTRIED, 422)
    return _saved(name, draft, typed.get("note", ""))


def _saved(name: str, draft: Draft, note: str) -> Response:
    here = services()
    try:
        with db.writing(here.engine) as connection:
            if _taken(connection, name):
                raise SettingsError(_said_taken(name))
            stored.save(connection, name, draft.document, of_needs.author(), note, here.intake.clock())
    except SettingsError as error:
        return _page(draft, name, f"Not saved: {error}", 422)
    here.live.forget()
    return redirect(url_for("console_needs.need", name=name, done="saved"), 303)  # type: ignore[return-value]  # Flask serves both


def _template() -> Need:
    """The one that is asked for; else the first that watches the air."""
    known = services().needs.by_name
    usual = next((need for need in known.values() if need.source == "room"), next(iter(known.values())))
    return known.get(request.values.get("from", ""), usual)


def _checked(name: str, draft: Draft) -> Draft:
    wrong = _name_trouble(name)
    fit = of_needs.checked(name, draft) if not wrong else draft
    return replace(fit, errors={**fit.errors, "name": wrong}) if wrong else fit


def _name_trouble(name: str) -> str:
    if not stored.NAME.fullmatch(name) or len(name) > stored.LONGEST_NAME:
        return (
            f"up to {stored.LONGEST_NAME} small letters and digits with single hyphens between them, such as damp-attic"
        )
    with db.reading(services().engine) as connection:
        return _said_taken(name) if _taken(connection, name) else ""


def _taken(connection: Connection, name: str) -> bool:
    return name in of_needs.shipped().by_name or bool(stored.history(connection, name))


def _said_taken(name: str) -> str:
    return f"there is a need {name} already: open it among the needs to change it, or take another name"


def _mark(name: str, document: Mapping[str, Any]) -> str:
    """Of what was tried, so that nothing else is saved under its trial."""
    return hashlib.sha256(json.dumps([name, document], sort_keys=True).encode()).hexdigest()[:16]


def _name_field(name: str, error: str) -> Field:
    hint = "as it stands in addresses and files, such as damp-attic"
    return Field(name="name", label="Name", value=name, hint=hint, error=error)


def _page(draft: Draft | None, name: str, said: str, status: int) -> Response:
    here, now, template = services(), services().intake.clock(), _template()
    shown = draft or Draft(document=template.document)
    fits = draft is not None and not draft.errors
    need = stored.check(name, shown.document) if fits else template
    with db.reading(here.engine) as connection:
        sites = needs_shown.sites(connection, need.rule.quantity, MOST_SITES)
        asked = of_needs.asked_for(sites)
        is_tried = fits and status == 200
        trials, trouble = of_needs.tried_on(connection, {_TYPED: need} if is_tried else {}, asked, now)
    unit = needs_shown.unit(need)
    sent_by = of_needs.TEXT_FORM if "toml" in shown.typed else of_needs.FORM
    kept = request.form.get("tried", "") if not is_tried else _mark(name, shown.document)
    return frame.page(
        "console/new_need.html",
        title="New need",
        status=status,
        crumbs=[("Needs", url_for("console_needs.page")), ("new", "")],
        files=url_for(".page"),
        listings=of_needs.trial_listings(trials, unit, sent_by),
        said=said,
        templates=list(here.needs.by_name.values()),
        base=template,
        draft_begun=draft is not None,
        name_field=_name_field(name, shown.errors.get("name", "")),
        quantity=need.rule.quantity,
        quantity_label=wording.quantity(need.quantity).label,
        unit=unit,
        form=need_form.form(shown, unit),
        text=shown.typed.get("toml", toml.written(shown.document)),
        text_error=shown.errors.get("toml", ""),
        as_text="toml" in shown.typed,
        note=request.form.get("note", ""),
        may_change=True,
        sites=sites,
        days=DAYS,
        asked=asked,
        tried_before=kept,
        trials=trials,
        compared=of_needs.compared(trials),
        panels=tried.panels(trials[-1], unit) if trials else [],
        trouble=trouble,
    )  # fmt: skip
