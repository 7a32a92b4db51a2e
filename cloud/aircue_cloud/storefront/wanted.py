"""What the person who is signed in wants of offers: needs by channel, quiet hours with their zone, language, how often;
and where they are reached."""

import zoneinfo
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
from flask import Response, abort, request, url_for
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.decision import preferences
from aircue_cloud.decision.preferences import PERSON, Preferences, PreferencesPatch
from aircue_cloud.delivery import addresses
from aircue_cloud.fields import Reason
from aircue_cloud.routes.access import by_shopper, shopper
from aircue_cloud.routes.services import config, services
from aircue_cloud.storefront import frame, visitor
from aircue_cloud.storefront.frame import Page

INBOX, BROWSER = "in-app", "web-push"

blueprint = frame.pages("shop_wanted", __name__)


@blueprint.get("/me/preferences")
@by_shopper
def show() -> Response:
    return _page()


@blueprint.post("/me/preferences")
@by_shopper
def save() -> Response:
    with db.writing(services().engine) as connection:
        page = frame.opened(connection, known=True)
        before = preferences.of(connection, PERSON, page.visitor.person)
        said = _patched(before, page)
        if not isinstance(said, str):
            preferences.store(connection, PERSON, page.visitor.person, said, page.now)
    if isinstance(said, str):
        return _page(422, bad=said)
    return frame.to(url_for("shop_wanted.show", said="saved"))


@blueprint.post("/me/preferences/wake")
@by_shopper
def wake() -> Response:
    """What was put off is so no longer."""
    with db.writing(services().engine) as connection:
        page = frame.opened(connection, known=True)
        before = preferences.of(connection, PERSON, page.visitor.person)
        left = {need: until for need, until in before.snoozed.items() if need != request.form.get("need")}
        said = preferences.patched(before, PreferencesPatch(snoozed=left))
        if isinstance(said, Preferences):
            preferences.store(connection, PERSON, page.visitor.person, said, page.now)
    return frame.to(url_for("shop_wanted.show", said="saved"))


@blueprint.post("/me/addresses/remove")
@by_shopper
def remove_address() -> Response:
    with db.writing(services().engine) as connection:
        id_ = request.form.get("address", "")
        if "\0" in id_ or not addresses.remove(connection, shopper(), id_):
            abort(404, "there is no such address")
    return frame.to(url_for("shop_wanted.show", said="saved", _anchor="reached"))


def channels() -> list[str]:
    """The inbox, and those that are switched on."""
    return [INBOX, *sorted(set(services().channels) - {INBOX})]


# What a form says.


def _patched(before: Preferences, page: Page) -> Preferences | str:
    """What holds from now on, or why not."""
    form = request.form
    try:
        patch = msgspec.convert(
            {
                "timezone": form.get("timezone") or None,
                "quiet_hours": _quiet_hours(form),
                "language": form.get("language") or None,
                "caps": _caps(before, form),
                "topics": _topics(before, form),
                "stopped": _stopped(before, form),
            },
            PreferencesPatch,
        )
    except msgspec.ValidationError as error:
        return page.t("preferences.bad", reason=str(error))
    found = preferences.patched(before, patch)
    return page.t("preferences.bad", reason=str(found)) if isinstance(found, Reason) else found


def _quiet_hours(form: Mapping[str, str]) -> str | None:
    kept: Mapping[str, str | None] = {"none": "", "own": f"{form.get('quiet_from')}-{form.get('quiet_to')}"}
    return kept.get(form.get("quiet", ""))


def _caps(before: Preferences, form: Mapping[str, str]) -> dict[str, Any]:
    """A field that is empty says nothing; what is no number is left to the patch to refuse."""
    said = {name: form.get(f"cap_{name}", "").strip() for name in ("day", "week")}
    told: dict[str, Any] = {name: _number(text) for name, text in said.items() if text}
    return told if "apart_h" not in before.caps else told | {"apart_h": before.caps["apart_h"]}


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _cells(form: Mapping[str, str]) -> Iterable[tuple[str, str, bool]]:
    """Need, channel and whether it is ticked, of what the page may show: a cell that is not there is not ticked."""
    for need in services().needs.by_name:
        for channel in channels():
            yield need, channel, f"topic:{need}:{channel}" in form


def _topics(before: Preferences, form: Mapping[str, str]) -> dict[str, dict[str, bool]]:
    """Only what differs from what holds already is said anew."""
    topics = {need: dict(said) for need, said in before.topics.items()}
    for need, channel, ticked in _cells(form):
        if ticked is before.has_muted(need, channel):
            topics.setdefault(need, {})[channel] = ticked
    return topics


def _stopped(before: Preferences, form: Mapping[str, str]) -> list[str]:
    known = services().needs.by_name
    others = [need for need in before.stopped if need not in known]
    return sorted([*others, *(need for need in known if f"stopped:{need}" in form)])


# What the page shows.


def _page(status: int = 200, bad: str = "") -> Response:
    store = config().pushes
    with db.reading(services().engine) as connection:
        page = frame.opened(connection, known=True)
        who = page.visitor
        wishes = visitor.wishes(connection, who.household, who.person)
        content: dict[str, Any] = {
            "mine": wishes.person,
            "home_says_more": bool(wishes.household.topics or wishes.household.stopped or wishes.household.snoozed),
            "home_zone": visitor.home_zone(connection, who.household),
            "reached": _reached(connection, who.person),
            "push_agrees_to": _not_agreed(connection, who.household),
        }
    return frame.shown(
        page,
        "preferences.html",
        status,
        **content,
        needs=list(services().needs.by_name),
        channels=channels(),
        store=store,
        zones=zones(),
        browser_push=BROWSER in services().channels,
        bad=bad,
        saved=request.args.get("said") == "saved",
    )


def _not_agreed(connection: Connection, household: str) -> list[str]:
    """What switching Web Push on agrees to: an offer is handed to a browser only beside the inbox."""
    return [one for one in (INBOX, BROWSER) if not visitor.gets_offers(connection, household, one)]


def _reached(connection: Connection, person: str) -> list[dict[str, Any]]:
    found = addresses.of_person(connection, person)
    return [
        {"id": row.id, "channel": row.channel, "text": _told(row), "ended": row.ended_at is not None} for row in found
    ]


def _told(row: Any) -> str:
    """What a person knows an address by; of a browser the host of its push service."""
    address = row.address
    if row.channel == BROWSER:
        return str(address["endpoint"]).split("/")[2]
    return str(next((address[name] for name in ("email", "url", "phone", "site", "target") if name in address), ""))


@cache
def zones() -> tuple[str, ...]:
    """Those that are called after a place, and UTC."""
    return (
        "UTC",
        *sorted(
            name
            for name in zoneinfo.available_timezones()
            if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix", "right"))
        ),
    )
