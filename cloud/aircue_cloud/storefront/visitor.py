"""Who looks at a page: somebody who is signed in, or anybody."""

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import abort
from sqlalchemy import Connection, func, select

from aircue_cloud import consents, tables
from aircue_cloud.decision import local_time, preferences
from aircue_cloud.decision.preferences import HOUSEHOLD, PERSON, Place, Wishes
from aircue_cloud.decision.settings import Settings
from aircue_cloud.homes import personalisation
from aircue_cloud.identity import sessions
from aircue_cloud.routes import browsers
from aircue_cloud.routes.access import shopper, signed_in

MARKETING, BEHAVIOUR, SENSOR = "marketing", "behaviour", "sensor"


def _utc() -> ZoneInfo:
    return ZoneInfo(local_time.UNSAID)


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """person, household: "" of somebody who is not signed in. personalised: whether anything may be fitted to them."""

    person: str = ""
    household: str = ""
    name: str = ""
    personalised: bool = False
    form_word: str = ""
    zone: ZoneInfo = field(default_factory=_utc)

    @property
    def is_known(self) -> bool:
        return self.person != ""


def somebody(connection: Connection, store: Settings) -> Visitor:
    """Of this request; anybody where no session of a person who is still there comes with it."""
    session = signed_in(sessions.SHOPPER)
    found = None if session is None else of_person(connection, session.subject, store)
    return found or Visitor(zone=_store_zone(store))


def known(connection: Connection, store: Settings) -> Visitor:
    """The person who is signed in; 401 for anybody else, 404 where they are in no household of this store."""
    found = of_person(connection, shopper(), store)
    if found is None:
        abort(404, "you are in no household of this store: ask the shop to add you to one")
    return found


def of_person(connection: Connection, person: str, store: Settings) -> Visitor | None:
    """None where nobody of that id is known."""
    table = tables.people.c
    columns = (table.household, table.name, personalisation.of_person().label("personalised"))
    query = select(*columns).join(tables.households).where(table.id == person)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Visitor(
        person=person,
        household=row.household,
        name=row.name,
        personalised=bool(row.personalised),
        form_word=sessions.form_word(browsers.session_cookie(sessions.SHOPPER) or ""),
        zone=place(connection, row.household, person, store).zone,
    )


def _store_zone(store: Settings) -> ZoneInfo:
    return local_time.zone(store.timezone) or _utc()


def wishes(connection: Connection, household: str, person: str) -> Wishes:
    return Wishes(
        person=preferences.of(connection, PERSON, person), household=preferences.of(connection, HOUSEHOLD, household)
    )


def place(connection: Connection, household: str, person: str, store: Settings) -> Place:
    """Where their clock stands: as offers to them see it."""
    return wishes(connection, household, person).place(home_zone(connection, household), store)


def home_zone(connection: Connection, household: str) -> str:
    """Of the first home whose zone somebody has said."""
    table = tables.sites.c
    said = (table.household == household, table.tz != local_time.UNSAID)
    query = select(table.tz).where(*said).order_by(table.id).limit(1)
    return str(connection.execute(query).scalar_one_or_none() or local_time.UNSAID)


def agrees(connection: Connection, household: str, category: str) -> bool:
    """To this category of data being used, through whichever channel it said so."""
    agreeing = consents.granting(purpose=MARKETING, data_category=category)
    return connection.execute(agreeing.where(tables.consents.c.household == household)).first() is not None


def gets_offers(connection: Connection, household: str, channel: str) -> bool:
    """Whether it agrees to offers that follow from its sensors coming this way."""
    asked = {"purpose": MARKETING, "data_category": SENSOR, "channel": channel}
    return bool(consents.granted(connection, household, **asked))


def may_be_followed(connection: Connection, visitor: Visitor) -> bool:
    """Whether what they look at may be written down."""
    return visitor.personalised and agrees(connection, visitor.household, BEHAVIOUR)


def in_cart(connection: Connection, visitor: Visitor) -> int:
    table = tables.cart_lines.c
    query = select(func.coalesce(func.sum(table.quantity), 0)).where(table.person == visitor.person)
    return int(connection.execute(query).scalar_one())


def unread(connection: Connection, visitor: Visitor) -> int:
    """Offers that came since they last read theirs."""
    table = tables.pushes.c
    theirs = (table.household == visitor.household, table.withdrawn_at.is_(None))
    to_them = table.person.is_(None) | (table.person == visitor.person)
    query = select(func.count()).select_from(tables.pushes).where(*theirs, to_them)
    until = read_until(connection, visitor)
    return int(connection.execute(query if until is None else query.where(table.created_at > until)).scalar_one())


def read_until(connection: Connection, visitor: Visitor) -> datetime | None:
    table = tables.inbox_reads.c
    found: datetime | None = connection.execute(
        select(table.read_until).where(table.person == visitor.person)
    ).scalar_one_or_none()
    return found
